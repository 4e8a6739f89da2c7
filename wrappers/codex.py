"""OpenAI's `codex` (measured with 0.169.0, npm package @openai/codex)."""

import re
import signal
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field

import msgspec

from wrappers import activity, failure
from wrappers.base import (
    AuthMode,
    Ending,
    Event,
    Finished,
    GentleStop,
    Invocation,
    Outcome,
    Permission,
    PromptLimit,
    Request,
    Said,
    SessionStarted,
    Usage,
    Waits,
)
from wrappers.lines import JsonLinesParser, decode
from wrappers.text import storable

VERSION = "0.169.0"

SESSION_ID = re.compile(r"[0-9A-Za-z-]{8,64}")

SANDBOXES: dict[Permission, str] = {
    "read": "read-only",
    "edit": "workspace-write",
    "full": "danger-full-access",
}

# `plugins` would have git clone a repository before each run. `exec` never asks, whatever the user's
# configuration says. The retries of its built-in provider cannot be configured, and those of another one should not
# be: without them a connection that breaks ends the run, with a single one it sleeps on a hint of ten minutes. So
# the wrapper tells when it waits (`Waits`).
QUIET = (
    "--disable",
    "plugins",
    "-c",
    "check_for_update_on_startup=false",
    "-c",
    "analytics.enabled=false",
)

NOT_LOGGED_IN = (
    "is not logged in, or its key is refused: run `codex login` with the config home of this account, "
    "or give the group a valid CODEX_API_KEY (codex does not look at OPENAI_API_KEY)"
)


LONGEST_PROMPT = PromptLimit(2**20, "characters")

# Read only where somebody has said that the directory is trusted.
STEERING_FILES = (".codex/",)

# SIGTERM would end it at once and leave behind the commands that it runs outside of its sandbox. In the first
# moment, before its turn has started, SIGINT has no effect at all; then the grace runs out.
STOP = GentleStop(signal.SIGINT, 2.0)


CREDENTIALS: Mapping[str, AuthMode] = {"CODEX_API_KEY": "key"}


@dataclass(frozen=True, slots=True, kw_only=True)
class Codex:
    """The wrapper of codex: `codex exec --json`."""

    program: str = "codex"
    name: str = "codex"
    install_hint: str = f"npm install -g @openai/codex@{VERSION}"
    config_home_variable: str | None = "CODEX_HOME"
    default_config_home: str | None = ".codex"
    credentials: Mapping[str, AuthMode] | None = field(default_factory=lambda: CREDENTIALS)
    takes_fallback_model: bool = False
    longest_prompt: PromptLimit | None = LONGEST_PROMPT
    steering_files: Sequence[str] = STEERING_FILES
    stop: GentleStop = STOP

    def invocation(self, request: Request) -> Invocation:
        argv = [self.program, "exec", "--json", "--skip-git-repo-check", "-s", SANDBOXES[request.permission]]
        argv += QUIET
        if request.model:
            argv += ["-m", request.model]
        if request.resume:
            argv += ["resume", request.resume]  # after all flags: it takes no -s
        argv.append("-")
        home = {"CODEX_HOME": request.config_home} if request.config_home else {}
        return Invocation(argv=tuple(argv), env=home)

    def new_home(self, variables: Collection[str]) -> Mapping[str, str]:  # noqa: ARG002 (all is in QUIET)
        return {}

    def parser(self) -> "CodexParser":
        return CodexParser()


class ThreadStarted(msgspec.Struct, tag_field="type", tag="thread.started"):
    thread_id: str


class Change(msgspec.Struct):
    path: str = ""


class Item(msgspec.Struct):
    type: str = ""
    text: str = ""
    command: str = ""
    changes: list[Change] = []
    server: str = ""
    tool: str = ""
    query: str = ""


class ItemStarted(msgspec.Struct, tag_field="type", tag="item.started"):
    item: Item


class ItemCompleted(msgspec.Struct, tag_field="type", tag="item.completed"):
    item: Item


class Tokens(msgspec.Struct):
    input_tokens: int = 0
    cached_input_tokens: int = 0
    output_tokens: int = 0


class TurnCompleted(msgspec.Struct, tag_field="type", tag="turn.completed"):
    """The end of a turn that went well. ``usage`` goes back to the beginning of a resumed session."""

    usage: Tokens | None = None


class Failure(msgspec.Struct):
    message: str = ""


class TurnFailed(msgspec.Struct, tag_field="type", tag="turn.failed"):
    error: Failure


class Error(msgspec.Struct, tag_field="type", tag="error"):
    """A retry, or what `turn.failed` is going to repeat."""

    message: str = ""


Line = ThreadStarted | ItemStarted | ItemCompleted | TurnCompleted | TurnFailed | Error
LINE: msgspec.json.Decoder[Line] = msgspec.json.Decoder(Line)

RETRY = re.compile(r"Reconnecting\.\.\. (?P<attempt>\d+)/(?P<most>\d+) \((?P<reason>.*)\)", re.DOTALL)

# The class of a failure is on stdout only as a sentence of codex's own. These are whole beginnings of such
# sentences, as 0.169.0 prints them; the dots stand for an apostrophe, which may be typographic.
SENTENCES: tuple[tuple[re.Pattern[str], str], ...] = tuple(
    (re.compile(pattern), error_class)
    for pattern, error_class in (
        (r"You.ve hit your usage limit\.", "limit"),
        (r"exceeded retry limit, last status: 429\b", "throttled"),
        (r"Selected model is at capacity\.", "overloaded"),
        (r"We.re currently experiencing high demand\b", "overloaded"),
        (r"unexpected status (?:50[0234]|529) ", "overloaded"),
        (r"unexpected status (?:401|403) ", "auth"),
        (r"Missing environment variable: ", "auth"),
        (r"Quota exceeded\. Check your plan and billing details\.", "no_credit"),
        (r"stream disconnected before completion: .*\breason: content_filter$", "invalid_request"),
        (r"Codex ran out of room in the model.s context window\.", "context_too_long"),
    )
)

NO_SESSION = "thread/resume failed: no rollout found for thread id "
"""What it writes to stderr before it prints anything."""


class HttpStatus(msgspec.Struct):
    http_status_code: int | None = None


class ErrorInfo(msgspec.Struct):
    """What went wrong, where codex tells by which status it knows."""

    http_connection_failed: HttpStatus | None = None
    response_stream_connection_failed: HttpStatus | None = None
    response_stream_disconnected: HttpStatus | None = None
    response_too_many_failed_attempts: HttpStatus | None = None

    @property
    def status(self) -> int | None:
        told = (
            self.http_connection_failed,
            self.response_stream_connection_failed,
            self.response_stream_disconnected,
            self.response_too_many_failed_attempts,
        )
        return next((one.http_status_code for one in told if one is not None), None)


class TurnError(msgspec.Struct):
    message: str = ""
    codex_error_info: str | ErrorInfo | None = None


class Window(msgspec.Struct):
    used_percent: float = 0.0
    resets_at: float | None = None


class RateLimits(msgspec.Struct):
    primary: Window | None = None
    secondary: Window | None = None


class Payload(msgspec.Struct):
    type: str = ""
    error: TurnError | None = None
    rate_limits: RateLimits | None = None


class RolloutEvent(msgspec.Struct, tag_field="type", tag="event_msg"):
    """A line of a session's file, CODEX_HOME/sessions/YYYY/MM/DD/rollout-TIME-THREAD.jsonl (0.169.0)."""

    payload: Payload


ROLLOUT_EVENT = msgspec.json.Decoder(RolloutEvent)

CLASS_OF_INFO = {
    "usage_limit_exceeded": "limit",
    "server_overloaded": "overloaded",
    "internal_server_error": "overloaded",
    "unauthorized": "auth",
    "model_not_found": "invalid_request",
    "bad_request": "invalid_request",
    "context_window_exceeded": "context_too_long",
}


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
                    if class_of(retry["reason"], None) == "throttled":
                        yield Waits(self._worked)
            case TurnCompleted() | TurnFailed():
                self._end = line
                yield Finished()

    def _read_completed(self, item: Item) -> Iterator[Event]:
        self._worked = self._worked or item.type != "error"  # which is a mere warning
        if item.type == "agent_message":
            self._answer = item.text
            yield Said(f"{item.text}\n")
        elif item.type == "file_change":
            yield from describe(item)  # has no item.started

    def evidence(self) -> str | None:
        if not isinstance(self._end, TurnFailed) or not SESSION_ID.fullmatch(self._session or ""):
            return None
        return f"sessions/*/*/*/rollout-*-{self._session}.jsonl"

    def outcome(self, ending: Ending) -> Outcome:
        match self._end:
            case None if NO_SESSION in ending.stderr_tail:
                gone = failure.message("codex", "invalid_request", "", failure.NO_SESSION)
                return Outcome(error_class="invalid_request", error_message=gone)
            case None:
                return self._failed(self._last_error, failure.no_final_event("codex", ending))
            case TurnFailed(error):
                unclassified = failure.message("codex", "agent_error", error.message)
                return self._failed(error.message, unclassified, ending.evidence)
            case TurnCompleted(usage):
                answer = storable(self._answer)
                empty = not answer.strip()
                return Outcome(
                    final_text=answer,
                    session_id=self._session,
                    usage=usage_of(usage),
                    error_class="empty_result" if empty else None,
                    error_message=failure.message("codex", "empty_result", "") if empty else None,
                )

    def _failed(self, said: str, unclassified: str, rollout: bytes = b"") -> Outcome:
        info, resets_at = told_by(rollout, said)
        error_class = class_of(said, info)
        predicate = NOT_LOGGED_IN if error_class == "auth" else None
        return Outcome(
            session_id=self._session,
            error_class=error_class or "agent_error",
            error_message=failure.message("codex", error_class, said, predicate)
            if error_class
            else unclassified,
            limit_resets_at=resets_at if error_class == "limit" else None,
        )


def class_of(sentence: str, info: str | ErrorInfo | None) -> str | None:
    """What codex noted for programs decides; but it notes an empty purse as a usage limit."""
    by_words = next((error_class for pattern, error_class in SENTENCES if pattern.match(sentence)), None)
    if by_words == "no_credit":
        return by_words
    known = (
        failure.CLASS_OF_STATUS.get(info.status or 0)
        if isinstance(info, ErrorInfo)
        else CLASS_OF_INFO.get(info or "")
    )
    return known or by_words


def told_by(rollout: bytes, sentence: str) -> tuple[str | ErrorInfo | None, float | None]:
    """What the end of a session's file says of the turn that failed with this sentence: why, and when to come back.

    A session that was resumed holds the failures of earlier turns, too. Of several windows that are used up the
    one counts that is reset last.
    """
    info: str | ErrorInfo | None = None
    resets_at: float | None = None
    for line in rollout.splitlines():
        event = decode(line, ROLLOUT_EVENT)
        if event is None:
            continue
        limits, error = event.payload.rate_limits, event.payload.error
        if limits is not None:
            used_up = [w for w in (limits.primary, limits.secondary) if w and w.used_percent >= 100]
            resets_at = max((w.resets_at for w in used_up if w.resets_at is not None), default=None)
        if error is not None and error.message == sentence:
            info = error.codex_error_info
    return info, resets_at


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
