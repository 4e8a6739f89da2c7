"""`llmctl submit --dry-run`: what would be submitted is shown whole, and nothing is asked of a database."""

import subprocess

import msgspec

from tests.cli.conftest import Llmctl


def test_a_file_is_checked_and_its_first_tasks_are_shown(without_database: Llmctl) -> None:
    (without_database.directory / "modules.csv").write_text("module,owner\nlogin,A\nbilling,B\na,C\nb,D\n")
    dry = (
        "submit",
        "--from",
        "modules.csv",
        "claude",
        "Test {{module}}",
        "--input",
        "modules.csv",
        "--dry-run",
    )
    shown = without_database(*dry)
    assert (shown.code, shown.out.count("modules.csv:")) == (0, 3)
    assert '"prompt": "Test login"' in shown.out
    assert '"content_base64": "… 39 B"' in shown.out
    assert shown.err == "not used: owner\n4 tasks would be submitted; the database was not asked\n"


def test_programs_get_all_tasks_as_submit_tasks_takes_them(without_database: Llmctl) -> None:
    rows = "".join(f'{{"module": "{name}", "priority": "7"}}\n' for name in "abcde")
    said = without_database(
        "submit", "--from", "-", "claude", "{{module}}", "--dry-run", "-o", "json", stdin=rows
    )
    tasks = [msgspec.json.decode(line) for line in said.out.splitlines()]
    assert tasks == [{"priority": 7, "tool": "claude", "prompt": name} for name in "abcde"]


def test_a_bad_row_ends_with_2(without_database: Llmctl) -> None:
    said = without_database("submit", "--from", "-", "claude", "x", "--dry-run", stdin='{}\n{"priority": 0}')
    assert said.code == 2
    assert said.err.startswith("error: standard input:2: priority: '0' is not a whole number from 1 to 9")


def test_one_task_is_shown_too_with_its_directory_from_here(without_database: Llmctl) -> None:
    unknown = without_database("submit", "claude", "hi", "--workdir", "~no-such-user/x", "--dry-run")
    assert (unknown.code, unknown.err) == (
        2,
        "error: '~no-such-user/x' names a home directory that does not exist; write the path in full\n",
    )
    said = without_database("submit", "claude", "hi", "--workdir", "sub/../other", "--dry-run")
    task = msgspec.json.decode(said.out, type=dict[str, object])
    assert task == {"tool": "claude", "prompt": "hi", "workdir": str(without_database.directory / "other")}


def test_what_the_run_would_be_refused_is_refused_at_submit(without_database: Llmctl) -> None:
    """Where no dispatcher of another host could think otherwise."""
    environment = dict(without_database.environment)
    del environment["LLMCTL_DATABASE_URL"]  # an embedded server would be used, but a dry run asks none
    site = Llmctl(without_database.directory, environment)
    repository = site.directory / "shop"
    commit = "-c user.name=n -c user.email=e commit -q --allow-empty -m first"
    for arguments in ("init -q", commit):
        repository.mkdir(exist_ok=True)
        subprocess.run(["git", *arguments.split()], cwd=repository, check=True)
    (site.directory / "config.yaml").write_text(
        f"security: {{enforce_path_whitelist: true, allowed_roots: [{site.directory}]}}"
    )
    submit = ("submit", "claude", "hi", "--dry-run")
    for refused, why in (
        (("--permission", "full"), "set security.allow_dangerous_flags, or submit it with --permission edit"),
        (("--workdir", "/etc"), "/etc is not below any of this dispatcher's security.allowed_roots"),
        (("--repo", str(repository), "--ref", "nothing"), "has no branch, tag or commit 'nothing'"),
    ):
        said = site(*submit, *refused)
        assert (said.code, said.out) == (2, "")
        assert why in said.err
    for granted in (
        ("--permission", "edit"),
        ("--workdir", str(site.directory)),
        ("--repo", str(repository), "--ref", "HEAD"),
        ("--repo", str(repository), "--ref", "comes-later", "--after", "1"),
    ):
        assert site(*submit, *granted).code == 0
