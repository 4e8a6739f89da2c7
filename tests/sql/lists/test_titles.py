"""What a task is called: its name, or else what its prompt begins with; every list shows it, and a search finds it."""

from collections.abc import Mapping

import pytest
from psycopg.types.json import Jsonb

from tests.sql.client import Client

LARGE = 2_000_000
BLOCKS_OF_PROMPTS = 20 * LARGE // 8192


def title(db: Client, number: int) -> object:
    return db.value(
        "select title from list_tasks(jsonb_build_object('tasks', jsonb_build_array(%s::text)))", number
    )


@pytest.mark.parametrize(
    ("prompt", "expected"),
    [
        ("Fix the login", "Fix the login"),
        ("\n\n  Fix\tthe   login  \nand more", "Fix the login"),
        ("---\n# Fix the login\r\nand more", "# Fix the login"),
        ("修复登录\n第二行", "修复登录"),
        ("🙂\nnext", "🙂"),
        ("\x1b[31mred\x07 alert", "[31mred alert"),
        ("???", "???"),
        ("long " * 40, "long " * 19 + "long…"),
        ("x" * 100, "x" * 100),
        ("x" * 101, "x" * 99 + "…"),
        (" \n\t ", ""),
    ],
)
def test_a_task_without_a_name_is_called_by_the_first_line_of_its_prompt(
    db: Client, prompt: str, expected: str
) -> None:
    assert title(db, db.submit(prompt).number) == expected


def test_a_name_comes_before_the_prompt_and_goes_with_an_edit(db: Client) -> None:
    number = db.submit("Fix the login", name="login").number
    assert title(db, number) == "login"
    for changes, expected in (({"name": None}, "Fix the login"), ({"prompt": "Fix it all"}, "Fix it all")):
        db.run("select * from act_on_tasks('edit', '{}', p_changes => %s)", Jsonb(changes))
        assert title(db, number) == expected


def test_all_that_show_a_task_call_it_the_same(db: Client) -> None:
    db.group("main", slots=9)
    first = db.submit("Plan the release", workflow="w").number
    db.submit("Write it", workflow="w", after=[first], name="")
    dispatcher = db.dispatcher()
    [run] = db.claim(dispatcher).runs
    assert db.value("select title from list_active()") == "Plan the release"
    db.finish(dispatcher, run, "agent_error")
    db.run(
        "update tasks set status = 'failed', wait_reason = null, finished_at = clock() where number = %s",
        first,
    )
    shown = db.value("select show_task(%s)", str(first + 1))
    assert isinstance(shown, Mapping)
    [need] = shown["after"]
    assert (shown["title"], need["title"]) == ("Write it", "Plan the release")
    graph = db.value("select show_workflow('w')")
    assert isinstance(graph, Mapping)
    assert [node["title"] for node in graph["nodes"]] == ["Plan the release", "Write it"]
    assert db.value("select title from read_results(%s)", [str(first)]) == "Plan the release"
    assert db.value("select name from inbox() where kind = 'failed'") == "Plan the release"
    items = db.value('select items from list_page(\'{"name": "PLAN the"}\')')
    assert isinstance(items, list)
    [item] = items
    assert (item["number"], item["name"], item["title"]) == (first, None, "Plan the release")


def test_a_search_by_name_finds_the_first_line_of_prompts_and_reads_no_prompt(db: Client) -> None:
    """A prompt may be 32 MB: a search that read them would take minutes."""
    db.run("alter table tasks alter column prompt set storage external")
    texts = [f"Task {number} of the night\n" + "x" * LARGE for number in range(20)]
    db.submit_all([{"tool": "claude", "prompt": text} for text in texts])
    db.run("analyze tasks")
    search = """select title from list_tasks('{"name": "7 OF the night"}') order by title"""
    # The first call reads the catalogs, too.
    assert db.rows(search) == [("Task 17 of the night",), ("Task 7 of the night",)]
    plan = db.value("explain (analyze, buffers, timing off, costs off, format json) " + search)
    assert isinstance(plan, list)
    read = plan[0]["Plan"]["Shared Hit Blocks"] + plan[0]["Plan"]["Shared Read Blocks"]
    assert read < BLOCKS_OF_PROMPTS / 4
