"""Agents that write down tasks for others, with real dispatchers and the real command."""

import json
from collections.abc import Mapping, Sequence

import pytest

from dispatcher.errors import UsageError
from dispatcher.run.spawning import SETTABLE, spawned_tasks
from dispatcher.task_rows.fields import ROW_FIELDS
from tests.fixtures.dispatchers import Site
from tests.fixtures.repositories import Repository

PLAN = """
echo plan | tee -a "$SITE/journal"
cat >tasks.jsonl <<'END'
{"prompt": "echo a | tee -a $SITE/journal", "step": "a"}
{"prompt": "echo b | tee -a $SITE/journal", "step": "b", "after": ["a"], "label": "part=b"}

{"prompt": "echo c | tee -a $SITE/journal", "after": "b", "retry delay": "10s"}
END
"""
JOIN = "echo join | tee -a $SITE/journal"
CORRIGIBLE = """
echo "$2:$(tail -n +1 "$1")" >>"$SITE/told"
if [ -n "$2" ]; then echo '{"prompt": "mended"}' >tasks.jsonl; else cp "$SITE/first" tasks.jsonl; fi
echo '{"answer": "done", "session": "s-1"}'
"""


def spawned_by(site: Site, number: int) -> Sequence[Mapping[str, object]]:
    return site.sql(
        "SELECT c.* FROM tasks AS c JOIN tasks AS p ON p.id = c.parent WHERE p.number = %s ORDER BY number", number
    )  # fmt: skip


def test_a_plan_its_tasks_and_what_comes_after_all_of_them_run_one_after_the_other_in_one_slot(
    site: Site,
) -> None:
    site.configure("groups", sh={"max_concurrent": 1})
    plan = site.submit(PLAN, spawns="tasks.jsonl")
    join = site.submit(JOIN, after_tree=[plan], priority=9)

    site.run()

    assert site.journal_lines() == ["plan", "a", "b", "c", "join"], site.summary()
    assert site.task(join)["status"] == "succeeded"
    assert [task["labels"] for task in spawned_by(site, plan)] == [{}, {"part": "b"}, {}]
    assert [file["path"] for file in site.sql("SELECT path FROM list_files(%s)", str(plan))] == [
        "tasks.jsonl"
    ]


def test_the_tasks_of_an_agent_that_outlives_its_dispatcher_are_spawned_once(site: Site) -> None:
    gate = site.gate()
    plan = site.submit(f'echo >"$SITE/begun"; flock -s "$SITE/gate" true; {PLAN}', spawns="tasks.jsonl")
    dispatcher = site.start()
    site.wait_until((site.directory / "begun").exists)
    dispatcher.kill()
    gate.open()

    site.run()

    assert len(spawned_by(site, plan)) == 3
    assert site.journal_lines() == ["plan", "a", "b", "c"]


@pytest.mark.parametrize(
    ("make", "error_class"),
    [
        ("true", "output_missing"),
        ('echo \'{"prompt": "p"}\' >"$SITE/far"; ln -s "$SITE/far" tasks.jsonl', "output_missing"),
        ("truncate -s 2M tasks.jsonl", "spawn_refused"),
        ('echo \'{"prompt": "p", "input": "/etc/passwd"}\' >tasks.jsonl', "spawn_refused"),
    ],
    ids=["no file", "a link", "too large", "a file of the host"],
)
def test_a_success_without_a_file_of_tasks_that_can_be_used_is_a_failure(
    site: Site, make: str, error_class: str
) -> None:
    plan = site.submit(f"echo done; {make}", spawns="tasks.jsonl", max_attempts=1)

    site.run()

    assert (site.task(plan)["status"], site.task(plan)["error_class"]) == ("failed", error_class)
    assert len(site.summary()) == 1


TALK = {"output": "jsonl", "answer": "answer", "session": "session"}
STALE = '{"prompt": "echo stale | tee -a $SITE/journal"}'
FRESH = STALE.replace("stale", "fresh")


def test_a_file_of_tasks_that_was_there_before_the_agent_is_nothing_that_it_wrote(site: Site) -> None:
    """In a clone, in a directory that the task chose, among its input files, and from its setup."""
    chosen = site.directory / "chosen"
    chosen.mkdir()
    repository = Repository(site.directory / "shop")
    (repository.path / "tasks.jsonl").write_text(STALE)
    repository.git("add", "tasks.jsonl")
    repository.git("-c", "user.name=me", "-c", "user.email=me@localhost", "commit", "-qm", "tasks")
    site.configure("security", allow_commands=True, allowed_roots=[str(site.directory)])
    site.configure("repositories", shop={"path": str(repository.path)})
    (chosen / "tasks.jsonl").write_text(STALE)
    given = [{"path": "tasks.jsonl", "content": STALE}]
    options: list[dict[str, object]] = [
        {"workdir": str(chosen)},
        {"repository": "shop"},
        {"input_files": given},
        {"setup_command": f"echo '{STALE}' >tasks.jsonl"},
    ]
    idle = site.submit_many(
        [
            {"tool": "sh", "prompt": "echo done", "spawns": "tasks.jsonl", "max_attempts": 1, **each}
            for each in options
        ]
    )
    busy = site.submit(f"echo '{FRESH}' >tasks.jsonl; echo done", input_files=given, spawns="tasks.jsonl")

    site.run()

    message = "the agent did not write tasks.jsonl: it is as it was before the agent started"
    for number in idle:
        task = site.task(number)
        assert (task["error_class"], task["error_message"]) == ("output_missing", message)
    assert site.task(busy)["status"] == "succeeded"
    assert site.journal_lines() == ["fresh"]


def test_what_an_agent_wrote_before_its_check_failed_counts_in_the_next_run_of_its_session(
    site: Site,
) -> None:
    agent = site.directory / "agent.sh"
    agent.write_text(
        f"if [ -n \"$1\" ]; then touch mended; else echo '{FRESH}' >tasks.jsonl; fi\n"
        'echo \'{"answer": "done", "session": "s-1"}\''
    )
    site.configure("security", allow_commands=True)
    site.configure("tools", talk={"argv": ["sh", str(agent), "{session}"], **TALK})
    site.configure("groups", talk={"tool": "talk", "env": {"SITE": str(site.directory)}})
    given = [{"path": "tasks.jsonl", "content": STALE}]
    plan = site.submit(
        "plan",
        tool="talk",
        spawns="tasks.jsonl",
        input_files=given,
        check_command="test -e mended",
        max_attempts=2,
    )

    site.run()

    assert [run["error_class"] for run in site.runs(plan)] == ["check_failed", None]
    assert len(spawned_by(site, plan)) == 1


def test_a_check_that_fails_comes_before_what_the_agent_spawns(site: Site) -> None:
    site.configure("security", allow_commands=True)
    plan = site.submit(PLAN, spawns="tasks.jsonl", check_command="false", max_attempts=1)

    site.run()

    assert site.task(plan)["error_class"] == "check_failed"
    assert spawned_by(site, plan) == []


@pytest.mark.parametrize(
    ("first", "sentence"),
    [
        ('{"prompt": "p", "promt": "p"}', "tasks.jsonl:1: 'promt' is not a field of a task; did you mean 'prompt'?"),
        ('{"prompt": "p", "priority": 9}', "tasks.jsonl:1: the priority 9 is above 5, that of the task itself"),
    ],
    ids=["by its dispatcher", "by the database"],
)  # fmt: skip
def test_an_agent_is_told_what_is_wrong_with_its_tasks_and_mends_them_in_its_session(
    site: Site, first: str, sentence: str
) -> None:
    agent = site.directory / "agent.sh"
    agent.write_text(CORRIGIBLE)
    (site.directory / "first").write_text(first)
    argv = ["sh", str(agent), "{prompt_file}", "{session}"]
    site.configure("tools", talk={"argv": argv, **TALK})
    site.configure("groups", talk={"tool": "talk", "env": {"SITE": str(site.directory)}})
    plan = site.submit("plan", tool="talk", spawns="tasks.jsonl", max_attempts=2)

    site.run()

    begun, told, *_ = (site.directory / "told").read_text().split("s-1:")
    assert begun == ":plan\n"
    assert f"cannot be used: {sentence}" in told
    assert [run["error_class"] for run in site.runs(plan)] == ["spawn_refused", None]
    assert [task["prompt"] for task in spawned_by(site, plan)] == ["mended"]


def test_the_rows_that_may_be_read_are_those_that_the_database_allows(site: Site) -> None:
    ((keys),) = site.sql("SELECT spawnable_keys() AS keys")
    assert {ROW_FIELDS[option].key for option in SETTABLE} == set(keys["keys"])


@pytest.mark.parametrize(
    ("content", "sentence"),
    [
        (b'{"prompt": "a"}\n\n{"prompt": ""}', "t:3: there is no prompt"),
        (b'[{"prompt": "a"}]', "t:1: this is not a JSON object"),
        (b'{"prompt": "\xff"}', "t:1: byte 13 of the line, 0xff, is not UTF-8"),
        (b'{"prompt": "a", "name": "\\u0000"}', "t:1: there is a NUL character"),
        (b'{"prompt": "a", "timeout": 5}', "t:1: timeout: '5' has no unit"),
        (b'{"prompt": "a", "at": "2030-01-01", "delay": "5m"}', "t:1: give at or delay, not both"),
        (b'{"prompt": "a", "tenant": "x"}', "t:1: a task that an agent writes down must not have 'tenant'"),
        (b'{"prompt": "a", "label": "a=b", "Labels": "a=c"}', "t:1: two columns name the label"),
        (b'{"prompt": "a"}\n' * 1_001, "t:1001: there are more than 1,000 tasks"),
    ],
)  # fmt: skip
def test_a_file_that_cannot_be_read_is_refused_with_its_line(content: bytes, sentence: str) -> None:
    with pytest.raises(UsageError) as caught:
        spawned_tasks("t", content)
    assert str(caught.value).startswith(sentence)


def test_numbers_stay_numbers_and_an_empty_file_is_no_task() -> None:
    (task,) = spawned_tasks("t", json.dumps({"prompt": "p", "label": {"a": 1.5}, "after": [3]}).encode())
    assert task.task == {"prompt": "p", "labels": {"a": 1.5}, "after": [3]}
    assert spawned_tasks("t", b"\n") == ()
