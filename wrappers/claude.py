"""Anthropic's `claude` (measured with 2.1.330, npm package @anthropic-ai/claude-code)."""

import signal
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field

import msgspec

from wrappers import activity, failure
from wrappers.base import (
    Activity,
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
from wrappers.claude_errors import CLASS_OF_ERROR, CLASS_OF_KIND, NO_SESSION, SENTENCES, reset_of_key
from wrappers.lines import JsonLinesParser, decode
from wrappers.text import storable

VERSION = "2.1.330"

# Tools that write are taken away, not only refused: a rule in the user's own settings could allow them.
PERMISSIONS: dict[Permission, tuple[str, ...]] = {
    "read": ("--permission-mode", "manual", "--disallowedTools", "Edit,Write,NotebookEdit"),
    "edit": ("--permission-mode", "acceptEdits"),
    "full": ("--dangerously-skip-permissions",),
}

# Left alone it retries for three minutes; long waits are ours, as then nobody's slot is held by a sleeper.
ENVIRONMENT = {
    "CLAUDE_CODE_DISABLE_NONESSENTIAL_TRAFFIC": "1",
    "DISABLE_AUTOUPDATER": "1",
    "CLAUDE_CODE_MAX_RETRIES": "2",
}

NOT_LOGGED_IN = (
    "is not logged in, or its key is refused: run `claude /login` with the config home of this account, "
    "or give the group a valid ANTHROPIC_API_KEY"
)
NOT_AS_ROOT = (
    "refuses the permission profile `full` as root: run the dispatcher as an ordinary user "
    "(inside a container that is a sandbox, IS_SANDBOX=1 in the group's env lifts the refusal)"
)


# It counts the length of a JavaScript string, and says "piped stdin input exceeds 10MB" of a longer one.
LONGEST_PROMPT = PromptLimit(10 * 2**20, "UTF-16 units")

# In `-p` it asks nobody whether it may trust the directory: settings there send its key to another address, run
# commands (hooks, MCP servers) and give permissions. It does not let the agent write them.
STEERING_FILES = (".claude/", ".mcp.json")

# SIGTERM ends it with 143 within 0.1 s; the commands it runs took up to 1.6 s.
STOP = GentleStop(signal.SIGTERM, 3.0)


# A cloud goes before all keys, and bills what is used.
CREDENTIALS: Mapping[str, AuthMode] = {
    "CLAUDE_CODE_USE_BEDROCK": "key",
    "CLAUDE_CODE_USE_VERTEX": "key",
    "CLAUDE_CODE_USE_FOUNDRY": "key",
    "ANTHROPIC_AUTH_TOKEN": "token",
    "ANTHROPIC_API_KEY": "key",
    "CLAUDE_CODE_OAUTH_TOKEN": "token",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Claude:
    """The wrapper of claude: `claude -p` with stream-json.

    A prompt that begins with the name of one of claude's slash commands is that command, also on stdin.
    """

    program: str = "claude"
    name: str = "claude"
    install_hint: str = f"npm install -g @anthropic-ai/claude-code@{VERSION}"
    config_home_variable: str | None = "CLAUDE_CONFIG_DIR"
    default_config_home: str | None = ".claude"
    credentials: Mapping[str, AuthMode] | None = field(default_factory=lambda: CREDENTIALS)
    takes_fallback_model: bool = True
    longest_prompt: PromptLimit | None = LONGEST_PROMPT
    steering_files: Sequence[str] = STEERING_FILES
    stop: GentleStop = STOP

    def invocation(self, request: Request) -> Invocation:
        argv = [self.program, "-p", "--output-format", "stream-json", "--verbose"]
        argv += PERMISSIONS[request.permission]
        if request.model:
            argv += ["--model", request.model]
        if request.fallback_model:
            argv += ["--fallback-model", request.fallback_model]
        if request.budget_usd is not None:
            argv += ["--max-budget-usd", f"{request.budget_usd:g}"]
        if request.resume:
            argv += ["--resume", request.resume]
        else:
            argv += ["--session-id", request.run_id]
        home = {"CLAUDE_CONFIG_DIR": request.config_home} if request.config_home else {}
        return Invocation(argv=tuple(argv), env=ENVIRONMENT | home)

    def new_home(self, variables: Collection[str]) -> Mapping[str, str]:  # noqa: ARG002 (all is in ENVIRONMENT)
        return {}

    def parser(self) -> "ClaudeParser":
        return ClaudeParser()


class System(msgspec.Struct, tag_field="type", tag="system"):
    subtype: str = ""
    session_id: str = ""
    cwd: str = ""
    attempt: int = 0
    max_retries: int = 0
    error: str | None = None


class Block(msgspec.Struct):
    type: str = ""
    text: str = ""
    name: str = ""
    input: msgspec.Raw = msgspec.Raw(b"{}")


class ToolInput(msgspec.Struct):
    file_path: str = ""
    notebook_path: str = ""
    command: str = ""
    pattern: str = ""
    query: str = ""
    url: str = ""
    description: str = ""


class Message(msgspec.Struct):
    content: list[Block] = []


class Assistant(msgspec.Struct, tag_field="type", tag="assistant"):
    message: Message
    error: str | None = None


class Window(msgspec.Struct, rename="camel"):
    status: str | None = None
    resets_at: float | None = None


class RateLimitInfo(msgspec.Struct, rename="camel"):
    """How much of the account's windows is used: of the one that counts for the service, and of all by their names.
    ``status`` is "rejected" after any 429, also one of the moment, which claude calls "not your usage limit": that one
    names neither a window nor a reset.
    """

    status: str = ""
    rate_limit_type: str | None = None
    resets_at: float | None = None
    unified_windows: msgspec.Raw = msgspec.Raw(b"{}")

    @property
    def is_reached(self) -> bool:
        return self.status == "rejected" and (self.rate_limit_type or self.resets_at) is not None

    @property
    def reset(self) -> float | None:
        """When the last of the windows opens that are used up."""
        windows = (decode(self.unified_windows, WINDOWS) or {}).values()
        told = (self.resets_at, *(window.resets_at for window in windows if window.status == "rejected"))
        return max((at for at in told if at is not None), default=None)


class RateLimit(msgspec.Struct, tag_field="type", tag="rate_limit_event"):
    """Only accounts with a subscription get these."""

    rate_limit_info: RateLimitInfo


class Tokens(msgspec.Struct):
    input_tokens: int = 0
    cache_creation_input_tokens: int = 0
    cache_read_input_tokens: int = 0
    output_tokens: int = 0


class ModelUsage(msgspec.Struct, rename="camel"):
    input_tokens: int = 0
    cache_creation_input_tokens: int = 0
    cache_read_input_tokens: int = 0
    output_tokens: int = 0
    cost_usd: float = msgspec.field(default=0.0, name="costUSD")


class Denial(msgspec.Struct):
    tool_name: str = ""
    tool_input: msgspec.Raw = msgspec.Raw(b"{}")


class Result(msgspec.Struct, tag_field="type", tag="result"):
    """How a turn ended; the last one counts. ``subtype`` is "success" also for errors of the API, so
    ``is_error`` decides. ``total_cost_usd`` goes back to the beginning of a resumed session and ``usage``
    leaves out subagents; ``model_usage_since_last_result`` is what this run used.
    """

    is_error: bool = True
    subtype: str = ""
    result: str | None = None
    errors: list[str] = []
    session_id: str = ""
    api_error_status: int | None = None
    api_error_type: str | None = None
    api_error: str | None = None
    terminal_reason: str | None = None
    total_cost_usd: float | None = None
    usage: Tokens | None = None
    model_usage_since_last_result: dict[str, ModelUsage] | None = None
    permission_denials: list[Denial] = []
    queued_turn_count: int = 0

    @property
    def said(self) -> str:
        return self.result or "; ".join(self.errors)


Line = System | Assistant | RateLimit | Result
LINE: msgspec.json.Decoder[Line] = msgspec.json.Decoder(Line)
TOOL_INPUT = msgspec.json.Decoder(ToolInput)
WINDOWS = msgspec.json.Decoder(dict[str, Window])


class ClaudeParser(JsonLinesParser[Line]):
    def __init__(self) -> None:
        super().__init__(LINE)
        self._cwd = ""
        self._session: str | None = None
        self._error: str | None = None
        self._limit: RateLimitInfo | None = None
        self._result: Result | None = None
        self._used: list[ModelUsage] | None = None
        self._worked = False

    def read(self, line: Line) -> Iterable[Event]:
        match line:
            case System():
                yield from self._read_system(line)
            case Assistant():
                self._error = line.error
                self._worked = self._worked or line.error is None
                for block in line.message.content:
                    if block.type == "tool_use":
                        yield describe(block.name, decode(block.input, TOOL_INPUT), self._cwd)
                    elif block.type == "text":
                        yield Said(f"{block.text}\n")
            case RateLimit():
                self._limit = line.rate_limit_info
            case Result():
                self._result = line
                self._session = self._session or line.session_id or None
                if line.model_usage_since_last_result is not None:
                    self._used = [*(self._used or ()), *line.model_usage_since_last_result.values()]
                if not line.queued_turn_count:
                    yield Finished()

    def _read_system(self, line: System) -> Iterator[Event]:
        if line.subtype == "init":
            self._cwd = line.cwd
            if line.session_id and self._session is None:
                self._session = line.session_id
                yield SessionStarted(line.session_id)
        elif line.subtype == "api_retry":
            yield activity.retries(f"{line.error} ({line.attempt} of {line.max_retries})")
            if CLASS_OF_ERROR.get(line.error or "") == "throttled":
                yield Waits(self._worked)

    def outcome(self, ending: Ending) -> Outcome:
        result = self._result
        if result is None:
            known, message = without_result(ending)
            return Outcome(session_id=self._session, error_class=known, error_message=message)
        text = storable(result.result or "")
        error_class = self._error_class(result, text)
        used = self._used  # None of earlier versions, which tell only what the session used
        return Outcome(
            final_text="" if result.is_error else text,
            session_id=self._session,
            usage=usage_of([result.usage or Tokens()] if used is None else used),
            cost_usd=result.total_cost_usd if used is None else sum(count.cost_usd for count in used),
            denials=tuple(denied(denial, self._cwd) for denial in result.permission_denials),
            error_class=error_class,
            error_message=None if error_class is None else error_message(error_class, result),
            limit_resets_at=self._reset(text) if error_class == "limit" else None,
        )

    def _error_class(self, result: Result, text: str) -> str | None:
        if not result.is_error:
            if text.strip():
                return None
            return "permission_denied" if result.permission_denials else "empty_result"
        if result.subtype == "error_max_budget_usd":
            return "budget"
        if result.terminal_reason == "prompt_too_long":
            return "context_too_long"
        if result.api_error_type == "overloaded_error":
            return "overloaded"
        known = CLASS_OF_ERROR.get(self._error or "") or failure.CLASS_OF_STATUS.get(
            result.api_error_status or 0
        )
        if known == "throttled" and self._limit is not None and self._limit.is_reached:
            return "limit"
        kind = CLASS_OF_KIND.get(result.api_error or "")
        by_words = (error_class for pattern, error_class in SENTENCES if pattern.match(result.said))
        return kind or known or next(by_words, "agent_error")

    def _reset(self, text: str) -> float | None:
        if self._limit is not None and self._limit.is_reached:
            return self._limit.reset
        return reset_of_key(text)


def describe(tool: str, what: ToolInput | None, cwd: str) -> Activity:
    what = what or ToolInput()
    match tool:
        case "Write" | "Edit" | "MultiEdit" | "NotebookEdit":
            return activity.edits(what.file_path or what.notebook_path, cwd)
        case "Read":
            return activity.reads(what.file_path, cwd)
        case "Bash":
            return activity.runs(what.command)
        case "Grep" | "Glob":
            return activity.searches(what.pattern)
        case "WebSearch":
            return activity.searches(what.query)
        case "WebFetch":
            return activity.fetches(what.url)
        case "Task" | "Agent":
            return activity.delegates(what.description)
        case _:
            return activity.uses(tool)


def denied(denial: Denial, cwd: str) -> str:
    """What was refused, in the words of the activities: "runs npm test"."""
    return describe(denial.tool_name, decode(denial.tool_input, TOOL_INPUT), cwd).text


def usage_of(counts: Sequence[Tokens | ModelUsage]) -> Usage:
    cached = sum(count.cache_read_input_tokens for count in counts)
    uncached = sum(count.input_tokens + count.cache_creation_input_tokens for count in counts)
    return Usage(
        input=uncached + cached, cached_input=cached, output=sum(count.output_tokens for count in counts)
    )


def error_message(error_class: str, result: Result) -> str:
    predicate = None
    if error_class == "auth":
        predicate = NOT_LOGGED_IN
    elif result.subtype == "error_max_budget_usd":
        predicate = "reached the limit of money that it was given"
    elif result.subtype == "error_max_turns":
        predicate = "reached its limit of turns"
    elif result.said.startswith(NO_SESSION):
        predicate = failure.NO_SESSION
    return failure.message("claude", error_class, result.said, predicate)


def without_result(ending: Ending) -> tuple[str, str]:
    """The class and the message of a run that ended without a word on how it went."""
    if "--dangerously-skip-permissions cannot be used with root" in ending.stderr_tail:
        return "permission_denied", failure.message("claude", "permission_denied", "", NOT_AS_ROOT)
    return "agent_error", failure.no_final_event("claude", ending)
