"""Runs a dispatcher as a child process and shows what it does, as long as it has work."""

import signal
import sys
from collections.abc import Awaitable, Callable, Mapping
from functools import partial
from pathlib import Path

import trio

from cli.database.connection import Database
from cli.database.events import Listener, listening
from cli.live.session import Session
from cli.live.snapshot import Snapshot, take
from cli.show.output import has_screen, write
from cli.show.words import state_word
from dispatcher.database.event_payload import payload_of
from dispatcher.errors import DispatchError
from sql.selection import Selection

STOP_SECONDS = 15.0
"""Seconds that a dispatcher may take to stop its agents."""

MOST_TASKS = 200


def dispatch_until_empty(db: Database, names: Mapping[int, str], log: Path) -> int | None:
    """Run a dispatcher until nothing is queued or running, and show it; ``names`` are those of the tasks.

    Returns None, or what ended it early: 0 for the key q, else the number of a signal. The dispatcher and its agents
    have ended in any case. Raises :class:`DispatchError` with its last words when it fails.
    """
    with listening("task_event") as listener:
        if has_screen():
            session = Session(_look(db), _look)
            exit_code, stopped_by = trio.run(_dispatch, session.run, log)
            session.print()
        else:
            exit_code, stopped_by = trio.run(
                _dispatch, partial(_print_until_told_to_end, listener, names), log
            )
            _print_what_came(listener, names)
    if exit_code != 0 and stopped_by is None:
        raise DispatchError(f"the dispatcher ended with exit code {exit_code}:\n{_last_words(log)}")
    return stopped_by


def _look(db: Database) -> Snapshot:
    return take(db, Selection(), MOST_TASKS)


async def _dispatch(show: Callable[[], Awaitable[int]], log: Path) -> tuple[int | None, int | None]:
    """Return the dispatcher's exit code and what stopped it; one of them is None, unless both happen at once."""
    exit_code: int | None = None
    stopped_by: int | None = None
    async with trio.open_nursery() as nursery:

        async def dispatch() -> None:
            nonlocal exit_code
            with log.open("wb") as output:
                ended = await trio.run_process(
                    [sys.executable, "-m", "dispatcher.commands.main", "run", "--until-empty"],
                    stdout=output,
                    stderr=output,
                    check=False,
                    deliver_cancel=_stop,
                    start_new_session=True,  # so that Ctrl-C does not reach it, too
                )
            exit_code = ended.returncode
            nursery.cancel_scope.cancel()

        nursery.start_soon(dispatch)
        stopped_by = await show()
        nursery.cancel_scope.cancel()
    return exit_code, stopped_by


async def _stop(dispatcher: trio.Process) -> None:
    """Drain with one signal and stop the agents with another: two signals of a kind could arrive as one."""
    dispatcher.send_signal(signal.SIGINT)
    dispatcher.send_signal(signal.SIGTERM)
    with trio.move_on_after(STOP_SECONDS):
        await dispatcher.wait()
        return
    dispatcher.kill()


async def _print_until_told_to_end(listener: Listener, names: Mapping[int, str]) -> int:
    """Print what happens until a signal comes; return its number."""
    with trio.open_signal_receiver(signal.SIGINT, signal.SIGTERM, signal.SIGHUP) as signals:
        async with trio.open_nursery() as nursery:
            nursery.start_soon(_print_events, listener, names)
            number = await anext(signals)
            nursery.cancel_scope.cancel()
    return number


async def _print_events(listener: Listener, names: Mapping[int, str]) -> None:
    while True:
        _print_what_came(listener, names)
        await trio.lowlevel.wait_readable(listener)


def _print_what_came(listener: Listener, names: Mapping[int, str]) -> None:
    for event in listener.drain():
        told = payload_of(event)
        for number in told.numbers or ():
            write(f"task {number} {names.get(number, '')}: {state_word(told.status)}")


def _last_words(log: Path, lines: int = 10) -> str:
    return "\n".join(log.read_text(errors="replace").splitlines()[-lines:])
