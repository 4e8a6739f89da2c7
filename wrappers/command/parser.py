"""Reads what a described tool prints: a text, a JSON document, or one document on each line."""

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace

import msgspec

from wrappers.base import Ending, Event, Outcome, Parser
from wrappers.command.errors import Errors
from wrappers.command.rules import Failure, Story, apply, apply_to_line, plain
from wrappers.command.settings import EventRule
from wrappers.failure import with_exit_code
from wrappers.lines import LineCutter, decode
from wrappers.text import last_words, one_line, storable

DOCUMENT: msgspec.json.Decoder[object] = msgspec.json.Decoder()

# Bytes. The end of a longer text is kept; a longer document or line of stderr cannot be read at all.
LONGEST_TEXT = 4 * 1024 * 1024
LONGEST_DOCUMENT = 64 * 1024 * 1024
LONGEST_ON_STDERR = 1024 * 1024
LONGEST_LAST_WORDS = 500
"""Characters."""

Patterns = Sequence[tuple[re.Pattern[str], EventRule]]


@dataclass(frozen=True, slots=True, kw_only=True)
class Description:
    """What the parsers of one tool know: the rules of its settings, with their patterns compiled."""

    name: str
    of_json: Sequence[EventRule]
    of_lines: Patterns
    of_stderr: Patterns
    of_report: Sequence[EventRule]
    fails: Sequence[re.Pattern[str]]
    has_answer_rule: bool
    needs_end: bool
    errors: Errors


class DescribedParser(Parser):
    """What all parsers have in common: the lines of stderr, the report, and what a run comes to."""

    def __init__(self, description: Description) -> None:
        self._described = description
        self._story = Story()
        self._stderr = LineCutter(LONGEST_ON_STDERR)
        self._on_stderr = Story()

    @property
    def story(self) -> Story:
        """What stdout, and at the end the report, have come to so far."""
        return self._story

    @property
    def on_stderr(self) -> Story:
        """The failures that stderr told of so far. All else that it told is in :attr:`story`."""
        return self._on_stderr

    def feed_stderr(self, chunk: bytes) -> Sequence[Event]:
        if not self._described.of_stderr:
            return ()
        return [event for line in self._stderr.feed(chunk) for event in self._read_stderr(line)]

    def finish(self, ending: Ending) -> Outcome:
        self._end()
        self._read_stderr(self._stderr.rest())
        if ending.report:
            _run_through(apply(self._described.of_report, decode(ending.report, DOCUMENT), self._story))
        return replace(
            self._outcome(ending),
            session_id=self._story.session,
            usage=self._story.usage,
            cost_usd=self._story.cost_usd,
            denials=tuple(self._story.denials),
        )

    def _end(self) -> None:
        """Take in what is left at the end of stdout."""

    def _read_stderr(self, line: bytes) -> Sequence[Event]:
        """Read a line of stderr. Nobody knows between which lines of stdout it stands, so no turn forgets its error."""
        story, apart = self._story, self._on_stderr
        kept = (story.failure, story.waited_for)
        story.failure, story.waited_for = apart.failure, apart.waited_for
        events = apply_to_line(self._described.of_stderr, plain(line), story) or ()
        apart.failure, apart.waited_for = story.failure, story.waited_for
        story.failure, story.waited_for = kept
        return events

    def _outcome(self, ending: Ending) -> Outcome:
        story, apart, name = self._story, self._on_stderr, self._described.name
        overcome = story.ended and apart.failure is not None and apart.failure.error_class is None
        failure = story.failure or (None if overcome else apart.failure)
        in_order = _in_order(ending.exit_code, ended=story.ended)
        if (
            in_order
            and (story.ended or not self._described.needs_end)
            and story.answer.strip()
            and not failure
        ):
            return Outcome(final_text=story.answer)
        failure = failure or apart.failure or story.waited_for or apart.waited_for
        if failure is not None or not in_order:
            return self._described.errors.outcome(failure or Failure(), ending, story.last_words)
        if self._described.needs_end and not story.ended:
            words = last_words(ending.stderr_tail) or story.last_words
            message = f"{name} ended{with_exit_code(ending)} before it had a result" + (
                f": {words}" if words else ""
            )
            return Outcome(error_class="agent_error", error_message=message)
        if story.denials:
            message = f"{name} was not allowed to do what it wanted to do, and gave no answer"
            return Outcome(error_class="permission_denied", error_message=message)
        return Outcome(error_class="empty_result", error_message=f"{name} ended without an answer")


def _in_order(exit_code: int | None, *, ended: bool) -> bool:
    """Whether a process ended in order. One that lives on after its end is stopped by a signal, as 128 and more say."""
    return exit_code == 0 or (ended and (exit_code is None or exit_code > 128))


class JsonParser(DescribedParser):
    """Applies the rules to each line, or to the one document."""

    def __init__(self, description: Description, *, lines: bool) -> None:
        super().__init__(description)
        self._lines = LineCutter() if lines else None
        self._document = bytearray()
        self._too_long = False

    def feed_stdout(self, chunk: bytes) -> Sequence[Event]:
        if self._lines is not None:
            return [event for line in self._lines.feed(chunk) for event in self._read(line)]
        if self._too_long or len(self._document) + len(chunk) > LONGEST_DOCUMENT:
            self._too_long = True
            self._document.clear()
        else:
            self._document += chunk
        return ()

    def _end(self) -> None:
        _run_through(self._read(bytes(self._document) if self._lines is None else self._lines.rest()))

    def _read(self, text: bytes) -> Iterable[Event]:
        document = decode(text, DOCUMENT)
        if document is not None:
            return apply(self._described.of_json, document, self._story)
        words = one_line(text[: 4 * LONGEST_LAST_WORDS].decode(errors="replace"), LONGEST_LAST_WORDS)
        self._story.last_words = words or self._story.last_words
        return ()


class TextParser(DescribedParser):
    """All that is printed is the answer, except for the lines that a rule knows, unless a rule finds the answer."""

    def __init__(self, description: Description) -> None:
        super().__init__(description)
        self._begun = bytearray()
        self._answer = bytearray()
        self._looks_at_lines = bool(description.of_lines or description.fails)

    def feed_stdout(self, chunk: bytes) -> Sequence[Event]:
        if not self._looks_at_lines:
            _add(self._answer, chunk)
            return ()
        *ends, beginning = chunk.split(b"\n")
        events: list[Event] = []
        for end in ends:
            _add(self._begun, end)
            events += self._read(bytes(self._begun))
            self._begun.clear()
        _add(self._begun, beginning)
        return events

    def _end(self) -> None:
        self._read(bytes(self._begun))
        printed = storable(self._answer[-LONGEST_TEXT:].decode(errors="replace")).strip()
        if not self._described.has_answer_rule:
            self._story.answer = printed

    def _read(self, line: bytes) -> Sequence[Event]:
        text = plain(line)
        turns = self._story.turns
        events = apply_to_line(self._described.of_lines, text, self._story)
        if any(pattern.search(text) for pattern in self._described.fails):
            self._story.failure = Failure(said=text)
        if self._story.turns > turns:
            self._answer.clear()
        if events is None:
            _add(self._answer, line + b"\n")
        return events or ()


def _run_through(events: Iterable[Event]) -> None:
    for _ in events:
        pass


def _add(text: bytearray, piece: bytes) -> None:
    """Add a piece to a text of which the end is kept. It moves once for as many bytes as it holds."""
    text += piece
    if len(text) > 2 * LONGEST_TEXT:
        del text[:-LONGEST_TEXT]
