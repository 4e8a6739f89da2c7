"""Reading JSON lines out of a stream of bytes that may hold anything."""

import json
import re
import sys
from abc import abstractmethod
from collections.abc import Iterable, Iterator, Sequence
from typing import Generic, TypeVar

import msgspec

from wrappers.base import Ending, Event, Outcome, Parser

Line = TypeVar("Line")

# Bytes. codex put an answer of 4 MB into one line; no CLI prints an event that is longer than this.
LONGEST_LINE = 64 * 1024 * 1024

# A number that may be out of the range of a type of ours.
_LARGE_NUMBER = re.compile(rb"\d{19}|[eE]\+?\d{3}")


class LineCutter:
    """Cuts a stream into lines. It skips a line longer than ``longest`` bytes, so memory is bounded."""

    def __init__(self, longest: int = LONGEST_LINE) -> None:
        self._longest = longest
        self._begun = bytearray()
        self._too_long = False

    def feed(self, chunk: bytes) -> Iterator[bytes]:
        *ends, beginning = chunk.split(b"\n")
        for end in ends:
            self._keep(end)
            line = self.rest()
            if line:
                yield line
        self._keep(beginning)

    def rest(self) -> bytes:
        """Return what stands after the last newline, and empty the cutter."""
        line = b"" if self._too_long else bytes(self._begun)
        self._begun.clear()
        self._too_long = False
        return line

    def _keep(self, piece: bytes) -> None:
        if self._too_long or len(self._begun) + len(piece) > self._longest:
            self._too_long = True
            self._begun.clear()
        else:
            self._begun += piece


def decode(line: bytes | msgspec.Raw, decoder: msgspec.json.Decoder[Line]) -> Line | None:
    """Return the JSON value on a line, or None if there is none of this type."""
    try:
        return decoder.decode(line)
    except msgspec.ValidationError:
        if not _LARGE_NUMBER.search(line):
            return None
    except (ValueError, RecursionError):
        pass
    return _decode_leniently(bytes(line), decoder)


def _decode_leniently(line: bytes, decoder: msgspec.json.Decoder[Line]) -> Line | None:
    """Accept a byte order mark, invalid UTF-8, numbers of any size, and lone surrogates.

    JavaScript prints the latter for half an emoji.
    """
    try:
        value = json.loads(
            line.decode("utf-8-sig", errors="replace"),
            strict=False,
            parse_int=_whole_number,
            parse_float=_number,
            parse_constant={"Infinity": sys.float_info.max, "-Infinity": -sys.float_info.max}.get,
        )
        clean = json.dumps(value, ensure_ascii=False).encode(errors="replace")
        return decoder.decode(clean)
    except (ValueError, RecursionError):
        return None


def _whole_number(digits: str) -> int | float:
    """Python refuses to read more than 4,300 digits; more than 300 are read as a float, and 308 exceed any."""
    return int(digits) if len(digits) <= 300 else _number(digits)


def _number(digits: str) -> float:
    return max(-sys.float_info.max, min(float(digits), sys.float_info.max))


class JsonLinesParser(Parser, Generic[Line]):
    """A `wrappers.base.Parser` for a CLI that prints one JSON object of the union ``Line`` on each line.

    It skips lines that hold anything else.
    """

    def __init__(self, decoder: msgspec.json.Decoder[Line]) -> None:
        self._decoder = decoder
        self._cutter = LineCutter()

    def feed_stdout(self, chunk: bytes) -> Sequence[Event]:
        return [event for line in self._cutter.feed(chunk) for event in self._take(line)]

    def finish(self, ending: Ending) -> Outcome:
        for _ in self._take(self._cutter.rest()):
            pass
        return self.outcome(ending)

    def _take(self, line: bytes) -> Iterable[Event]:
        read = decode(line, self._decoder)
        return () if read is None else self.read(read)

    @abstractmethod
    def read(self, line: Line) -> Iterable[Event]:
        """Take in one line of the CLI's output."""

    @abstractmethod
    def outcome(self, ending: Ending) -> Outcome:
        """Return what all the lines taken in come to."""
