"""A terminal for a command of ours: a pty, with a window of a size, whose screen can be looked at."""

import fcntl
import os
import select
import struct
import subprocess
import termios
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import IO

from dispatcher.terminal import harmless
from tests.cli.conftest import Llmctl

HOME = "\x1b[H"
"""With this the live table begins each frame."""

SECONDS = 20.0


@dataclass
class Terminal:
    """``seen`` is all that the command has written, with its escape sequences."""

    descriptor: int
    process: subprocess.Popen[bytes]
    _raw: bytearray = field(default_factory=bytearray)

    @property
    def seen(self) -> str:
        return self._raw.decode(errors="replace")

    def screen(self) -> list[str]:
        """The lines of the last frame that was drawn to its end."""
        frames = self.seen.split(HOME)
        whole = frames[-1] if not frames[1:] or self.process.poll() is not None else frames[-2]
        return [harmless(line).rstrip() for line in whole.splitlines()]

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
    llmctl: Llmctl, *arguments: str, columns: int = 110, lines: int = 30, stdout: IO[bytes] | None = None
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
        env={**llmctl.environment, "TERM": "xterm-256color"},
        start_new_session=True,
        preexec_fn=lambda: fcntl.ioctl(0, termios.TIOCSCTTY, 0),
    )
    os.close(theirs)
    try:
        yield Terminal(ours, process)
    finally:
        process.kill()
        process.wait()
        os.close(ours)
