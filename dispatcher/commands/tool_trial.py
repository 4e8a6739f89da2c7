"""What a tool's parser makes of recorded output, line by line, for people who describe a tool."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from functools import partial

import msgspec

from dispatcher.quantities import plural
from dispatcher.terminal import escaped, one_line
from wrappers.base import (
    Activity,
    Asked,
    Ending,
    Event,
    Finished,
    Outcome,
    Parser,
    Said,
    SessionStarted,
    Stuck,
    Waits,
    Wrapper,
)
from wrappers.command.parser import DescribedParser, TextParser
from wrappers.command.rules import Failure, Story

HEAD = 200
"""Characters that are shown of a text."""
STDERR_TAIL = 64 * 1024

CONSEQUENCES: Mapping[str, str] = {
    "limit": "the task waits for the reset, or goes on with another account; the account takes no tasks until then",
    "throttled": "the task is tried again later, which uses up no attempt",
    "overloaded": "the task is tried again later, which uses up no attempt for an hour; one task tries the account",
    "auth": "the account is paused until somebody resumes it; the task waits, or goes on with another account",
    "no_credit": "the account is paused until somebody resumes it; the task waits, or goes on with another account",
    "budget": "the task fails",
    "context_too_long": "the task fails",
    "invalid_request": "the task fails",
    "permission_denied": "the task fails",
    "empty_result": "the task is tried again later, while it has attempts",
    "agent_error": "the task is tried again later, while it has attempts",
    "no_resources": "the task is tried again later, which uses up no attempt",
    "question": "the task waits for an answer; its session goes on with it",
}
"""What each class does to the task and its account: the rows of `error_classes` in words."""


class Step(msgspec.Struct, frozen=True, kw_only=True):
    """What a line means. ``line`` counts from 1; 0 stands for the end of the output, and for the report."""

    stream: str
    line: int
    means: Sequence[str]


@dataclass(frozen=True, slots=True, kw_only=True)
class Recorded:
    """What a run printed and left behind."""

    stdout: bytes
    stderr: bytes = b""
    report: bytes = b""
    exit_code: int | None = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class Trial:
    """``unknown`` are the lines of stdout that mean nothing; of a text these are the answer, and there are none."""

    tool: str
    steps: Sequence[Step]
    unknown: int
    first_unknown: tuple[int, str] | None
    outcome: Outcome


def tried(wrapper: Wrapper, recorded: Recorded) -> Trial:
    """Feed a recording to the parser of a tool, line by line: first stdout, then stderr, as after a restart."""
    parser = wrapper.parser()
    steps: list[Step] = []
    unknown: list[tuple[int, bytes]] = []
    for number, line in _lines(recorded.stdout):
        if means := _meaning(parser, partial(parser.feed_stdout, line)):
            steps.append(Step(stream="stdout", line=number, means=means))
        elif line.strip() and not isinstance(parser, TextParser):
            unknown.append((number, line))
    for number, line in _lines(recorded.stderr):
        if means := _meaning(parser, partial(parser.feed_stderr, line)):
            steps.append(Step(stream="stderr", line=number, means=means))
    outcomes: list[Outcome] = []

    def finish() -> Sequence[Event]:
        tail = recorded.stderr[-STDERR_TAIL:].decode(errors="replace")
        ending = Ending(exit_code=recorded.exit_code, stderr_tail=tail, report=recorded.report)
        outcomes.append(parser.finish(ending))
        return ()

    if means := _meaning(parser, finish):
        steps.append(Step(stream="report" if recorded.report else "end", line=0, means=means))
    return Trial(
        tool=wrapper.name,
        steps=steps,
        unknown=len(unknown),
        first_unknown=(unknown[0][0], _head(unknown[0][1].decode(errors="replace"))) if unknown else None,
        outcome=outcomes[0],
    )


def as_lines(trial: Trial) -> Iterator[str]:
    for step in trial.steps:
        where = f"{step.stream} {step.line}" if step.line else step.stream
        yield from (f"{where if first else '':<12}{meaning}" for first, meaning in _marked(step.means))
    if trial.first_unknown is not None:
        number, text = trial.first_unknown
        yield f"not known: {plural(trial.unknown, 'line')} of stdout, first line {number}: {text}"
    yield ""
    yield from (f"{name:<12}{text}" for name, text in _summary(trial.outcome))


def as_json(trial: Trial) -> str:
    outcome = trial.outcome
    usage = outcome.usage
    content = {
        "tool": trial.tool,
        "steps": trial.steps,
        "unknown": trial.unknown,
        "first_unknown": None if trial.first_unknown is None else trial.first_unknown[0],
        "succeeded": outcome.succeeded,
        "error_class": outcome.error_class,
        "consequence": None if outcome.error_class is None else consequence_of(outcome.error_class),
        "error_message": outcome.error_message,
        "final_text": outcome.final_text,
        "session_id": outcome.session_id,
        "input_tokens": usage and usage.input,
        "cached_input_tokens": usage and usage.cached_input,
        "output_tokens": usage and usage.output,
        "cost_usd": outcome.cost_usd,
        "denials": outcome.denials,
        "limit_resets_at": outcome.limit_resets_at,
        "limit_lasts_s": outcome.limit_lasts_s,
    }
    return escaped(msgspec.json.format(msgspec.json.encode(content), indent=2).decode())


def consequence_of(error_class: str) -> str:
    return CONSEQUENCES.get(error_class, "the task fails")


def _summary(outcome: Outcome) -> Iterator[tuple[str, str]]:
    if outcome.error_class is None:
        yield "succeeded", _head(outcome.final_text)
    else:
        yield "failed", f"{outcome.error_class}: {consequence_of(outcome.error_class)}"
        yield "message", _head(outcome.error_message or "")
    if outcome.limit_lasts_s is not None:
        yield "resets in", f"{outcome.limit_lasts_s:g} s"
    if outcome.limit_resets_at is not None:
        yield "resets at", _time(outcome.limit_resets_at)
    yield "session", outcome.session_id or "none: the task cannot be continued"
    if outcome.usage is None:
        yield "tokens", "not told"
    else:
        used = outcome.usage
        yield "tokens", f"{used.input} in (of them {used.cached_input} from a cache), {used.output} out"
    yield "cost", "not told" if outcome.cost_usd is None else f"${outcome.cost_usd:g}"
    yield from (("denied", _head(denial)) for denial in outcome.denials)


def _lines(text: bytes) -> Iterator[tuple[int, bytes]]:
    *lines, last = text.split(b"\n")
    yield from ((number, line + b"\n") for number, line in enumerate(lines, 1))
    if last:
        yield len(lines) + 1, last


def _meaning(parser: Parser, feed: Callable[[], Sequence[Event]]) -> list[str]:
    """Return what a line means: what it changed in the story of a described tool, and the events."""
    if not isinstance(parser, DescribedParser):
        return [_event(event) for event in feed()]
    before, apart_before = _copy(parser.story), _copy(parser.on_stderr)
    events = feed()
    changed = [*_changes(before, parser.story), *_errors(apart_before, parser.on_stderr)]
    return [*changed, *map(_event, events)]


def _copy(story: Story) -> Story:
    return replace(story, denials=list(story.denials), counts=dict(story.counts))


def _changes(before: Story, after: Story) -> Iterator[str]:
    if after.turns > before.turns:
        yield "begins: the answer, the error and the end so far do not count"
    if after.answer and (after.answer != before.answer or after.turns > before.turns):
        yield f"answer: {_head(after.answer)}"
    for name, number in after.counts.items():
        if number != before.counts.get(name):
            yield f"counts: {name} {number:g}"
    yield from _errors(before, after)
    yield from (f"denied: {denial}" for denial in after.denials[len(before.denials) :])


def _errors(before: Story, after: Story) -> Iterator[str]:
    if after.failure is not None and after.failure is not before.failure:
        yield f"error: {_failure(after.failure)}"
    if after.waited_for is not None and after.waited_for is not before.waited_for:
        yield f"error, if the run fails: {_failure(after.waited_for)}"
    if after.ended and before.failure is not None and after.failure is None and after.turns == before.turns:
        yield "the error before was overcome"


def _failure(failure: Failure) -> str:
    known = [
        f"status {failure.status}" if failure.status is not None else "",
        f"class {failure.error_class}" if failure.error_class is not None else "",
        f"resets in {failure.resets_in:g} s" if failure.resets_in is not None else "",
        f"resets at {_time(failure.resets_at)}" if failure.resets_at is not None else "",
    ]
    told = ", ".join(text for text in known if text)
    return f"{_head(failure.said) or 'nothing is said'}{f' ({told})' if told else ''}"


def _event(event: Event) -> str:
    match event:
        case Activity(text):
            return f"does: {_head(text)}"
        case Said(text):
            return f"says: {_head(text)}"
        case SessionStarted(session_id):
            return f"session: {_head(session_id)}"
        case Waits(worked):
            return f"waits for its service, {'with work to lose' if worked else 'and has done nothing yet'}"
        case Asked():
            return "asks, and goes on without an answer"
        case Stuck():
            return "goes round in circles"
        case Finished():
            return "ends"


def _marked(texts: Sequence[str]) -> Iterator[tuple[bool, str]]:
    return ((number == 0, text) for number, text in enumerate(texts))


def _head(text: str) -> str:
    line = one_line(text[: 4 * HEAD])
    return line if len(line) <= HEAD else f"{line[: HEAD - 1]}…"


def _time(moment: float) -> str:
    try:
        return datetime.fromtimestamp(moment, UTC).isoformat(timespec="seconds")
    except (ValueError, OverflowError, OSError):
        return f"{moment:g}"
