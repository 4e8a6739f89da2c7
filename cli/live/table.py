"""The live table on a terminal: one task fetches and others draw. Nothing asks the database without an event."""

import functools
import os
import signal
import sys
import termios
import time
import tty
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import ExitStack, asynccontextmanager, contextmanager

import trio
from rich.console import Console, Group
from rich.live import Live

from cli.database.connection import Database, opened
from cli.database.events import Listener, listening, pauses
from cli.live.snapshot import Snapshot, take
from cli.live.view import frame
from dispatcher.errors import DatabaseError, DispatchError

CHANNELS = ("task_event", "task_ready", "run_output", "dispatcher_heartbeat")

FETCH_SECONDS = 0.25
"""The shortest time between two fetches, however many events come."""

FETCH_SHARE = 0.1
"""The largest share of its time that the database spends on us if a fetch takes long."""


class LiveTable:
    """Shows ``first``, and then a new snapshot after each event, until it is cancelled."""

    def __init__(self, first: Snapshot, tool: str | None, limit: int) -> None:
        self._snapshot = first
        self._taken_at = time.monotonic()
        self._notice = ""
        self._tool = tool
        self._limit = limit
        self._console = Console(highlight=False)

    async def run(self) -> None:
        """Take over the screen of the terminal, and restore it in any case."""
        # redirect_*: we do not catch what others print while we use the screen.
        with Live(
            console=self._console,
            screen=True,
            auto_refresh=False,
            redirect_stdout=False,
            redirect_stderr=False,
        ) as live:
            draw = functools.partial(self._draw, live)
            draw()
            async with trio.open_nursery() as nursery:
                nursery.start_soon(self._fetch, draw)
                nursery.start_soon(_each_second, draw)
                nursery.start_soon(_each_resize, draw)

    def print(self) -> None:
        """Print the table as it is now, so that people can scroll back to it."""
        width, height = self._console.size
        for line in frame(self._now(), width, height):
            self._console.print(line, soft_wrap=True)

    def _now(self) -> Snapshot:
        return self._snapshot.aged(time.monotonic() - self._taken_at)

    def _draw(self, live: Live) -> None:
        width, height = self._console.size
        live.update(Group(*frame(self._now(), width, height, self._notice)), refresh=True)

    async def _fetch(self, draw: Callable[[], None]) -> None:
        waits = pauses()
        while True:
            try:
                async with _connected() as (db, listener):
                    waits = pauses()
                    await self._follow(db, listener, draw)
            except DispatchError as error:  # the configuration may be wrong for a moment, too
                what = "the database is away, " if isinstance(error, DatabaseError) else ""
                self._notice = f"{what}trying again: {error}"
                draw()
            await trio.sleep(waits.next())

    async def _follow(self, db: Database, listener: Listener, draw: Callable[[], None]) -> None:
        while True:
            listener.drain()  # what is read next is newer than all these events
            begun = time.monotonic()
            self._snapshot = await trio.to_thread.run_sync(
                take, db, self._tool, self._limit, abandon_on_cancel=True
            )
            self._taken_at = time.monotonic()
            self._notice = ""
            draw()
            await trio.sleep(max(FETCH_SECONDS, (self._taken_at - begun) / FETCH_SHARE))
            holds_for = self._snapshot.aged(time.monotonic() - self._taken_at).holds_for()
            with trio.move_on_after(min(holds_for, listener.silence)):
                while not listener.drain():
                    await trio.lowlevel.wait_readable(listener)


async def until_told_to_end() -> int:
    """Wait until somebody presses q and return 0, or until Ctrl-C or another ending signal and return its number."""
    tell, told = trio.open_memory_channel[int](1)
    with trio.open_signal_receiver(signal.SIGINT, signal.SIGTERM, signal.SIGHUP) as signals, _keys_at_once():
        async with trio.open_nursery() as nursery:
            nursery.start_soon(_hear_signals, signals, tell)
            nursery.start_soon(_hear_keys, tell)
            number = await told.receive()
            nursery.cancel_scope.cancel()
    return number


async def _hear_signals(signals: AsyncIterator[int], tell: trio.MemorySendChannel[int]) -> None:
    async for number in signals:
        await tell.send(number)


async def _hear_keys(tell: trio.MemorySendChannel[int]) -> None:
    while sys.stdin.isatty():
        await trio.lowlevel.wait_readable(sys.stdin)
        pressed = os.read(sys.stdin.fileno(), 1024)
        if not pressed:
            return
        if b"q" in pressed.lower():
            await tell.send(0)


@contextmanager
def _keys_at_once() -> Iterator[None]:
    """Keys arrive without Enter and are not shown; signals of the keyboard stay."""
    if not sys.stdin.isatty():
        yield
        return
    before = termios.tcgetattr(sys.stdin)
    try:
        tty.setcbreak(sys.stdin)
        yield
    finally:
        termios.tcsetattr(sys.stdin, termios.TCSADRAIN, before)


async def _each_second(draw: Callable[[], None]) -> None:
    while True:
        await trio.sleep(1)
        draw()


async def _each_resize(draw: Callable[[], None]) -> None:
    with trio.open_signal_receiver(signal.SIGWINCH) as resizes:
        async for _ in resizes:
            draw()


@asynccontextmanager
async def _connected() -> AsyncIterator[tuple[Database, Listener]]:
    db, listener, opened = await trio.to_thread.run_sync(_connect, abandon_on_cancel=True)
    try:
        yield db, listener
    except Exception:
        opened.close()
        raise
    # At a cancel nothing is closed: a thread may be in the middle of a statement, and the process is about to end.


def _connect() -> tuple[Database, Listener, ExitStack]:
    with ExitStack() as opening:
        listener = opening.enter_context(listening(*CHANNELS))
        db = opening.enter_context(opened())
        return db, listener, opening.pop_all()
