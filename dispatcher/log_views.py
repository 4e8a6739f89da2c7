"""Turns the stored output of an agent into what a person reads. It works on bytes and needs no database."""

import codecs
from collections.abc import Callable, Iterator
from typing import Protocol, get_args

from dispatcher.quantities import size
from dispatcher.terminal import harmless
from sql.rows.changes import CommandKind
from sql.rows.output import LogState
from wrappers.base import Activity, Event, Parser, Said
from wrappers.registry import names, wrapper_of

Clean = Callable[[str], str]


class View(Protocol):
    """Takes the output of one run in pieces that may end anywhere, and returns what can be shown by now."""

    def feed(self, content: bytes) -> bytes: ...

    def end(self) -> bytes:
        """Return what is left at the end of the output."""
        ...


def view_of(tool: str, stream: str, *, raw: bool, clean: Clean = harmless) -> View:
    """Return the view for the output of a tool. Of those that need no configuration, JSON for programs becomes text.

    ``clean`` makes each line fit for where it is shown.
    """
    if raw:
        return Raw()
    if stream == "stdout" and tool in names() and (wrapper := wrapper_of(tool)).prints_events:
        return Retold(wrapper.parser(), clean)
    return Lines(clean)


class Raw:
    """Every byte as it was printed."""

    def feed(self, content: bytes) -> bytes:
        return content

    def end(self) -> bytes:
        return b""


class Lines:
    """Whole lines of text, harmless for a terminal. A control sequence that is never closed spoils only one line."""

    def __init__(self, clean: Clean = harmless) -> None:
        self._clean = clean
        self._decoder = codecs.getincrementaldecoder("utf-8")("replace")
        self._begun = ""

    def feed(self, content: bytes) -> bytes:
        *lines, self._begun = (self._begun + self._decoder.decode(content)).split("\n")
        return "".join(f"{self._clean(line)}\n" for line in lines).encode()

    def end(self) -> bytes:
        return self._clean(self._begun + self._decoder.decode(b"", final=True)).encode()


class Retold:
    """What the agent said, and in brackets what it did."""

    def __init__(self, parser: Parser, clean: Clean = harmless) -> None:
        self._parser = parser
        self._clean = clean
        self._at_line_start = True

    def feed(self, content: bytes) -> bytes:
        return "".join(self._tell(event) for event in self._parser.feed_stdout(content)).encode(
            errors="replace"
        )

    def end(self) -> bytes:
        return b"" if self._at_line_start else b"\n"

    def _tell(self, event: Event) -> str:
        match event:
            case Said(text) if text:
                told = "\n".join(map(self._clean, text.split("\n")))
            case Activity(text):
                told = ("" if self._at_line_start else "\n") + f"[{self._clean(text)}]\n"
            case _:
                return ""
        self._at_line_start = told.endswith("\n") or (not told and self._at_line_start)
        return told


def remarks(state: LogState, stream: str, *, shown_by: str) -> Iterator[str]:
    """Return what people should know about the log of a run that has ended.

    ``shown_by`` is how the other stream is shown, in words such as "with --stderr".
    """
    printed, stored = state.printed(stream)
    if not printed and stream in get_args(CommandKind):
        yield f"the {stream} of run {state.run_no} printed nothing"
    elif not printed:
        other = "stdout" if stream == "stderr" else "stderr"
        much, _ = state.printed(other)
        yield f"run {state.run_no} printed nothing on {stream}" + (
            f", but {size(much)} on {other} (shown {shown_by})" if much else ""
        )
    elif state.output_pruned_at is not None:
        day = f"{state.output_pruned_at.astimezone():%Y-%m-%d}"
        yield f"what run {state.run_no} of task {state.number} printed was deleted on {day} (retention.output)"
    elif printed > stored:
        yield f"… {size(printed - stored)} more were not stored: execution.max_log_bytes was reached"
    if state.error_message:
        yield f"run {state.run_no} {(state.run_status or '').replace('_', ' ')}: {state.error_message}"
