"""Reads the output of `claude` (measured with 2.1.330)."""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace

from wrappers import activity
from wrappers.base import (
    Activity,
    Asked,
    Ending,
    Event,
    Finished,
    Outcome,
    Said,
    SessionStarted,
    Usage,
    Waits,
)
from wrappers.claude import asking, errors
from wrappers.claude.output import (
    LINE,
    TOOL_INPUT,
    Assistant,
    Denial,
    Line,
    ModelUsage,
    RateLimit,
    RateLimitInfo,
    Result,
    System,
    Tokens,
    ToolInput,
    User,
)
from wrappers.lines import JsonLinesParser, decode
from wrappers.text import storable


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
        self._asking: dict[str, str] = {}
        """What the model asks, by the id of the tool's use, while claude has not said anything to that."""
        self._question: str | None = None

    def read(self, line: Line) -> Iterable[Event]:
        match line:
            case System():
                yield from self._read_system(line)
            case Assistant():
                self._error = line.error
                self._worked = self._worked or line.error is None
                for block in line.message.content:
                    if block.type == "tool_use":
                        if block.name == asking.TOOL and line.parent_tool_use_id is None:
                            self._asking[block.id] = asking.question_in(block.input)
                        yield describe(block.name, decode(block.input, TOOL_INPUT), self._cwd)
                    elif block.type == "text":
                        yield Said(f"{block.text}\n")
            case User():
                yield from self._read_results(line)
            case RateLimit():
                self._limit = line.rate_limit_info
            case Result():
                self._result = line
                self._session = self._session or line.session_id or None
                deferred = line.deferred_tool_use
                if deferred is not None and deferred.name == asking.TOOL:
                    self._question = asking.question_in(deferred.input)
                if line.model_usage_since_last_result is not None:
                    self._used = [*(self._used or ()), *line.model_usage_since_last_result.values()]
                if not line.queued_turn_count:
                    yield Finished()

    def _read_results(self, line: User) -> Iterator[Event]:
        blocks = line.message.content if isinstance(line.message.content, list) else []
        for block in blocks:
            if block.tool_use_id in self._asking:
                self._question = self._asking.pop(block.tool_use_id)
                yield Asked()

    def _read_system(self, line: System) -> Iterator[Event]:
        if line.subtype == "init":
            self._cwd = line.cwd
            if line.session_id and self._session is None:
                self._session = line.session_id
                yield SessionStarted(line.session_id)
        elif line.subtype == "api_retry":
            yield activity.retries(f"{line.error} ({line.attempt} of {line.max_retries})")
            if errors.CLASS_OF_ERROR.get(line.error or "") == "throttled":
                yield Waits(self._worked)

    def outcome(self, ending: Ending) -> Outcome:
        result = self._result
        if self._question is not None and (result is None or not result.is_error):
            return self._asked(result or Result(is_error=False), self._question)
        if result is None:
            return errors.without_result(ending, self._session)
        text = storable(result.result or "")
        error_class = self._error_class(result, text)
        limit = self._limit if error_class == "limit" else None
        return replace(
            self._used_by(result),
            final_text="" if result.is_error else text,
            denials=tuple(denied(denial, self._cwd) for denial in result.permission_denials),
            error_class=error_class,
            error_message=None if error_class is None else errors.message_of(error_class, result),
            limit_resets_at=errors.reset_of(text, self._limit) if error_class == "limit" else None,
            limit_is_of_model=limit is not None and limit.is_of_model,
        )

    def _asked(self, result: Result, question: str) -> Outcome:
        denials = (denial for denial in result.permission_denials if denial.tool_name != asking.TOOL)
        return replace(
            self._used_by(result),
            denials=tuple(denied(denial, self._cwd) for denial in denials),
            error_class="question",
            error_message=errors.FAILURES.message("question", question),
            question=question,
        )

    def _used_by(self, result: Result) -> Outcome:
        """Return the session and what the run used, in an outcome that says nothing else."""
        used = self._used  # None with earlier versions, which only report what the whole session used
        return Outcome(
            session_id=self._session,
            usage=usage_of([result.usage or Tokens()] if used is None else used),
            cost_usd=result.total_cost_usd if used is None else sum(count.cost_usd for count in used),
        )

    def _error_class(self, result: Result, text: str) -> str | None:
        if result.is_error:
            return errors.class_of(result, self._error, self._limit)
        if text.strip():
            return None
        return "permission_denied" if result.permission_denials else "empty_result"


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
    """Return what was refused, in the words of the activities: "runs npm test"."""
    return describe(denial.tool_name, decode(denial.tool_input, TOOL_INPUT), cwd).text


def usage_of(counts: Sequence[Tokens | ModelUsage]) -> Usage:
    cached = sum(count.cache_read_input_tokens for count in counts)
    uncached = sum(count.input_tokens + count.cache_creation_input_tokens for count in counts)
    return Usage(
        input=uncached + cached, cached_input=cached, output=sum(count.output_tokens for count in counts)
    )
