"""`dispatcher serve` as a child of `dispatcher run`, so that one unit suffices.

When it says that its configuration or installation is wrong, that stays so until somebody mends it: it is not started
again before the configuration was read again.

It is a process of its own: a page that hangs or crashes delays no claim. It ends with us however we end, since its
standard input is a pipe that only we hold open. (The kernel's signal at the death of a parent would come at the end of
the thread that started the child.)
"""

import os
import sys
from collections.abc import Sequence
from pathlib import Path

import structlog
import trio

from dispatcher.backoff import Backoff
from dispatcher.errors import ExitCode
from dispatcher.host import own_environment
from dispatcher.host.auto_reset_event import AutoResetEvent

log = structlog.get_logger()

SHORTEST_PAUSE, LONGEST_PAUSE = 1.0, 60.0
"""Seconds until it is started again. The pauses start again after one that lived longer than the longest."""
STOP_SECONDS = 8.0
"""Seconds that it has to end: it ends live streams first."""


class ApiProcess:
    """Keeps one `dispatcher serve` running."""

    def __init__(self, config_file: Path | None) -> None:
        options = ["--config", str(config_file)] if config_file else []
        self._command = [
            *(sys.executable, "-m", "dispatcher.commands.main", *options),
            *("serve", "--while-stdin-is-open"),
        ]
        self._changed = AutoResetEvent()

    def try_again(self) -> None:
        """The configuration was read again: if it could not start with the last one, try once more."""
        self._changed.set()

    async def run(self) -> None:
        """Run it until cancelled."""
        backoff = Backoff(SHORTEST_PAUSE, LONGEST_PAUSE)
        while True:
            self._changed.clear()
            began = trio.current_time()
            exit_code = await _serve_once(self._command)
            if exit_code == ExitCode.USAGE:
                log.error(
                    "the API cannot start, and is not tried again",
                    what_to_do="mend what it said, then restart `dispatcher run`, or send it SIGHUP",
                )
                await self._changed.wait()
            else:
                pause = backoff.next(trio.current_time() - began)
                log.warning("the API has ended", exit_code=exit_code, retry_in_s=pause)
                await trio.sleep(pause)


async def _serve_once(command: Sequence[str]) -> int:
    """Run it to its end and return the exit code."""
    its_end, our_end = os.pipe()
    try:
        process = await trio.run_process(
            command,
            stdin=its_end,
            check=False,
            env=own_environment.GIVEN,  # it needs the password of the database, too, and conceals it
            start_new_session=True,  # so that Ctrl-C reaches only us
            deliver_cancel=_stop,
        )
    finally:
        os.close(its_end)
        os.close(our_end)
    return process.returncode


async def _stop(process: trio.Process) -> None:
    process.terminate()
    with trio.move_on_after(STOP_SECONDS):
        await process.wait()
        return
    process.kill()
