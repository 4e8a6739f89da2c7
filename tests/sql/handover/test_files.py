"""Files that other tasks left are input files of the tasks that need them."""

from uuid import UUID

import pytest

from tests.sql.client import Client, Run
from tests.sql.refused import refused


@pytest.fixture
def dispatcher(wide: Client) -> UUID:
    return wide.dispatcher()


def next_run(db: Client, dispatcher: UUID) -> Run:
    [run] = db.claim(dispatcher).runs
    return run


def leave(
    db: Client, dispatcher: UUID, run: Run, path: str, content: bytes | None, url: str | None = None
) -> None:
    db.run("select store_output(%s, %s, %s, %s, %s, 5, repeat('a', 64), 493)",
           dispatcher, run.id, path, content, url)  # fmt: skip


def inputs(db: Client, run: Run, most: int | None = None) -> list[tuple[object, ...]]:
    return db.rows("select path, content, mode from input_files_of(%s, %s)", run.answer["task_id"], most)


def test_a_file_of_another_task_is_an_input_file_under_its_name(wide: Client, dispatcher: UUID) -> None:
    wide.submit_all([
        {"tool": "claude", "prompt": "p", "step": "plan", "output_files": ["out/report.md"]},
        {"tool": "claude", "prompt": "p", "input_files": [{"path": "own", "content": "mine"}], "input_from": [
            {"task": "plan", "path": "out/report.md"}, {"task": "plan", "path": "out/report.md", "name": "copy"}]},
    ])  # fmt: skip
    run = next_run(wide, dispatcher)
    assert run.answer["has_input_files"] is False
    wide.start(dispatcher, run)
    leave(wide, dispatcher, run, "out/report.md", b"12345")
    wide.finish(dispatcher, run)

    run = next_run(wide, dispatcher)

    assert run.answer["has_input_files"] is True
    assert inputs(wide, run) == [
        ("copy", b"12345", 493), ("out/report.md", b"12345", 493), ("own", b"mine", 420)
    ]  # fmt: skip
    assert [content for _, content, _ in inputs(wide, run, 9)] == [b"12345", None, b"mine"]
    read = "select read_input(%s, %s, %s, %s, 3)"
    assert [wide.value(read, dispatcher, run.id, "copy", start) for start in (0, 3)] == [b"123", b"45"]
    assert wide.value("select count(*) from task_files") == 2
    assert wide.value("select input_from -> 0 from tasks where number = 2") == {
        "task": 1, "of_tree": False, "path": "out/report.md", "name": "out/report.md"
    }  # fmt: skip


def test_two_input_files_have_two_names(wide: Client) -> None:
    wide.submit_some(2, output_files=["a", "b"])
    own = [{"path": "a", "content": "x"}]
    for files in (
        {"input_from": [{"task": 1, "path": "a"}, {"task": 2, "path": "a"}]},
        {"input_files": own, "input_from": [{"task": 1, "path": "b", "name": "a"}]},
    ):
        with refused("LD400", "two input files have the name 'a'"):
            wide.submit(**files)
    wide.submit(input_files=own, input_from=[{"task": 1, "path": "a", "of_tree": True}])


def test_a_file_that_should_be_there_and_is_not_is_named(wide: Client, dispatcher: UUID) -> None:
    wide.submit(output_files=["a"])
    wide.submit(input_from=[{"task": 1, "path": "a"}])
    run = next_run(wide, dispatcher)
    wide.start(dispatcher, run)
    leave(wide, dispatcher, run, "b", b"12345")
    wide.finish(dispatcher, run)
    with refused("LD424", "task 1 left no a: its files are b"):
        inputs(wide, next_run(wide, dispatcher))


def test_a_task_that_failed_gives_no_file_to_one_that_only_needs_its_end(
    wide: Client, dispatcher: UUID
) -> None:
    wide.submit(max_attempts=1, output_files=["a"])
    wide.submit(after_any=[1], input_from=[{"task": 1, "path": "a"}])
    run = next_run(wide, dispatcher)
    wide.start(dispatcher, run)
    leave(wide, dispatcher, run, "a", b"12345")
    wide.finish(dispatcher, run, "agent_error", ran_s=1)
    assert inputs(wide, next_run(wide, dispatcher)) == []


def test_a_file_on_the_disk_of_a_host_is_named_with_its_host(wide: Client, dispatcher: UUID) -> None:
    wide.submit(output_files=["big"])
    wide.submit(input_from=[{"task": 1, "path": "big"}])
    run = next_run(wide, dispatcher)
    wide.start(dispatcher, run)
    leave(wide, dispatcher, run, "big", None, "file:///home/x/files/aa")
    wide.finish(dispatcher, run)
    answer = next_run(wide, dispatcher).answer
    rows = wide.rows(
        "select content, storage_url, host, size_bytes from input_files_of(%s)", answer["task_id"]
    )
    assert rows == [(None, "file:///home/x/files/aa", "here", 5)]
