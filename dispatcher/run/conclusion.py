"""From what a run left behind to the report of how it ended."""

import errno
import math
import os
import signal
import time
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Literal

from dispatcher.host.host_trouble import tells_of_host_trouble, tells_of_no_room
from dispatcher.run.output.masking import Masking
from dispatcher.run.process.launch import SHELL_NAME
from dispatcher.workspaces.run_record import Reading, StopReason
from sql.rows.changes import Change, CommandKind, CommandResult
from sql.rows.dispatchers import Output, Report, SpawnedTask
from wrappers.base import Outcome
from wrappers.modes import AuthMode
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
    "question": "stopped because it asked something and went on without an answer",
    "stuck": "stopped because it asked its service for the same again and again",
}


LONGEST_LIMIT = 8 * 86400.0
"""Seconds. The longest window of an account's usage is a week: a later reset is a mistake, or another clock."""

UNEXPLAINED = frozenset({"agent_error", "empty_result", "output_missing"})
"""Errors that say that a run failed, and not why: a full disk makes any of them."""
LAST_WORDS = 2000
"""Characters of stderr in which a program says why it ends."""

CUT_SHORT = frozenset(
    {
        *("limit", "throttled", "overloaded", "auth", "no_credit", "unusable_here", "interrupted"),
        *("check_failed", "spawn_refused", "question"),
    }
)
"""Errors of agents after which the next run of the task continues the session."""

MOST_TOKENS = 10**15
"""A larger count is a mistake. The sum of two must fit into a bigint, or the database refuses the whole report."""
MOST_USD = 1e9
LONGEST_RUN = 10 * 365 * 86400.0
LONGEST_SESSION = 1000
"""Characters of a session's id; it becomes an argument of its CLI."""

LONGEST_COMMAND = 80
LONGEST_SENTENCE = 300
"""Characters of a command, and of what it printed last, that are shown in a sentence."""

_NO_SECRETS = Masking(())


KNOWN_BETTER = {
    *(("throttled", error_class) for error_class in ("limit", "overloaded", "no_credit", "auth")),
    ("question", "question"),
}
"""Reasons to stop a run, and what its output may tell of them that is more exact."""


def explain(outcome: Outcome, reading: Reading, *, finished: bool, stderr: str) -> Outcome:
    """Replace the symptom by the cause: an agent that was stopped, or never started, looks like one that failed.

    A run that proved its success before the stop reached it (``finished``: its final event was seen) has succeeded;
    without a final event nobody knows whether its output is complete. A run that was stopped because it lived on after
    its final event keeps the outcome of that event. A run that waited in its slot may have met a usage limit or an
    outage, and a run that was stopped for its question has it.
    """
    if reading.stop_reason == "lingering":
        return outcome
    if (reading.stop_reason, outcome.error_class) in KNOWN_BETTER:
        return outcome
    if reading.stop_reason is not None and not (outcome.succeeded and finished):
        error_class = "agent_error" if reading.stop_reason == "stuck" else str(reading.stop_reason)
        return replace(outcome, error_class=error_class, error_message=STOPPED[reading.stop_reason])
    if outcome.succeeded:
        return outcome
    complaint = _complaint(reading, stderr)
    if complaint is not None:
        message = f"could not be started: {complaint}"
        return replace(outcome, error_class=_class_of(complaint, reading), error_message=message)
    if reading.exit_code is None:
        return replace(
            outcome,
            error_class="lost",
            error_message="the process that watched over the agent was killed; no exit code is known",
        )
    return outcome


def silent(tool: str, seconds: float) -> str:
    """Say why a run was stopped for its silence if nothing but the settings of its tool bounds that."""
    return (
        f"stopped because it printed nothing for {seconds:g} seconds, which is the stall timeout of {tool}: "
        "it may have waited silently for its service (--stall-timeout gives a task another one)"
    )


def blame_room(outcome: Outcome, stderr: str, lacking: str | None) -> Outcome:
    """Blame this host for an unexplained failure if the disk is full: ``lacking`` says so, or the agent did.

    Only what the CLI itself says of its end counts: a model may write about full disks, too.
    """
    if outcome.error_class not in UNEXPLAINED:
        return outcome
    said = outcome.error_message or ""
    if lacking is None and not tells_of_no_room(said) and not tells_of_no_room(stderr[-LAST_WORDS:]):
        return outcome
    what = lacking or "the agent found no room for a file"
    return replace(outcome, error_class="no_resources", error_message=f"{what}: {said}")


def recorded(outcome: Outcome, change: Change, no_changes: Literal["succeed", "fail"] | None) -> Outcome:
    """Return what a success comes to once what it changed is recorded, or could not be."""
    if not outcome.succeeded:
        return outcome
    if change.ref is None or change.kept_in is not None:
        kept = f"; the work is kept in {change.kept_in}" if change.kept_in is not None else ""
        message = f"what the agent changed could not be recorded: {change.problem}{kept}"
        return replace(outcome, error_class="not_recorded", error_message=message)
    if no_changes == "fail" and change.head_commit == change.base_commit:
        message = "the agent changed nothing in the repository"
        return replace(outcome, error_class="no_changes", error_message=message)
    return outcome


def judged(outcome: Outcome, check: CommandResult) -> Outcome:
    """Return what a success comes to once its check has ended."""
    if check.verdict == "passed":
        return outcome
    return replace(outcome, error_class="check_failed", error_message=complaint_about(check))


def complaint_about(command: CommandResult) -> str:
    """Say in a sentence how a command failed."""
    match command.verdict:
        case "timeout":
            how = "was stopped because it ran longer than its timeout"
        case "stopped":
            how = "was stopped because it printed more than ten times execution.max_log_bytes"
        case _ if command.exit_code is None:
            how = "has no exit code"
        case _:
            how = f"failed with exit code {command.exit_code}"
    last = command.output_tail.strip().splitlines()[-1:]
    said = f": {last[0].strip()[:LONGEST_SENTENCE]}" if last else ""
    return f"the {command.kind} `{_shortened(command.command)}` {how}{said}"


def follow_up_of(check: CommandResult) -> str:
    """Return what the next run is told of a check that failed: how, and the end of what it printed."""
    sentence = complaint_about(check)
    if not check.output_tail:
        return f"Your work is not done yet: {sentence}."
    return f"Your work is not done yet: {sentence}\n\nIts output ended with:\n\n{check.output_tail}"


def activity_of(kind: CommandKind, text: str) -> str:
    """Say what a run does while a command of it is at work."""
    return f"{'setting up' if kind == 'setup' else 'checking'}: {_shortened(text)}"


def _shortened(command: str) -> str:
    first, *more = command.strip().splitlines() or [""]
    clipped = first[:LONGEST_COMMAND]
    return clipped if clipped == first and not more else f"{clipped.rstrip()}…"


def _class_of(complaint: str, reading: Reading) -> str:
    """Blame the host for what it has no room for or cannot execute, and the task for its directory and arguments."""
    if tells_of_host_trouble(complaint):
        return "no_resources"
    if complaint == reading.complaint or os.strerror(errno.E2BIG) in complaint:
        return "spawn_failed"
    return "unusable_here"


def _complaint(reading: Reading, stderr: str) -> str | None:
    """Return what the shell said if it could not run the agent.

    It complains about the files and the directory in the run record. About the program, and about a process that it
    cannot make, it complains in the agent's stderr. An exit code above 128 only says which signal ended the agent.
    When it cannot fork, bash exits with 254, and dash exits at once, before it writes an exit code.
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
    change: Change | None = None,
    commands: Sequence[CommandResult] = (),
    follow_up: str | None = None,
    spawn: tuple[SpawnedTask, ...] | None = None,
) -> Report:
    """Return the report of a run, with every secret masked; ``stdout`` and ``stderr`` are masked already.

    The database can store it, whatever the agent printed: impossible numbers are left out.
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
        limit_is_of_model=outcome.limit_is_of_model and outcome.error_class == "limit",
        auth_mode=auth_mode,
        output=output,
        question=masked(outcome.question),
        change=change,
        commands=tuple(commands),
        follow_up=masked(follow_up),
        spawn=spawn,
    )


def _tokens(count: int) -> int | None:
    return count if 0 <= count <= MOST_TOKENS else None


def _limit_lasts(outcome: Outcome) -> float | None:
    """Return the seconds until a limit is reset. Some services name a time: this host's clock should be right."""
    lasts = outcome.limit_lasts_s
    if outcome.limit_resets_at is not None:
        lasts = outcome.limit_resets_at - time.time()
    return None if lasts is None or math.isnan(lasts) else min(max(lasts, 0.0), LONGEST_LIMIT)
