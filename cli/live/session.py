"""`watch` on a terminal: one task fetches, one obeys, others hear keys and signals. Without an event it hardly asks."""

import math
import os
import signal
import sys
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import ExitStack, asynccontextmanager, suppress
from dataclasses import replace
from functools import partial

import trio

from cli.database.connection import Database, opened
from cli.database.events import MEANWHILE_SECONDS, PROOF_SECONDS, Listener, listening, pauses
from cli.live.commands import Log, described, perform
from cli.live.following import CHANNELS, FETCH_SECONDS, FETCH_SHARE, Take
from cli.live.keys import Keys
from cli.live.model import Act, Model, Open, Quit, Steer
from cli.live.press import press
from cli.live.screen import Screen
from cli.live.snapshot import Snapshot
from cli.live.view import fitted, frame, last_frame
from dispatcher.errors import DatabaseError, DispatchError

KEY_SECONDS = 0.05
"""How long after Escape the rest of a key may come."""

_ENDS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
_OTHERS = (signal.SIGWINCH, signal.SIGTSTP, signal.SIGCONT)

Ending = Callable[[Snapshot], bool]
"""Returns whether `watch` ends by itself."""


class Session:
    """Shows ``first``, and a new snapshot after each event, until somebody ends it or ``ending`` says so."""

    def __init__(self, first: Snapshot, take: Take, ending: Ending | None = None) -> None:
        self.screen = Screen()
        self._take = take
        self._ending = ending
        self.model = Model(first)
        self._taken_at = time.monotonic()
        self._db: Database | None = None
        self._using = trio.Lock()
        self._tried = trio.Event()  # to connect, with success or without
        self._log: Log | None = None
        self._poked = False
        self._waiting = trio.CancelScope()
        self._commands, self._given = trio.open_memory_channel[Act | Steer](math.inf)
        self._scope = trio.CancelScope()
        self._ended = 0

    async def run(self) -> int:
        """Take over the terminal, and restore it in any case. Returns 0, or the number of the signal that ended it."""
        # The signals first, so that none can come between the screen and its end.
        with trio.open_signal_receiver(*_ENDS, *_OTHERS) as signals:
            try:
                self.screen.take()
                async with trio.open_nursery() as nursery:
                    self._scope = nursery.cancel_scope
                    self._draw()
                    nursery.start_soon(self._fetch)
                    nursery.start_soon(self._obey)
                    nursery.start_soon(self._tick)
                    nursery.start_soon(self._look_for_gone)
                    nursery.start_soon(self._hear_keys)
                    nursery.start_soon(self._hear_signals, signals)
            finally:
                self.screen.give_back()
        return self._ended

    def print(self) -> None:
        """Print the last frame, so that people can scroll back to it."""
        self.screen.print(last_frame(self.model))

    def _draw(self) -> None:
        width, height = self.screen.size
        seconds = time.monotonic() - self._taken_at
        self.model = fitted(replace(self.model, width=width, height=height, seconds=seconds))
        try:
            self.screen.draw(frame(self.model))
        except OSError:
            self._end(signal.SIGHUP)  # which comes, too

    def _change(self, **changes: object) -> None:
        self.model = replace(self.model, **changes)  # type: ignore[arg-type]  # its fields, by name
        self._draw()

    # What the database says

    async def _fetch(self) -> None:
        waits = pauses()
        while True:
            try:
                async with self._connected() as (db, listener):
                    self._tried.set()
                    waits = pauses()
                    await self._follow(db, listener)
            except DispatchError as error:  # the configuration may be wrong for a moment, too
                what = "the database is away, " if isinstance(error, DatabaseError) else ""
                self._tried.set()
                self._change(trouble=f"{what}trying again: {error}", said="")
            await trio.sleep(waits.next())

    @asynccontextmanager
    async def _connected(self) -> AsyncIterator[tuple[Database, Listener]]:
        db, listener, opened = await trio.to_thread.run_sync(_connect, abandon_on_cancel=True)
        self._db = db
        try:
            yield db, listener
        except Exception:
            # Not below the feet of a command, which may be in the middle of a statement.
            async with self._using:
                self._db = None
                opened.close()
            raise
        # At a cancel nothing is closed: a thread may be in the middle of a statement, and the process is about to end.

    async def _follow(self, db: Database, listener: Listener) -> None:
        while True:
            listener.drain()  # what is read next is newer than all these events
            self._poked = False
            begun = time.monotonic()
            async with self._using:
                await self._read(db)
            took = time.monotonic() - begun
            await self._unless_poked(partial(trio.sleep, max(FETCH_SECONDS, took / FETCH_SHARE)))
            holds_for = self.model.snapshot.holds_for(time.monotonic() - self._taken_at)
            with trio.move_on_after(min(holds_for, listener.silence, PROOF_SECONDS)):
                await self._unless_poked(partial(_heard, listener))

    async def _read(self, db: Database) -> None:
        pane, log = self.model.pane, self._log
        snapshot = await trio.to_thread.run_sync(self._take, db, abandon_on_cancel=True)
        if pane is not None and pane.number is not None:
            text, note = await trio.to_thread.run_sync(
                _pane_text, db, pane.number, log, abandon_on_cancel=True
            )
            now = self.model.pane
            if now is not None and (now.number, self._log) == (pane.number, log):
                filled = now.filled(text) if log is None else now.grown(text, note)
                self.model = replace(self.model, pane=filled)
        self._taken_at = time.monotonic()
        self._change(snapshot=snapshot, trouble="")
        if self._ending is not None and self._ending(snapshot):
            self._end(0)

    async def _unless_poked(self, wait: Callable[[], Awaitable[None]]) -> None:
        """Wait for something, but only until :meth:`_poke`: what we did ourselves is looked at without delay."""
        with trio.CancelScope() as self._waiting:
            if not self._poked:
                await wait()

    def _poke(self) -> None:
        self._poked = True
        self._waiting.cancel()

    async def _obey(self) -> None:
        async for command in self._given:
            await self._tried.wait()
            try:
                async with self._using:
                    if self._db is None:
                        self._change(said="the database is away: nothing was done")
                        continue
                    said = await trio.to_thread.run_sync(perform, self._db, command, abandon_on_cancel=True)
                marked = frozenset[int]()
            except DispatchError as error:
                said, marked = error.with_hint, self.model.marked
            self._change(said=said, marked=marked)
            self._poke()

    # What the person says

    async def _hear_keys(self) -> None:
        keys = Keys()
        while sys.stdin.isatty():
            with trio.move_on_after(KEY_SECONDS if keys.incomplete else math.inf) as waiting:
                await trio.lowlevel.wait_readable(sys.stdin)
            if waiting.cancelled_caught:
                self._press(keys.end())
                continue
            try:
                read = os.read(sys.stdin.fileno(), 1024)
            except OSError:
                return  # the terminal is gone, and SIGHUP comes
            if not read:
                return
            self._press(keys.feed(read))

    def _press(self, keys: list[str]) -> None:
        for key in keys:
            if key == "redraw":
                self.screen.forget()
            self.model, command = press(self.model, key)
            self.model = fitted(self.model)
            match command:
                case Quit():
                    self._end(0)
                    return
                case Open(number, log):
                    self._log = Log(number) if log else None
                    self._poke()
                case Act() | Steer():
                    self._commands.send_nowait(command)
        self._draw()

    async def _hear_signals(self, signals: AsyncIterator[int]) -> None:
        async for number in signals:
            if number in _ENDS:
                self._end(number)
                return
            if number == signal.SIGTSTP:
                self.screen.give_back()
                os.kill(os.getpid(), signal.SIGSTOP)
                # Here it goes on when it is continued.
                self.screen.take()
            elif number == signal.SIGCONT:
                self.screen.forget()
            self._draw()

    async def _tick(self) -> None:
        while True:
            await trio.sleep(1)
            self._draw()

    async def _look_for_gone(self) -> None:
        """Tell the database when a dispatcher of this host died. Its event, which everybody hears, makes us fetch."""
        while True:
            await trio.sleep(MEANWHILE_SECONDS)
            async with self._using:
                if self._db is not None:
                    with suppress(DispatchError):  # the next fetch meets it, too, and says so
                        await trio.to_thread.run_sync(self._db.note_gone, abandon_on_cancel=True)

    def _end(self, number: int) -> None:
        self._ended = number
        self._scope.cancel()


async def _heard(listener: Listener) -> None:
    while not listener.drain():
        await trio.lowlevel.wait_readable(listener)


def _pane_text(db: Database, number: int, log: Log | None) -> tuple[str, str]:
    """Return the text of a pane, or what is new in a log, and a note. A task that is gone says so in the text."""
    try:
        return (described(db, number), "") if log is None else log.read(db)
    except DatabaseError:
        raise
    except DispatchError as error:
        return error.with_hint, ""


def _connect() -> tuple[Database, Listener, ExitStack]:
    with ExitStack() as opening:
        listener = opening.enter_context(listening(*CHANNELS))
        db = opening.enter_context(opened())
        return db, listener, opening.pop_all()
