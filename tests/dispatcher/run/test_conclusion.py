"""What a run came to, by its outcome, its run record and its stderr."""

import pytest

from dispatcher.run.conclusion import explain
from dispatcher.workspaces.run_record import Reading
from wrappers.base import Outcome

ENDED = Reading("ended", exit_code=1)
FAILED = Outcome(error_class="agent_error", error_message="failed")
SUCCEEDED = Outcome(final_text="fine")
LIMITED = Outcome(error_class="limit", error_message="limited")
ASKED = Outcome(error_class="question", error_message="asks", question="Which?")


@pytest.mark.parametrize(
    ("outcome", "reading", "finished", "stderr", "expected"),
    [
        (SUCCEEDED, Reading("ended", exit_code=0), False, "", None),
        (SUCCEEDED, Reading("ended", exit_code=0, stop_reason="canceled"), False, "", "canceled"),
        (SUCCEEDED, Reading("ended", exit_code=0, stop_reason="canceled"), True, "", None),
        (FAILED, Reading("dead", stop_reason="timeout"), True, "", "timeout"),
        (FAILED, Reading("dead", stop_reason="throttled"), False, "", "throttled"),
        (LIMITED, Reading("dead", stop_reason="throttled"), False, "", "limit"),
        (LIMITED, Reading("dead", stop_reason="canceled"), False, "", "canceled"),
        (ASKED, Reading("ended", exit_code=0), True, "", "question"),
        (ASKED, Reading("dead", stop_reason="question"), False, "", "question"),
        (ASKED, Reading("dead", stop_reason="canceled"), False, "", "canceled"),
        (FAILED, Reading("dead"), False, "", "lost"),
        (FAILED, ENDED, False, "", "agent_error"),
        (FAILED, Reading("ended", exit_code=2, complaint="no such directory"), False, "", "spawn_failed"),
        (FAILED, Reading("ended", exit_code=137, complaint="Killed"), False, "", "agent_error"),
        (FAILED, Reading("ended", exit_code=127), False, "llmctl-run: 5: x: not found", "unusable_here"),
        (
            FAILED,
            Reading("ended", exit_code=126),
            False,
            "llmctl-run: 5: x: Argument list too long",
            "spawn_failed",
        ),
        (FAILED, Reading("ended", exit_code=127), False, "my script: x: not found", "agent_error"),
    ],
)
def test_the_cause_is_named_and_not_the_symptom(
    outcome: Outcome, reading: Reading, finished: bool, stderr: str, expected: str | None
) -> None:
    assert explain(outcome, reading, finished=finished, stderr=stderr).error_class == expected
