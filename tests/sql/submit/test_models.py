"""A tool whose models are all known takes no task with another one."""

import pytest
from psycopg.types.json import Jsonb

from tests.sql.client import Client
from tests.sql.refused import refused

MODELS = ["big-2", "small-2", "small-2-fast"]


@pytest.fixture
def db(db: Client) -> Client:
    db.run("select put_tool('choosy', %s)", MODELS)
    db.group("choosy-main", tool="choosy")
    db.group("main")
    return db


def test_a_known_model_and_none_are_taken_and_another_tool_may_have_any(db: Client) -> None:
    for model in (None, *MODELS):
        assert db.submit("p", "choosy", model=model).created
        db.run("select submit_task('choosy', 'p', p_model => %s)", model)
    assert db.submit("p", "claude", model="anything").created


@pytest.mark.parametrize("how", ["one", "many", "direct", "reply"])
def test_an_unknown_model_is_refused_with_those_that_are_known(db: Client, how: str) -> None:
    with refused("LD400", "choosy does not know the model 'huge'; it knows big-2, small-2, small-2-fast"):
        match how:
            case "one":
                db.submit("p", "choosy", model="huge")
            case "many":
                tasks = [
                    {"tool": "claude", "prompt": "p", "model": "huge"},
                    {"tool": "choosy", "prompt": "p"},
                ]
                db.submit_all([*tasks, {**tasks[1], "model": "huge"}])
            case "direct":
                db.run("select submit_task('choosy', 'p', p_model => 'huge')")
            case "reply":
                db.run("select put_tool('choosy', '{huge}')")
                db.submit("p", "choosy", model="huge")
                me = db.dispatcher()
                [run] = db.claim(me).runs
                db.finish(me, run, final_text="done", session_id="5e55")
                db.run("select put_tool('choosy', %s)", MODELS)
                db.run("select reply_task('1', 'go on')")


@pytest.mark.parametrize(
    ("asked", "hint"),
    [
        ("SMALL-2", "do you mean small-2?"),
        ("fast", "do you mean small-2-fast?"),
        ("big-3", "do you mean big-2?"),
        ("opus", "leave it out to get the default of choosy, or correct tools.choosy.models in config.yaml"),
    ],
)
def test_the_model_that_is_most_like_it_is_named(db: Client, asked: str, hint: str) -> None:
    with refused("LD400", "does not know the model") as caught:
        db.submit("p", "choosy", model=asked)
    assert caught.value.diag.message_hint == hint


def test_a_long_list_is_cut_in_the_message(db: Client) -> None:
    db.run("select put_tool('choosy', array(select 'm' || n from generate_series(1, 500) as n))")
    with refused("LD400", "m39, m40 and 460 more"):
        db.submit("p", "choosy", model="x")


def test_of_many_tasks_the_first_with_an_unknown_model_is_found(db: Client) -> None:
    tasks = [{"tool": "choosy", "prompt": "p", "model": model} for model in ("big-2", "huge", "x")]
    with refused("LD400", "'huge'") as caught:
        db.run("select explain_refusal(%s)", Jsonb(tasks))
    assert caught.value.diag.message_detail == "2"


def test_an_edit_to_an_unknown_model_is_refused_and_to_a_known_one_is_made(db: Client) -> None:
    number = db.submit("p", "choosy").number
    other = db.submit("p").number
    edit = "select act_on_tasks('edit', %s, p_changes => %s)"
    with refused("LD400", "choosy does not know the model 'huge'"):
        db.run(edit, Jsonb({"tasks": [str(number)]}), Jsonb({"model": "huge"}))
    db.run(edit, Jsonb({"tasks": [str(number)]}), Jsonb({"model": "big-2"}))
    db.run(edit, Jsonb({"tasks": [str(other)]}), Jsonb({"model": "huge"}))

    assert db.rows("select model from tasks order by number") == [("big-2",), ("huge",)]


def test_a_dispatcher_of_an_earlier_version_changes_nothing_of_a_tool(db: Client) -> None:
    db.run("select put_tool('choosy', p_is_proven => false)")
    db.run("select put_tool(p_name => 'choosy')")

    assert db.one("select models, is_proven from tools where name = 'choosy'") == (MODELS, False)


def test_models_that_are_not_known_any_more_free_the_tool(db: Client) -> None:
    db.run("select put_tool('choosy', '{}')")

    assert db.submit("p", "choosy", model="huge").created
