"""What signals may do while we work in a repository of the user."""

import os
import signal
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType

_ENDS = (signal.SIGTERM, signal.SIGHUP)


@contextmanager
def uninterrupted() -> Iterator[None]:
    """Keep Ctrl-C and what else ends us from the block, and from what it starts.

    It writes to a checkout, and takes a moment only.
    """
    before = {number: signal.signal(number, signal.SIG_IGN) for number in (signal.SIGINT, *_ENDS)}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


@contextmanager
def deferred() -> Iterator[None]:
    """Let a signal that ends us wait for the end of the block, which starts something that has to be ended then.

    What it starts has the signals as usual: it does not inherit a handler, as it would inherit that one is ignored.
    """
    came: list[int] = []

    def note(number: int, _: FrameType | None) -> None:
        came.append(number)

    heard = [number for number in (signal.SIGINT, *_ENDS) if signal.getsignal(number) is not signal.SIG_IGN]
    before = {number: signal.signal(number, note) for number in heard}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
        if came:
            signal.raise_signal(came[0])


@contextmanager
def ended_like_ctrl_c() -> Iterator[None]:
    """Let SIGTERM and SIGHUP leave the block as Ctrl-C does; then they end this process, as they do without it."""
    came: list[int] = []

    def interrupt(number: int, _: FrameType | None) -> None:
        if not came:  # once: what the block removes at its end must come to an end
            came.append(number)
            raise KeyboardInterrupt

    # One that is ignored, as nohup has it, stays ignored.
    handled = [number for number in _ENDS if signal.getsignal(number) is signal.SIG_DFL]
    for number in handled:
        signal.signal(number, interrupt)
    try:
        yield
    finally:
        for number in handled:
            signal.signal(number, signal.SIG_DFL)
        if came:
            os.kill(os.getpid(), came[0])
