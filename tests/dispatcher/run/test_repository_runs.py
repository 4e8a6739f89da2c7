"""Tasks that change a repository, in a real dispatcher with a real git: what an agent leaves is in the repository."""

import os
from pathlib import Path

import pytest

from tests.dispatcher.repositories.making import needs_lfs
from tests.fixtures.dispatchers import Site
from tests.fixtures.repositories import Repository

COMMIT = "git -c user.name=agent -c user.email=agent@localhost commit -q"


@pytest.fixture
def repository(tmp_path: Path) -> Repository:
    return Repository(tmp_path / "shop")


@pytest.fixture
def site(site: Site, repository: Repository) -> Site:
    site.configure("security", allow_commands=True)
    site.configure("repositories", shop={"path": str(repository.path)})
    return site


def change(site: Site, number: int, run_no: int = 1) -> dict[str, object]:
    (row,) = site.sql(
        "SELECT c.* FROM run_changes AS c JOIN task_runs AS r ON r.id = c.run_id "
        "JOIN tasks AS t ON t.id = r.task_id WHERE number = %s AND r.run_no = %s",
        number,
        run_no,
    )
    return row


def test_what_an_agent_leaves_is_in_the_repository_with_a_patch(site: Site, repository: Repository) -> None:
    before = repository.git("status", "--porcelain=v2", "--branch")
    number = site.submit(
        f"echo more >>hello.txt; {COMMIT} -am 'say more'; echo staged >new; git add new; echo left >left; echo done",
        repository="shop",
    )

    site.run()

    task, made = site.task(number), change(site, number)
    assert task["status"] == "succeeded", task["error_message"]
    assert task["base_commit"] == repository.git("rev-parse", "HEAD").strip()
    assert made["ref"] == f"refs/llmctl/{number}/1"
    assert (made["files"], made["insertions"], made["problem"]) == (3, 3, None)
    assert repository.show(str(made["ref"]), "hello.txt") == "hello\nmore\n"
    assert repository.show(str(made["ref"]), "left") == "left\n"
    assert repository.git("status", "--porcelain=v2", "--branch") == before
    (file,) = site.sql("SELECT * FROM task_files WHERE NOT is_input")
    assert file["path"] == ".llmctl/changes.patch"
    assert b"+more" in file["content"]
    assert site.runs(number)[0]["output_files"] == [".llmctl/changes.patch"]
    assert list(site.workspace(number).parent.glob("*-*")) == [], "the workspace is removed"


@needs_lfs
def test_what_a_setup_pulled_from_lfs_is_no_change_and_an_edited_file_is_a_pointer(
    site: Site, repository: Repository
) -> None:
    repository.git("lfs", "install", "--local")
    for name in ("left.bin", "edited.bin"):
        (repository.path / name).write_text("large\n")
    (repository.path / ".gitattributes").write_text("*.bin filter=lfs -text\n")
    repository.git("add", ".")
    repository.git("-c", "user.name=me", "-c", "user.email=me@localhost", "commit", "-qm", "large files")
    number = site.submit(
        "grep -q large left.bin && echo more >>edited.bin; echo done",
        repository="shop",
        setup_command="git lfs install --local && git lfs pull",
        check_command="grep -q more edited.bin",
    )

    site.run()

    task, made = site.task(number), change(site, number)
    assert task["status"] == "succeeded", task["error_message"]
    assert (made["files"], made["problem"]) == (1, None)
    assert repository.show(str(made["ref"]), "edited.bin").endswith("\nsize 11\n")
    repository.git("checkout", "-q", str(made["ref"]))
    assert (repository.path / "edited.bin").read_text() == "large\nmore\n"


@pytest.mark.parametrize("end", ["exit 3", "rm -rf .git; echo done", "echo x >.git/index; echo done"])
def test_the_work_of_an_agent_that_fails_or_breaks_its_repository_is_recorded(
    site: Site, repository: Repository, end: str
) -> None:
    number = site.submit(f"echo precious >work; {end}", repository="shop", max_attempts=1)

    site.run()

    assert repository.show(f"refs/llmctl/{number}/1", "work") == "precious\n"


def test_the_work_of_an_agent_that_is_stopped_is_recorded(site: Site, repository: Repository) -> None:
    number = site.submit("echo precious >work; sleep 1000", repository="shop", timeout_s=1, max_attempts=1)

    site.run()

    assert site.task(number)["error_class"] == "timeout"
    assert repository.show(f"refs/llmctl/{number}/1", "work") == "precious\n"


def test_git_finds_no_repository_above_the_clone_when_its_own_is_gone(
    site: Site, repository: Repository
) -> None:
    above = site.work_dir
    Repository(above)
    before = (above / ".git" / "index").read_bytes()
    look = "git rev-parse --show-toplevel && echo found"
    number = site.submit(
        f"rm -rf .git; {look}; echo x >x; git add x; echo done",
        repository="shop",
        setup_command=f"cd .. && {look}; true",
        check_command=f"{look} >>{site.journal}; true",
    )

    site.run()

    assert site.task(number)["result"]["text"] == "done"
    assert site.journal_lines() == []
    assert (above / ".git" / "index").read_bytes() == before


def test_each_attempt_has_a_clone_and_a_ref_of_its_own(site: Site, repository: Repository) -> None:
    number = site.submit(
        "test -e mine && echo mixed; echo $LLMCTL_RUN >mine; echo done; exit",
        repository="shop",
        check_command=f"echo x >>{site.journal}; test $(wc -l <{site.journal}) = 2",
    )

    site.run()

    assert site.task(number)["status"] == "succeeded"
    first, second = (repository.show(f"refs/llmctl/{number}/{run}", "mine").strip() for run in (1, 2))
    assert [first, second] == [str(run["id"]) for run in site.runs(number)]
    assert change(site, number, 1)["base_commit"] == change(site, number, 2)["base_commit"]


def test_a_check_sees_what_was_recorded_and_what_it_changes_is_not(
    site: Site, repository: Repository
) -> None:
    number = site.submit(
        "echo work >file; echo done",
        repository="shop",
        setup_command="test -d .git && echo ready >.ready",
        check_command="test -e .ready; cat file; echo changed >file",
    )

    site.run()

    assert site.task(number)["status"] == "succeeded"
    assert repository.show(f"refs/llmctl/{number}/1", "file") == "work\n"


def test_commands_of_the_configuration_run_unless_the_task_has_its_own(site: Site) -> None:
    site.configure("security", allow_commands=False)
    path = str(site.directory / "shop")
    site.configure("repositories", shop={"path": path, "check": f"echo config >>{site.journal}"})
    checked = site.submit("echo done", repository="shop")
    unchecked = site.submit("echo done", repository="shop", check_command="")

    site.run()

    assert [site.task(number)["status"] for number in (checked, unchecked)] == ["succeeded"] * 2
    assert site.journal_lines() == ["config"]


@pytest.mark.parametrize(("no_changes", "ends_as"), [("fail", "no_changes"), ("succeed", None), (None, None)])
def test_an_agent_that_changed_nothing_is_told_apart(
    site: Site, no_changes: str | None, ends_as: str | None
) -> None:
    number = site.submit(
        "echo done", repository="shop", no_changes=no_changes, check_command=f"echo checked >>{site.journal}"
    )

    site.run()

    assert site.task(number)["error_class"] == ends_as
    assert site.journal_lines() == ([] if ends_as else ["checked"])
    assert change(site, number)["files"] == 0


@pytest.mark.parametrize(
    ("fields", "error_class", "says"),
    [
        ({"repository": "unknown"}, "invalid_request", "not a repository that config.yaml names"),
        ({"repository": "/etc"}, "permission_denied", "security.allowed_roots"),
        ({"repository": "shop", "ref": "nowhere"}, "invalid_request", "no branch, tag or commit 'nowhere'"),
    ],
)
def test_a_repository_that_cannot_be_used_is_refused_in_a_sentence(
    site: Site, fields: dict[str, str], error_class: str, says: str
) -> None:
    given: dict[str, object] = {**fields}
    number = site.submit("echo x >>$SITE/journal; echo done", tool="sh", **given)

    site.run()

    task = site.task(number)
    assert (task["status"], task["error_class"]) == ("failed", error_class)
    assert says in task["error_message"]
    assert site.journal_lines() == []


def test_input_files_lie_in_the_clone(site: Site, repository: Repository) -> None:
    number = site.submit(
        "cat data/in.txt; rm data/in.txt",
        repository="shop",
        input_files=[{"path": "data/in.txt", "content": "from outside\n"}],
    )

    site.run()

    assert site.task(number)["result"]["text"] == "from outside"
    assert repository.git("ls-tree", "-r", "--name-only", f"refs/llmctl/{number}/1") == "hello.txt\n"


INPUTS = [
    {"path": "data/spec [1].md", "content": "as given\n"},
    {"path": "edited", "content": "as given\n"},
    {"path": "large", "content": "x" * 2**20},
    {"path": "hello.txt", "content": "hello\n"},
]


@pytest.mark.parametrize(
    "ignores", ["", "printf '*\\n!*.md\\n!edited\\n!mine\\n!.gitignore\\n' >.gitignore; "]
)
def test_input_files_that_the_agent_left_as_they_were_are_no_part_of_its_change(
    site: Site, repository: Repository, ignores: str
) -> None:
    number = site.submit(
        f"{ignores}echo more >>edited; echo new >>hello.txt; echo mine >mine; chmod +x data/*; echo done",
        repository="shop",
        check_command="test -e 'data/spec [1].md' && test -e large",
        input_files=INPUTS,
    )

    site.run()

    assert site.task(number)["status"] == "succeeded", site.task(number)["error_message"]
    ref = f"refs/llmctl/{number}/1"
    expected = {"edited", "hello.txt", "mine"} | ({".gitignore"} if ignores else set())
    assert set(repository.git("ls-tree", "-r", "--name-only", ref).splitlines()) == expected
    assert repository.show(ref, "edited") == "as given\nmore\n"


def test_an_agent_that_commits_everything_does_not_commit_its_input_files_unless_it_insists(
    site: Site, repository: Repository
) -> None:
    number = site.submit(
        f"echo mine >mine; git add -A; {COMMIT} -m one; git status --porcelain; "
        f"git add -f large; {COMMIT} -m two; echo done",
        repository="shop",
        input_files=INPUTS,
    )

    site.run()

    ref = f"refs/llmctl/{number}/1"
    assert site.task(number)["result"]["text"] == "done", "git has nothing to say of input files"
    assert repository.git("log", "--format=%s", f"{ref}~2..{ref}").splitlines() == ["two", "one"]
    assert repository.git("ls-tree", "-r", "--name-only", f"{ref}~").split() == ["hello.txt", "mine"]
    assert repository.git("ls-tree", "-r", "--name-only", ref).split() == ["hello.txt", "large", "mine"]


def test_an_agent_that_only_got_input_files_changed_nothing(site: Site, repository: Repository) -> None:
    number = site.submit("echo done", repository="shop", no_changes="fail", input_files=INPUTS)

    site.run()

    assert site.task(number)["error_class"] == "no_changes"


def test_declared_output_files_are_part_of_the_change(site: Site, repository: Repository) -> None:
    number = site.submit("echo out >out; echo done", repository="shop", output_files=["out"])

    site.run()

    assert site.task(number)["status"] == "succeeded"
    assert repository.show(f"refs/llmctl/{number}/1", "out") == "out\n"


def test_what_cannot_be_recorded_stays_and_the_task_says_where(site: Site, repository: Repository) -> None:
    number = site.submit(
        f"echo precious >work; mv {repository.path} {repository.path}.away; echo done", repository="shop"
    )

    site.run()

    task, made = site.task(number), change(site, number)
    assert (task["status"], task["error_class"]) == ("failed", "not_recorded")
    assert (made["ref"], made["kept_in"]) == (None, str(site.workspace(number) / "work"))
    assert str(made["kept_in"]) in task["error_message"]
    assert (site.workspace(number) / "work" / "work").read_text() == "precious\n"

    Path(f"{repository.path}.away").rename(repository.path)
    site.start().wait_for("recorded what a run had left", task=number)

    assert repository.show(f"refs/llmctl/{number}/1", "work") == "precious\n"


SESSION = """
{ cat "$1"; echo; echo --; } >>$SITE/told
echo ${2:-begun} >>session
pwd >>$SITE/places
echo '{"answer": "done", "session": "s-1"}'
"""


@pytest.fixture
def talking(site: Site) -> Site:
    """A site with a tool whose sessions can go on."""
    agent = site.directory / "agent.sh"
    agent.write_text(SESSION)
    argv = ["sh", str(agent), "{prompt_file}", "{session}"]
    site.configure("tools", talk={"argv": argv, "output": "jsonl", "answer": "answer", "session": "session"})
    site.configure("groups", talk={"tool": "talk", "env": {"SITE": str(site.directory)}})
    return site


def places(site: Site) -> list[str]:
    return (site.directory / "places").read_text().splitlines()


def test_a_check_that_failed_goes_on_with_the_session_in_its_clone(
    talking: Site, repository: Repository
) -> None:
    site = talking
    number = site.submit(
        "make it pass",
        tool="talk",
        repository="shop",
        setup_command=f"echo setup >>{site.journal}",
        check_command="echo 1 failed; test $(wc -l <session) = 2",
    )

    site.run()

    assert site.task(number)["status"] == "succeeded"
    assert places(site) == [str(site.workspace(number, 1) / "work")] * 2
    assert site.journal_lines() == ["setup"]
    first, second = (site.directory / "told").read_text().split("--\n")[:2]
    assert first == "make it pass\n"
    assert second.startswith("Your work is not done yet: the check `echo 1 failed;")
    assert "make it pass" not in second
    assert repository.show(f"refs/llmctl/{number}/1", "session") == "begun\n"
    assert repository.show(f"refs/llmctl/{number}/2", "session") == "begun\ns-1\n"


def test_a_reply_goes_on_in_the_clone_and_its_change_is_recorded_under_its_own_number(
    talking: Site, repository: Repository
) -> None:
    site = talking
    first = site.submit("begin", tool="talk", repository="shop")
    site.run()
    (row,) = site.sql("SELECT number FROM reply_task(%s, 'go on')", str(first))
    second = int(row["number"])

    site.run()

    assert site.task(second)["status"] == "succeeded", site.task(second)["error_message"]
    assert places(site) == [str(site.workspace(first) / "work")] * 2
    assert repository.show(f"refs/llmctl/{second}/1", "session") == "begun\ns-1\n"
    assert change(site, second)["base_commit"] == change(site, first)["base_commit"]


def test_the_directory_of_a_session_goes_when_its_time_is_over_unless_its_clone_is_not_recorded(
    talking: Site, repository: Repository
) -> None:
    site = talking
    site.configure("execution", keep_sessions=1)
    recorded = site.submit("begin", tool="talk", repository="shop")
    unrecorded = site.submit("begin", tool="talk", repository="shop")
    site.run()
    kept = [site.workspace(number) for number in (recorded, unrecorded)]
    assert all((place / "work" / "session").exists() for place in kept)
    (kept[1] / "repository" / "recorded").unlink()
    for place in kept:
        os.utime(place / "kept", (0, 0))
    repository.path.rename(f"{repository.path}.away")

    site.run()

    assert [place.exists() for place in kept] == [False, True]
