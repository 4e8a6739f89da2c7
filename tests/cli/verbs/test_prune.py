"""`llmctl prune`, and what the other verbs say of what was pruned."""

import base64
import re

import psycopg
import pytest

from tests.cli.conftest import Llmctl, PlayedDispatcher, one_postgres
from tests.cli.input.bulk import how_many
from tests.cli.terminal import terminal

pytestmark = one_postgres


@pytest.fixture
def old(llmctl: Llmctl, dispatcher: PlayedDispatcher) -> str:
    """A task that printed `one`, answered `done` and ended a hundred days ago; and one that ended just now."""
    number = llmctl.submit("claude", "x")
    (run,) = dispatcher.start()
    chunk = {"stream": "stdout", "starts_at": 0, "ends_at": 4, "content": base64.b64encode(b"one\n").decode()}
    dispatcher.append(run, {"stdout_bytes": 4, "chunks": [chunk]})
    dispatcher.finish(run, final_text="done")
    dispatcher.connection.execute("UPDATE tasks SET finished_at = now() - interval '100 days'")
    dispatcher.connection.execute("UPDATE task_runs SET finished_at = now() - interval '100 days'")
    llmctl.submit("claude", "y")
    dispatcher.run(final_text="young")
    return number


def test_prune_deletes_what_is_old_and_says_how_much(llmctl: Llmctl, old: str) -> None:
    assert llmctl.ok("prune", "--older-than", "101d") == "0 tasks with 0 runs (about 0 B) deleted"
    assert llmctl.ok("prune", "--older-than", "90d", "-y") == "1 task with 1 run (about 9 B) deleted"
    assert llmctl.ok("ls", "-o", "csv").count("\n") == 1
    assert llmctl.ok("result", str(int(old) + 1)) == "young"


def test_a_dry_run_says_the_same_and_deletes_nothing(llmctl: Llmctl, old: str) -> None:
    expected = {"tasks": 1, "runs": 1, "bytes": 9}
    assert llmctl("prune", "--older-than", "90d", "--dry-run", "-o", "json").json() == expected
    assert (
        llmctl.ok("prune", "--older-than", "90d", "--dry-run")
        == "1 task with 1 run (about 9 B) would be deleted"
    )
    assert llmctl.ok("result", old) == "done"
    assert llmctl("prune", "--older-than", "90d", "-y", "-o", "json").json() == expected


@pytest.mark.parametrize(("reply", "code"), [("n\r", 1), ("\r", 1), ("y\r", 0)])
def test_in_a_terminal_prune_asks_before_it_deletes(
    llmctl: Llmctl, database: str, old: str, reply: str, code: int
) -> None:
    with terminal(llmctl, "prune", "--older-than", "90d") as asking:
        asking.until_shown("Delete 1 task with 1 run (about 9 B) for good? [y/N]")
        assert how_many(database) == 2
        asking.type(reply)
        assert asking.ended() == code
    assert how_many(database) == 2 - (code == 0)


SLOW_DISK = """
CREATE FUNCTION be_slow() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN PERFORM pg_sleep(0.6); RETURN NULL; END $$;
CREATE TRIGGER slow BEFORE DELETE ON tasks FOR EACH STATEMENT EXECUTE FUNCTION be_slow();
"""
"""Each step takes longer than the moment for which no bar is drawn."""


def test_in_a_terminal_prune_shows_how_far_it_is(llmctl: Llmctl, database: str) -> None:
    llmctl("submit", "--from", "-", "claude", "x", stdin="{}\n" * 2_000)
    with psycopg.connect(database, autocommit=True) as connection:
        connection.execute("SET session_replication_role = replica")
        connection.execute("UPDATE tasks SET status = 'canceled', finished_at = now() - interval '100 days'")
        connection.execute(SLOW_DISK)
    with terminal(llmctl, "prune", "--older-than", "90d", "-y") as pruning:
        pruning.until("the bar", lambda _: re.search(r"\d tasks deleted", pruning.seen) is not None)
        assert pruning.ended() == 0
    assert pruning.screen()[-1] == "2,000 tasks with 0 runs (about 2.0 kB) deleted"


def test_where_nobody_can_be_asked_prune_wants_a_yes(llmctl: Llmctl, old: str) -> None:
    refused = llmctl("prune", "--older-than", "90d")
    assert (refused.code, refused.out) == (2, "")
    assert "Delete 1 task" in refused.err
    assert "-y" in refused.err
    assert llmctl.ok("result", old) == "done"


def test_prune_takes_no_default_for_how_old(llmctl: Llmctl, old: str) -> None:
    for arguments in ([], ["--older-than", "long"]):
        refused = llmctl("prune", *arguments)
        assert refused.code == 2
        assert "older-than" in refused.err
    assert llmctl.ok("result", old) == "done"


@pytest.mark.parametrize("verb", ["show", "logs", "result", "runs", "retry", "wait"])
def test_every_verb_says_that_a_task_may_have_been_pruned(llmctl: Llmctl, old: str, verb: str) -> None:
    llmctl.ok("prune", "--older-than", "90d", "-y")
    missing = llmctl(verb, old)
    assert missing.code == 3
    assert missing.err.startswith(f"error: there is no task {old}\nhint: it may have been pruned")


def test_logs_says_when_the_output_was_deleted_and_the_answer_is_still_there(
    llmctl: Llmctl, dispatcher: PlayedDispatcher, old: str
) -> None:
    dispatcher.connection.execute("SELECT prune_output(%s)", [30 * 86_400])
    logs = llmctl("logs", old)
    assert (logs.code, logs.out) == (0, "")
    assert f"what run 1 of task {old} printed was deleted on 20" in logs.err
    assert llmctl.ok("result", old) == "done"
    assert "printed was deleted" not in llmctl("logs", str(int(old) + 1)).err
