"""`llmctl prune`, and what the other verbs say of what was pruned."""

import base64

import pytest

from tests.cli.conftest import Llmctl, PlayedDispatcher, one_postgres

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
    assert llmctl.ok("prune", "--older-than", "101d").startswith("0 tasks with 0 runs deleted")
    assert llmctl.ok("prune", "--older-than", "90d") == "1 tasks with 1 runs deleted: about 9 B"
    assert llmctl.ok("ls", "-o", "csv").count("\n") == 1
    assert llmctl.ok("result", str(int(old) + 1)) == "young"


def test_a_dry_run_says_the_same_and_deletes_nothing(llmctl: Llmctl, old: str) -> None:
    expected = {"tasks": 1, "runs": 1, "bytes": 9}
    assert llmctl("prune", "--older-than", "90d", "--dry-run", "-o", "json").json() == expected
    assert llmctl.ok("prune", "--older-than", "90d", "--dry-run").startswith("1 tasks with 1 runs would be")
    assert llmctl.ok("result", old) == "done"
    assert llmctl("prune", "--older-than", "90d", "-o", "json").json() == expected


def test_prune_takes_no_default_for_how_old(llmctl: Llmctl, old: str) -> None:
    for arguments in ([], ["--older-than", "long"]):
        refused = llmctl("prune", *arguments)
        assert refused.code == 2
        assert "older-than" in refused.err
    assert llmctl.ok("result", old) == "done"


@pytest.mark.parametrize("verb", ["show", "logs", "result", "runs", "retry", "wait"])
def test_every_verb_says_that_a_task_may_have_been_pruned(llmctl: Llmctl, old: str, verb: str) -> None:
    llmctl.ok("prune", "--older-than", "90d")
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
