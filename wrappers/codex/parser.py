"""Reads the output of `codex` (measured with 0.169.0)."""

import re
from collections.abc import Iterable, Iterator

from wrappers import activity, failure
from wrappers.base import Ending, Event, Finished, Outcome, Said, SessionStarted, Usage, Waits
from wrappers.codex.errors import FAILURES, NO_SESSION, class_of
from wrappers.codex.output import (
    LINE,
    Error,
    Item,
    ItemCompleted,
    ItemStarted,
    Line,
    ThreadStarted,
    Tokens,
    TurnCompleted,
    TurnFailed,
)
from wrappers.codex.rollout import told_by
from wrappers.lines import JsonLinesParser
from wrappers.text import storable

SESSION_ID = re.compile(r"[0-9A-Za-z-]{8,64}")
RETRY = re.compile(r"Reconnecting\.\.\. (?P<attempt>\d+)/(?P<most>\d+) \((?P<reason>.*)\)", re.DOTALL)


class CodexParser(JsonLinesParser[Line]):
    def __init__(self) -> None:
        super().__init__(LINE)
        self._session: str | None = None
        self._answer = ""
        self._last_error = ""
        self._end: TurnCompleted | TurnFailed | None = None
        self._worked = False

    def read(self, line: Line) -> Iterable[Event]:
        match line:
            case ThreadStarted():
                self._session = line.thread_id
                yield SessionStarted(line.thread_id)
            case ItemStarted():
                self._worked = True
                yield from describe(line.item)
            case ItemCompleted():
                yield from self._read_completed(line.item)
            case Error():
                self._last_error = line.message
                retry = RETRY.match(line.message)
                if retry is not None:
                    yield activity.retries(f"{retry['reason']} ({retry['attempt']} of {retry['most']})")
                    if class_of(retry["reason"]) == "throttled":
                        yield Waits(self._worked)
            case TurnCompleted() | TurnFailed():
                self._end = line
                yield Finished()

    def _read_completed(self, item: Item) -> Iterator[Event]:
        self._worked = self._worked or item.type != "error"  # an item of that type is only a warning
        if item.type == "agent_message":
            self._answer = item.text
            yield Said(f"{item.text}\n")
        elif item.type == "file_change":
            yield from describe(item)  # no item.started announces it

    def failure_file(self) -> str | None:
        if not isinstance(self._end, TurnFailed) or not SESSION_ID.fullmatch(self._session or ""):
            return None
        return f"sessions/*/*/*/rollout-*-{self._session}.jsonl"

    def outcome(self, ending: Ending) -> Outcome:
        match self._end:
            case None if NO_SESSION in ending.stderr_tail:
                gone = FAILURES.message("invalid_request", "", failure.NO_SESSION)
                return Outcome(error_class="invalid_request", error_message=gone)
            case None:
                return self._failed(self._last_error, FAILURES.no_final_event(ending))
            case TurnFailed(error):
                unclassified = FAILURES.message("agent_error", error.message)
                return self._failed(error.message, unclassified, ending.failure_file)
            case TurnCompleted(usage):
                answer = storable(self._answer)
                empty = not answer.strip()
                return Outcome(
                    final_text=answer,
                    session_id=self._session,
                    usage=usage_of(usage),
                    error_class="empty_result" if empty else None,
                    error_message=FAILURES.message("empty_result") if empty else None,
                )

    def _failed(self, said: str, unclassified: str, rollout: bytes = b"") -> Outcome:
        info, resets_at = told_by(rollout, said)
        error_class = class_of(said, info)
        return Outcome(
            session_id=self._session,
            error_class=error_class or "agent_error",
            error_message=FAILURES.message(error_class, said) if error_class else unclassified,
            limit_resets_at=resets_at if error_class == "limit" else None,
        )


def describe(item: Item) -> Iterator[Event]:
    match item.type:
        case "command_execution":
            yield activity.runs(item.command)
        case "file_change":
            yield from (activity.edits(change.path) for change in item.changes)
        case "mcp_tool_call":
            yield activity.uses(f"{item.server} {item.tool}")
        case "web_search":
            yield activity.searches(item.query)


def usage_of(tokens: Tokens | None) -> Usage | None:
    if tokens is None:
        return None
    return Usage(
        input=tokens.input_tokens, cached_input=tokens.cached_input_tokens, output=tokens.output_tokens
    )
