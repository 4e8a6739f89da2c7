"""Google's `gemini` (measured with 0.61.0, npm package @google/gemini-cli).

Its retries, updates and statistics can be set in its settings file only, which had best hold RECOMMENDED_SETTINGS: a
config home that we make gets them. Left alone gemini retries for up to four minutes. Default settings of our own,
given by an environment variable, are no way out: it takes such a file from root only.
"""

import json
import re
import signal
from collections.abc import Collection, Iterable, Mapping, Sequence
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
from wrappers.gemini_errors import class_of, limit_in
from wrappers.lines import JsonLinesParser, LineCutter, decode
from wrappers.text import last_words, storable

VERSION = "0.61.0"

SETTINGS_FILE = ".gemini/settings.json"
"""Below its config home."""
RECOMMENDED_SETTINGS: Mapping[str, Mapping[str, object]] = {
    "general": {"maxAttempts": 2, "enableAutoUpdate": False},
    "privacy": {"usageStatisticsEnabled": False},
}

# Named, since gemini takes a base URL in the environment for a gateway of another kind, and then refuses a key. Who
# logs in instead is asked by gemini itself.
KEY_SETTINGS: Mapping[str, object] = {"security": {"auth": {"selectedType": "gemini-api-key"}}}

# Its readStdin() cuts off the rest, and only a debug log says so.
LONGEST_PROMPT = PromptLimit(8 * 2**20, "bytes")

# A variable that it does not have it takes from these, such as the address of its service. It does not let the agent
# write them.
STEERING_FILES = (".gemini/", ".env")

# In `default` the tools that write are not even offered to the model.
APPROVAL_MODES: dict[Permission, str] = {"read": "default", "edit": "auto_edit", "full": "yolo"}

# Without it gemini starts itself a second time, and the first process ignores SIGTERM.
ENVIRONMENT = {"GEMINI_CLI_NO_RELAUNCH": "true"}

NOT_LOGGED_IN = (
    "is not logged in, or its key is refused: run `gemini` with the config home of this account "
    "and sign in, or give the group a valid GEMINI_API_KEY"
)

# With these codes its own failures end the process.
EXITS: Mapping[int, tuple[str, str]] = {
    41: ("auth", NOT_LOGGED_IN),
    42: ("invalid_request", "refused its input, as it does a session of another directory"),
    44: ("agent_error", "wants a sandbox of its own, which needs docker or podman"),
    53: ("agent_error", "reached the limit of turns in its settings (model.maxSessionTurns)"),
    55: ("invalid_request", "does not trust the work directory"),
}
# It waits half a second for its input, and takes none for an empty prompt, which no task has: the prompt is a file
# that is there, so this host was too busy to read it.
NO_INPUT = "No input provided via stdin."
TOO_BUSY = "gave up on its prompt after half a second, so busy is this host"


# What it says on stderr, and nowhere else, when it waits by itself: for hours, if a limit lasts so long.
RETRY = re.compile(r"\. Retrying after (\d{1,12})ms\.\.\.$")
LONGEST_WAIT_MS = 60_000
# A warning after which it ends as if all were well; what it had of the answer is cut off.
LOOP = "Loop detected, stopping execution"
IN_A_LOOP = "stopped the model, which repeated itself"
# A prompt that it takes for too long for the model it does not send, and ends as if all were well. It reckons a token
# for four letters, or three quarters of another character; its smallest model holds 256 Ki tokens.
SHORTEST_OVERFLOW = 2**18 * 3 // 4

# The reasons that it gives for a tool that the profile withholds, and for a path that it does not allow.
DENIALS = ("tool_not_registered", "policy_violation", "path_not_in_workspace")
WITHHELD = ("write_file", "replace", "run_shell_command", "web_fetch")
NOT_IN_WORKSPACE = "Path not in workspace:"


# SIGTERM ends it at once, but leaves behind the commands that it runs.
STOP = GentleStop(signal.SIGTERM, 2.0)


CREDENTIALS: Mapping[str, AuthMode] = {"GEMINI_API_KEY": "key", "GOOGLE_API_KEY": "key"}


@dataclass(frozen=True, slots=True, kw_only=True)
class Gemini:
    """The wrapper of gemini: stream-json, with the prompt on stdin."""

    program: str = "gemini"
    name: str = "gemini"
    install_hint: str = f"npm install -g @google/gemini-cli@{VERSION}"
    config_home_variable: str | None = "GEMINI_CLI_HOME"
    default_config_home: str | None = "."
    credentials: Mapping[str, AuthMode] | None = field(default_factory=lambda: CREDENTIALS)
    takes_fallback_model: bool = False
    longest_prompt: PromptLimit | None = LONGEST_PROMPT
    steering_files: Sequence[str] = STEERING_FILES
    stop: GentleStop = STOP

    def invocation(self, request: Request) -> Invocation:
        argv = [self.program, "--skip-trust", "--approval-mode", APPROVAL_MODES[request.permission]]
        argv += ["-o", "stream-json"]
        if request.model:
            argv += ["-m", request.model]
        if request.resume:
            argv += ["--resume", request.resume]
        else:
            argv += ["--session-id", request.run_id]
        home = {"GEMINI_CLI_HOME": request.config_home} if request.config_home else {}
        return Invocation(argv=tuple(argv), env=ENVIRONMENT | home)

    def new_home(self, variables: Collection[str]) -> Mapping[str, str]:
        key = KEY_SETTINGS if "GEMINI_API_KEY" in variables else {}
        return {SETTINGS_FILE: json.dumps({**RECOMMENDED_SETTINGS, **key}, indent=2) + "\n"}

    def parser(self) -> "GeminiParser":
        return GeminiParser()


class Init(msgspec.Struct, tag_field="type", tag="init"):
    session_id: str = ""


class Message(msgspec.Struct, tag_field="type", tag="message"):
    """A piece of the conversation; the prompt comes back, too, with the role "user"."""

    role: str = ""
    content: str = ""


class Parameters(msgspec.Struct):
    file_path: str = ""
    absolute_path: str = ""
    dir_path: str = ""
    command: str = ""
    pattern: str = ""
    query: str = ""
    prompt: str = ""


class ToolUse(msgspec.Struct, tag_field="type", tag="tool_use"):
    tool_name: str = ""
    tool_id: str = ""
    parameters: msgspec.Raw = msgspec.Raw(b"{}")


class ToolError(msgspec.Struct):
    type: str = ""
    message: str = ""


class ToolResult(msgspec.Struct, tag_field="type", tag="tool_result"):
    tool_id: str = ""
    error: ToolError | None = None


class Error(msgspec.Struct, tag_field="type", tag="error"):
    severity: str = ""
    message: str = ""


class Failure(msgspec.Struct):
    message: str = ""


class Stats(msgspec.Struct):
    total_tokens: int = 0
    input_tokens: int = 0
    output_tokens: int = 0
    cached: int = 0


class Result(msgspec.Struct, tag_field="type", tag="result"):
    status: str = ""
    error: Failure | None = None
    stats: Stats | None = None


Line = Init | Message | ToolUse | ToolResult | Error | Result
LINE: msgspec.json.Decoder[Line] = msgspec.json.Decoder(Line)
PARAMETERS = msgspec.json.Decoder(Parameters)


class GeminiParser(JsonLinesParser[Line]):
    def __init__(self) -> None:
        super().__init__(LINE)
        self._session: str | None = None
        self._pieces: list[str] = []
        self._answer_ended = False
        self._last_error = ""
        self._result: Result | None = None
        self._model_spoke = False
        self._in_a_loop = False
        self._prompt_length = 0
        self._used: dict[str, tuple[str, str]] = {}
        self._denials: list[str] = []
        self._stderr = LineCutter(longest=2**16)
        self._limit = ""
        """What it said of a limit, while it waits for its end."""

    @property
    def _resumable(self) -> str | None:
        """The session, if there is one to go on with: gemini writes it down with the model's first words."""
        return self._session if self._model_spoke else None

    def hear(self, chunk: bytes) -> Sequence[Event]:
        return [
            event for line in self._stderr.feed(chunk) for event in self._hear(line.decode(errors="replace"))
        ]

    def _hear(self, line: str) -> Iterable[Event]:
        if line.startswith("Attempt "):
            self._limit = line if limit_in(line) is not None else ""
        retry = RETRY.search(line)
        if retry is not None and int(retry[1]) > LONGEST_WAIT_MS:
            yield Waits(self._model_spoke)

    def read(self, line: Line) -> Iterable[Event]:
        self._limit = ""
        match line:
            case Init():
                self._session = line.session_id or None
                if self._session:
                    yield SessionStarted(self._session)
            case Message():
                if line.role == "assistant":
                    self._model_spoke = True
                    self._take_piece(line.content)
                    yield Said(line.content)
                else:
                    self._prompt_length += len(line.content)
            case ToolUse():
                self._model_spoke = self._answer_ended = True
                what = describe(line.tool_name, decode(line.parameters, PARAMETERS))
                self._used[line.tool_id] = (line.tool_name, what.text)
                yield what
            case ToolResult():
                tool, what_for = self._used.pop(line.tool_id, ("", ""))
                if line.error is not None and is_denial(tool, line.error):
                    self._denials.append(what_for)
            case Error():
                if line.severity == "error":
                    self._last_error = line.message
                self._in_a_loop = self._in_a_loop or line.message == LOOP
            case Result():
                self._result = line
                yield Finished()

    def _take_piece(self, piece: str) -> None:
        """What is said before a tool is used is a remark; the answer is what is said after the last one."""
        if self._answer_ended:
            self._pieces.clear()
            self._answer_ended = False
        self._pieces.append(piece)

    def outcome(self, ending: Ending) -> Outcome:
        result = self._result
        if result is None:
            return self._without_result(ending)
        usage = usage_of(result.stats)
        if result.status != "success":
            return self._failed(result, ending, usage)
        answer = "" if self._answer_ended else storable("".join(self._pieces))
        error_class, predicate = self._misgiving(result, answer)
        return Outcome(
            final_text="" if error_class else answer,
            session_id=self._resumable,
            usage=usage,
            denials=tuple(self._denials),
            error_class=error_class,
            error_message=failure.message("gemini", error_class, self._last_error, predicate)
            if error_class
            else None,
        )

    def _misgiving(self, result: Result, answer: str) -> tuple[str | None, str | None]:
        """Why a run is no success that says it is one: its class, and what is to be said of it."""
        if self._in_a_loop:
            return "agent_error", IN_A_LOOP
        if answer.strip():
            return None, None
        asked_nobody = not self._model_spoke and (result.stats is None or not result.stats.total_tokens)
        if asked_nobody and self._prompt_length >= SHORTEST_OVERFLOW:
            return "context_too_long", None
        return "empty_result", None

    def _failed(self, result: Result, ending: Ending, usage: Usage | None) -> Outcome:
        said = result.error.message if result.error else self._last_error
        error_class = class_of(said, ending)
        predicate = NOT_LOGGED_IN if error_class == "auth" else None
        return Outcome(
            session_id=self._resumable,
            usage=usage,
            error_class=error_class,
            error_message=failure.message("gemini", error_class, said, predicate),
            limit_lasts_s=limit_in(said),
        )

    def _without_result(self, ending: Ending) -> Outcome:
        if self._limit:
            said = RETRY.sub("", self._limit).partition(": ")[2]
            return Outcome(
                session_id=self._resumable,
                error_class="limit",
                error_message=failure.message("gemini", "limit", said),
                limit_lasts_s=limit_in(self._limit),
            )
        error_class, predicate = EXITS.get(ending.exit_code or 0, ("agent_error", None))
        if ending.exit_code == 42 and NO_INPUT in ending.stderr_tail:
            error_class, predicate = "no_resources", TOO_BUSY
        words = last_words(ending.stderr_tail)
        return Outcome(
            session_id=self._resumable,
            error_class=error_class,
            error_message=failure.message("gemini", error_class, words, predicate)
            if predicate
            else failure.no_final_event("gemini", ending),
        )


def describe(tool: str, what: Parameters | None) -> Activity:
    what = what or Parameters()
    match tool:
        case "write_file" | "replace":
            return activity.edits(what.file_path)
        case "read_file":
            return activity.reads(what.file_path or what.absolute_path)
        case "list_directory":
            return activity.reads(what.dir_path)
        case "run_shell_command":
            return activity.runs(what.command)
        case "grep_search" | "search_file_content" | "glob":
            return activity.searches(what.pattern)
        case "google_web_search":
            return activity.searches(what.query)
        case "web_fetch":
            return activity.fetches(what.prompt)
        case _:
            return activity.uses(tool)


def is_denial(tool: str, error: ToolError) -> bool:
    """Whether the agent was not allowed to do something, and did not only do it wrong."""
    if error.message.startswith(NOT_IN_WORKSPACE):
        return True
    return error.type in DENIALS and (error.type != "tool_not_registered" or tool in WITHHELD)


def usage_of(stats: Stats | None) -> Usage | None:
    if stats is None:
        return None
    return Usage(input=stats.input_tokens, cached_input=stats.cached, output=stats.output_tokens)
