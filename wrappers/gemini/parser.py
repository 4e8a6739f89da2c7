"""Reads the output of `gemini` (measured with 0.61.0)."""

import re
from collections.abc import Iterable, Sequence

from wrappers import activity
from wrappers.base import Activity, Ending, Event, Finished, Outcome, Said, SessionStarted, Usage, Waits
from wrappers.gemini.errors import FAILURES, class_of, is_denial, limit_in, of_exit
from wrappers.gemini.output import (
    LINE,
    PARAMETERS,
    Error,
    Init,
    Line,
    Message,
    Parameters,
    Result,
    Stats,
    ToolResult,
    ToolUse,
)
from wrappers.lines import JsonLinesParser, LineCutter, decode
from wrappers.text import storable

# gemini says this when it waits by itself, and only on stderr. It may wait for hours, until the end of a limit.
RETRY = re.compile(r"\. Retrying after (\d{1,12})ms\.\.\.$")
LONGEST_WAIT_MS = 60_000
# A warning. After it gemini reports success, although the answer is cut off.
LOOP = "Loop detected, stopping execution"
IN_A_LOOP = "stopped the model, which repeated itself"
# Characters. gemini does not send a prompt that it estimates to be too long for the model, and reports success. It
# counts a token for four letters, or for three quarters of any other character; its smallest model holds 256 Ki tokens.
SHORTEST_OVERFLOW = 2**18 * 3 // 4


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
        """What gemini said about a limit; empty unless it waits for the end of that limit."""

    @property
    def _resumable(self) -> str | None:
        """The session, if it can be resumed: gemini writes it down with the model's first words."""
        return self._session if self._model_spoke else None

    def feed_stderr(self, chunk: bytes) -> Sequence[Event]:
        return [
            event
            for line in self._stderr.feed(chunk)
            for event in self._warned(line.decode(errors="replace"))
        ]

    def _warned(self, line: str) -> Iterable[Event]:
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
        """Collect the answer: the text after the last tool. Any text before a tool is only a remark."""
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
        error_class, predicate = self._doubt(result, answer)
        return Outcome(
            final_text="" if error_class else answer,
            session_id=self._resumable,
            usage=usage,
            denials=tuple(self._denials),
            error_class=error_class,
            error_message=FAILURES.message(error_class, self._last_error, predicate) if error_class else None,
        )

    def _doubt(self, result: Result, answer: str) -> tuple[str | None, str | None]:
        """Return why a run failed although gemini reports success: the error class, and a predicate."""
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
        return Outcome(
            session_id=self._resumable,
            usage=usage,
            error_class=error_class,
            error_message=FAILURES.message(error_class, said),
            limit_lasts_s=limit_in(said),
        )

    def _without_result(self, ending: Ending) -> Outcome:
        if self._limit:
            said = RETRY.sub("", self._limit).partition(": ")[2]
            error_class, message = "limit", FAILURES.message("limit", said)
        else:
            error_class, message = of_exit(ending)
        return Outcome(
            session_id=self._resumable,
            error_class=error_class,
            error_message=message,
            limit_lasts_s=limit_in(self._limit),
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


def usage_of(stats: Stats | None) -> Usage | None:
    if stats is None:
        return None
    return Usage(input=stats.input_tokens, cached_input=stats.cached, output=stats.output_tokens)
