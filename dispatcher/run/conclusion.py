"""From what a run left behind to the report of its end."""

import math
import signal
import time
from collections.abc import Mapping, Sequence
from dataclasses import replace

from dispatcher.host.host_trouble import tells_of_host_trouble
from dispatcher.run.launch import SHELL_NAME
from dispatcher.run.output.masking import Masking
from dispatcher.workspaces.run_record import Reading, StopReason
from sql.dispatcher_rows import Output, Report
from wrappers.base import AuthMode, Outcome
from wrappers.text import storable

# 128+N is a signal by convention only: gemini exits with 144-247 for HTTP statuses.
_SIGNAL_EXITS = {128 + number: signal.Signals(number).name for number in (1, 2, 6, 9, 11, 15)}

STOPPED: Mapping[StopReason, str] = {
    "canceled": "canceled on request",
    "timeout": "stopped because it ran longer than its timeout",
    "stalled": "stopped because it printed nothing for longer than its stall timeout",
    "throttled": "stopped because it waited in its slot: the service had asked it to send less",
    "output_too_large": "stopped because it printed more than ten times execution.max_log_bytes",
    "interrupted": "stopped because the dispatcher was told to stop at once",
    "lingering": "stopped because it did not end after its final event",
}


LONGEST_LIMIT = 8 * 86400.0
"""Seconds. The longest window of an account's usage is a week: a later reset is a mistake, or another clock."""

CUT_SHORT = frozenset({"limit", "throttled", "auth", "no_credit", "interrupted"})
"""Errors of agents that use up no attempt: their tasks go on with their sessions."""

MOST_TOKENS = 10**15
"""A larger count is a mistake. The sum of two must fit into a bigint: one number makes a whole report be refused."""
MOST_USD = 1e9
LONGEST_RUN = 10 * 365 * 86400.0
LONGEST_SESSION = 1000
"""Characters of a session's id; it becomes an argument of its CLI."""

_NO_SECRETS = Masking(())


def explain(outcome: Outcome, reading: Reading, *, finished: bool, stderr: str) -> Outcome:
    """Put the cause in place of the symptom: an agent that was stopped, or never came to run, only looks failed.

    A run that proved its success before the stop reached it (``finished``: its final event was seen) has succeeded.
    Without a final event nobody knows whether what it printed is all. A run that was stopped because it lived on after
    its final event came to whatever that event said; and what one waited for in its slot may be the end of a limit.
    """
    if reading.stop_reason == "lingering":
        return outcome
    if reading.stop_reason == "throttled" and outcome.error_class == "limit":
        return outcome
    if reading.stop_reason is not None and not (outcome.succeeded and finished):
        message = STOPPED[reading.stop_reason]
        return replace(outcome, error_class=reading.stop_reason, error_message=message)
    if outcome.succeeded:
        return outcome
    complaint = _complaint(reading, stderr)
    if complaint is not None:
        error_class = "no_resources" if tells_of_host_trouble(complaint) else "spawn_failed"
        message = f"could not be started: {complaint}"
        return replace(outcome, error_class=error_class, error_message=message)
    if reading.exit_code is None:
        return replace(
            outcome,
            error_class="lost",
            error_message="the process that watched over the agent was killed; no exit code is known",
        )
    return outcome


def _complaint(reading: Reading, stderr: str) -> str | None:
    """What the shell said when it could not run the agent.

    About the files and the directory it complains in the run record, about the program and about a process that it
    cannot make where the agent's stderr goes by then. Above 128 it only tells by which signal the agent died. But when
    it cannot fork, bash exits with 254, and dash at once, before it writes down any exit code.
    """
    if reading.exit_code == 0:
        return None
    about_agent = stderr.strip() if stderr.startswith(f"{SHELL_NAME}: ") else None
    for complaint in (reading.complaint, about_agent):
        if complaint is not None and tells_of_host_trouble(complaint):
            return complaint
    if reading.exit_code is None or reading.exit_code >= 128:
        return None
    return reading.complaint or (about_agent if reading.exit_code in (126, 127) else None)


def report(
    run_id: str,
    outcome: Outcome,
    reading: Reading,
    *,
    masking: Masking = _NO_SECRETS,
    stdout: str | None = None,
    stderr: str | None = None,
    output_files: Sequence[str] = (),
    ran_s: float | None = None,
    retry_after_s: float | None = None,
    auth_mode: AuthMode | None = None,
    output: Output | None = None,
) -> Report:
    """Write the report of a run, with every secret masked; ``stdout`` and ``stderr`` are masked already.

    Whatever the agent printed, the database can store it: what is no possible number is left out.
    """

    def masked(text: str | None) -> str | None:
        return storable(masking.text(text)) if text else None

    usage = outcome.usage
    session_id = outcome.session_id
    return Report(
        run_id=run_id,
        error_class=outcome.error_class,
        error_message=masked(outcome.error_message),
        exit_code=reading.exit_code,
        signal=_SIGNAL_EXITS.get(reading.exit_code) if reading.exit_code is not None else None,
        pid=reading.pid,
        final_text=masked(outcome.final_text),
        session_id=masked(session_id) if len(session_id or "") <= LONGEST_SESSION else None,
        stdout=stdout,
        stderr=stderr,
        output_files=tuple(output_files),
        denials=tuple(storable(masking.text(denial)) for denial in outcome.denials),
        input_tokens=_tokens(usage.input) if usage else None,
        cached_input_tokens=_tokens(usage.cached_input) if usage else None,
        output_tokens=_tokens(usage.output) if usage else None,
        cost_usd=outcome.cost_usd if 0 <= (outcome.cost_usd or 0.0) <= MOST_USD else None,
        ran_s=None if ran_s is None else min(max(ran_s, 0.0), LONGEST_RUN),
        retry_after_s=_limit_lasts(outcome) if retry_after_s is None else retry_after_s,
        auth_mode=auth_mode,
        output=output,
    )


def _tokens(count: int) -> int | None:
    return count if 0 <= count <= MOST_TOKENS else None


def _limit_lasts(outcome: Outcome) -> float | None:
    """The seconds until a limit is reset; the service may tell that by the clock, as we hope, of this host."""
    lasts = outcome.limit_lasts_s
    if outcome.limit_resets_at is not None:
        lasts = outcome.limit_resets_at - time.time()
    return None if lasts is None or math.isnan(lasts) else min(max(lasts, 0.0), LONGEST_LIMIT)
