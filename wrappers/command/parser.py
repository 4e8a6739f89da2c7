"""Reads what a described tool prints: a text, a JSON document, or one document on each line."""

import codecs
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import chain

import msgspec

from wrappers.base import Ending, Event, Outcome, Parser
from wrappers.command.errors import Errors
from wrappers.command.rules import Failure, Story, apply, apply_to_line
from wrappers.command.settings import EventRule
from wrappers.failure import with_exit_code
from wrappers.lines import LineCutter, decode
from wrappers.text import last_words, storable

DOCUMENT: msgspec.json.Decoder[object] = msgspec.json.Decoder()

# Bytes. The end of a longer text is kept; a longer document cannot be read at all.
LONGEST_TEXT = 4 * 1024 * 1024
LONGEST_DOCUMENT = 64 * 1024 * 1024
LONGEST_LINE_OF_TEXT = 20_000
"""Characters of a line in which patterns are searched."""

Patterns = Sequence[tuple[re.Pattern[str], EventRule]]


@dataclass(frozen=True, slots=True, kw_only=True)
class Description:
    """What the parsers of one tool know: the rules of its settings, with their patterns compiled."""

    name: str
    rules: Sequence[EventRule]
    of_lines: Patterns
    of_stderr: Patterns
    fails: Sequence[re.Pattern[str]]
    of_report: Sequence[EventRule]
    errors: Errors

    @property
    def needs_end(self) -> bool:
        return any(
            rule.ends for rule in chain(self.rules, self.of_report, (rule for _, rule in self.of_lines))
        )


class DescribedParser(Parser):
    """What all parsers have in common: the lines of stderr, the report, and what a run comes to."""

    def __init__(self, description: Description) -> None:
        self._described = description
        self._story = Story()
        self._stderr = LineCutter(LONGEST_DOCUMENT)

    def feed_stderr(self, chunk: bytes) -> Sequence[Event]:
        if not self._described.of_stderr:
            return ()
        lines = (line.decode(errors="replace") for line in self._stderr.feed(chunk))
        found = (self._apply_to_line(self._described.of_stderr, line) for line in lines)
        return [event for events in found for event in events or ()]

    def finish(self, ending: Ending) -> Outcome:
        self._end()
        if ending.report:
            for _ in apply(self._described.of_report, decode(ending.report, DOCUMENT), self._story):
                pass
        return replace(
            self._outcome(ending),
            session_id=self._story.session,
            usage=self._story.usage,
            cost_usd=self._story.cost_usd,
            denials=tuple(self._story.denials),
        )

    def _end(self) -> None:
        """Take in what is left at the end of stdout."""

    def _apply_to_line(self, patterns: Patterns, line: str) -> list[Event] | None:
        return apply_to_line(patterns, storable(line[:LONGEST_LINE_OF_TEXT]).rstrip("\r"), self._story)

    def _outcome(self, ending: Ending) -> Outcome:
        story, name = self._story, self._described.name
        if story.failure is not None or ending.exit_code != 0:
            return self._described.errors.outcome(story.failure or Failure(), ending)
        if self._described.needs_end and not story.ended:
            words = last_words(ending.stderr_tail)
            message = f"{name} ended{with_exit_code(ending)} before it had a result" + (
                f": {words}" if words else ""
            )
            return Outcome(error_class="agent_error", error_message=message)
        if not story.answer.strip():
            if story.denials:
                message = f"{name} was not allowed to do what it wanted to do, and gave no answer"
                return Outcome(error_class="permission_denied", error_message=message)
            return Outcome(error_class="empty_result", error_message=f"{name} ended without an answer")
        return Outcome(final_text=story.answer)


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
        for _ in self._read(bytes(self._document) if self._lines is None else self._lines.rest()):
            pass

    def _read(self, text: bytes) -> Iterator[Event]:
        return apply(self._described.rules, decode(text, DOCUMENT), self._story)


class TextParser(DescribedParser):
    """All that is printed is the answer, except for the lines that a rule knows."""

    def __init__(self, description: Description) -> None:
        super().__init__(description)
        self._decoder = codecs.getincrementaldecoder("utf-8")("replace")
        self._begun = ""
        self._answer: list[str] = []
        self._length = 0

    def feed_stdout(self, chunk: bytes) -> Sequence[Event]:
        *lines, self._begun = (self._begun + self._decoder.decode(chunk)).split("\n")
        events = [event for line in lines for event in self._read(line)]
        if len(self._begun) > LONGEST_TEXT:
            self._begun = self._begun[-LONGEST_TEXT:]
        return events

    def _end(self) -> None:
        for _ in self._read(self._begun + self._decoder.decode(b"", final=True)):
            pass
        self._story.answer = storable("\n".join(self._answer)[-LONGEST_TEXT:]).strip()

    def _read(self, line: str) -> Sequence[Event]:
        head = line[:LONGEST_LINE_OF_TEXT].rstrip("\r")
        if any(pattern.search(head) for pattern in self._described.fails):
            self._story.failure = Failure(said=head)
        events = self._apply_to_line(self._described.of_lines, line)
        if events is None:
            self._keep(line)
        elif self._begins(head):
            self._answer, self._length = [], 0
        return events or ()

    def _begins(self, line: str) -> bool:
        return any(rule.begins and pattern.search(line) for pattern, rule in self._described.of_lines)

    def _keep(self, line: str) -> None:
        self._answer.append(line)
        self._length += len(line) + 1
        if self._length > 2 * LONGEST_TEXT:
            self._answer = ["\n".join(self._answer)[-LONGEST_TEXT:]]
            self._length = LONGEST_TEXT
