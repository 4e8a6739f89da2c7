"""Reads what tools from the configuration print: a text, a JSON document, or one document on each line."""

import json
import math
import re
from collections.abc import Iterator, Sequence

import msgspec

from wrappers import failure
from wrappers.base import Ending, Event, Outcome, Parser, Usage
from wrappers.command.settings import Paths
from wrappers.lines import LineCutter, decode
from wrappers.text import last_words, one_line, storable

DOCUMENT: msgspec.json.Decoder[object] = msgspec.json.Decoder()

# Bytes. The end of a longer text is kept; a longer document cannot be read at all.
LONGEST_TEXT = 4 * 1024 * 1024
LONGEST_DOCUMENT = 64 * 1024 * 1024

PLACE = re.compile(r"-?[0-9]{1,18}")


class TextParser(Parser):
    """All that is printed is the answer."""

    def __init__(self, name: str) -> None:
        self._name = name
        self._text = bytearray()

    def feed_stdout(self, chunk: bytes) -> Sequence[Event]:
        self._text += chunk
        if len(self._text) > 2 * LONGEST_TEXT:
            del self._text[:-LONGEST_TEXT]
        return ()

    def finish(self, ending: Ending) -> Outcome:
        text = storable(self._text[-LONGEST_TEXT:].decode(errors="replace")).strip()
        if ending.exit_code != 0:
            return Outcome(error_class="agent_error", error_message=failed(self._name, ending))
        if not text:
            return Outcome(error_class="empty_result", error_message=empty(self._name))
        return Outcome(final_text=text)


class JsonParser(Parser):
    """Takes what each path leads to. Of several lines that have it, the last one counts."""

    def __init__(self, name: str, paths: Paths, *, lines: bool) -> None:
        self._name = name
        self._paths = paths
        self._lines = LineCutter() if lines else None
        self._document = bytearray()
        self._too_long = False
        self._found: dict[str, object] = {}

    def feed_stdout(self, chunk: bytes) -> Sequence[Event]:
        if self._lines is not None:
            for line in self._lines.feed(chunk):
                self._read(line)
        elif self._too_long or len(self._document) + len(chunk) > LONGEST_DOCUMENT:
            self._too_long = True
            self._document.clear()
        else:
            self._document += chunk
        return ()

    def finish(self, ending: Ending) -> Outcome:
        self._read(bytes(self._document) if self._lines is None else self._lines.rest())
        answer, error = self._text("answer"), self._text("error")
        error_class = error_message = None
        if error or ending.exit_code != 0:
            error_class, error_message = "agent_error", failed(self._name, ending, error)
        elif not answer.strip():
            error_class, error_message = "empty_result", empty(self._name, self._paths["answer"])
        return Outcome(
            final_text="" if error_class else answer,
            session_id=self._text("session") or None,
            usage=self._usage(),
            cost_usd=self._number("cost_usd"),
            error_class=error_class,
            error_message=error_message,
        )

    def _read(self, text: bytes) -> None:
        document = decode(text, DOCUMENT)
        for field, path in self._paths.items():
            for value in look_up(document, path):
                self._found[field] = value

    def _text(self, field: str) -> str:
        value = self._found.get(field, "")
        return storable(value if isinstance(value, str) else as_json(value))

    def _number(self, field: str) -> float | None:
        """Return a number of tokens or of money; None for a value that cannot be one."""
        value = self._found.get(field)
        if isinstance(value, bool) or not isinstance(value, int | float):
            return None
        try:
            number = float(value)
        except OverflowError:  # a whole number of more than 308 digits
            return None
        return number if 0 <= number < math.inf else None

    def _usage(self) -> Usage | None:
        spent, written = self._number("input_tokens"), self._number("output_tokens")
        if spent is None and written is None:
            return None
        return Usage(input=int(spent or 0), output=int(written or 0))


def look_up(document: object, path: Sequence[str]) -> Iterator[object]:
    """Yield what the path leads to, if anything. A number is a place in a list, from the end if negative."""
    value = document
    for step in path:
        if isinstance(value, dict):
            value = value.get(step)
        elif isinstance(value, list) and PLACE.fullmatch(step) and -len(value) <= int(step) < len(value):
            value = value[int(step)]
        else:
            return
    if value not in (None, "", False, [], {}):
        yield value


def as_json(value: object) -> str:
    """Return a value as JSON, or an empty text if it is nested too deeply to be written."""
    try:
        return json.dumps(value, ensure_ascii=False, separators=(",", ":"))
    except (ValueError, RecursionError):
        return ""


def failed(name: str, ending: Ending, said: str = "") -> str:
    words = one_line(said, failure.LONGEST) or last_words(ending.stderr_tail)
    return f"{name} failed{failure.with_exit_code(ending)}" + (
        f": {words}" if words else " and did not say why"
    )


def empty(name: str, path: Sequence[str] = ()) -> str:
    where = f" (nothing at {'.'.join(path)} in its output)" if path else ""
    return f"{name} ended without an answer{where}"
