"""A terminal for a command of ours: a pty, with a window of a size, whose screen can be looked at."""

import fcntl
import os
import select
import struct
import subprocess
import termios
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from typing import IO

import pyte

from tests.cli.conftest import Llmctl

FRAME = ("\x1b[?2026h", "\x1b[?2026l")
"""Around each frame of the live table."""

ALTERNATE = ("\x1b[?1049h", "\x1b[?1049l")
"""To the screen of its own that the live table has, and back."""

SECONDS = 20.0


class Screen(pyte.Screen):
    """Knows that a program has a screen of its own, which pyte does not: it begins empty, and so does what follows."""

    def set_mode(self, *modes: int, **private: bool) -> None:
        super().set_mode(*modes, **private)
        self._changed(modes)

    def reset_mode(self, *modes: int, **private: bool) -> None:
        super().reset_mode(*modes, **private)
        self._changed(modes)

    def _changed(self, modes: tuple[int, ...]) -> None:
        if 1049 in modes:
            self.erase_in_display(2)
            self.cursor_position()


@dataclass
class Terminal:
    """``seen`` is all that the command has written, with its escape sequences."""

    descriptor: int
    process: subprocess.Popen[bytes]
    shown: Screen = field(default_factory=lambda: Screen(110, 30))
    _raw: bytearray = field(default_factory=bytearray)
    _fed: int = 0

    def __post_init__(self) -> None:
        self._stream = pyte.ByteStream(self.shown)

    @property
    def seen(self) -> str:
        return self._raw.decode(errors="replace")

    def screen(self) -> list[str]:
        """The lines of the screen after the last frame that was drawn to its end, without empty ones at the end."""
        begun, whole = (self._raw.rfind(mark.encode()) for mark in FRAME)
        until = begun if begun > whole and self.process.poll() is None else len(self._raw)
        self._stream.feed(bytes(self._raw[self._fed : until]))
        self._fed = max(self._fed, until)
        lines = [line.rstrip() for line in self.shown.display]
        while lines and not lines[-1]:
            lines.pop()
        return lines

    def until(self, what: str, holds: Callable[[list[str]], bool]) -> list[str]:
        """Read until the screen is as wanted, and answer it."""
        deadline = time.monotonic() + SECONDS
        while not holds(self.screen()):
            assert time.monotonic() < deadline, f"never saw {what}; the screen is {self.screen()}"
            self._read(deadline - time.monotonic())
        return self.screen()

    def until_shown(self, text: str) -> list[str]:
        return self.until(text, lambda lines: any(text in line for line in lines))

    def type(self, keys: str) -> None:
        os.write(self.descriptor, keys.encode())

    def resize(self, columns: int, lines: int) -> None:
        self.shown.resize(lines, columns)
        fcntl.ioctl(self.descriptor, termios.TIOCSWINSZ, struct.pack("HHHH", lines, columns, 0, 0))

    def ended(self) -> int:
        """Read to the end; the exit code."""
        deadline = time.monotonic() + SECONDS
        while self._read(deadline - time.monotonic()):
            assert time.monotonic() < deadline, f"it does not end; the screen is {self.screen()}"
        return self.process.wait(SECONDS)

    def echoes(self) -> bool:
        """Whether what is typed is shown, as it is before and after, and not while single keys count."""
        return bool(termios.tcgetattr(self.descriptor)[3] & termios.ECHO)

    def _read(self, seconds: float) -> bool:
        readable, _, _ = select.select([self.descriptor], [], [], seconds)
        try:
            read = os.read(self.descriptor, 65536) if readable else b""
        except OSError:  # EIO: nobody has the other side open any more
            read = b""
        self._raw += read
        return bool(read)


@contextmanager
def terminal(
    llmctl: Llmctl,
    *arguments: str,
    columns: int = 110,
    lines: int = 30,
    stdout: IO[bytes] | None = None,
    **environment: str,
) -> Iterator[Terminal]:
    """`llmctl` in a window of its own; it is killed at the end if it still runs. ``stdout`` gets what it prints."""
    ours, theirs = os.openpty()
    fcntl.ioctl(ours, termios.TIOCSWINSZ, struct.pack("HHHH", lines, columns, 0, 0))
    process = subprocess.Popen(
        [*llmctl.argv, *arguments],
        stdin=theirs,
        stdout=stdout or theirs,
        stderr=theirs,
        cwd=llmctl.directory,
        env={**llmctl.environment, "TERM": "xterm-256color", **environment},
        start_new_session=True,
        preexec_fn=lambda: fcntl.ioctl(0, termios.TIOCSCTTY, 0),
    )
    os.close(theirs)
    try:
        yield Terminal(ours, process, Screen(columns, lines))
    finally:
        process.kill()
        process.wait()
        with suppress(OSError):  # a test may have taken the terminal away
            os.close(ours)
