"""`dispatcher serve` as a child of `dispatcher run`, so that one unit suffices.

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
from dispatcher.host import own_environment

log = structlog.get_logger()

SHORTEST_PAUSE, LONGEST_PAUSE = 1.0, 60.0
"""Seconds until it is started again. The pauses start again after one that lived longer than the longest."""
STOP_SECONDS = 8.0
"""Seconds that it has to end: it ends live streams first."""


async def serve_api(config_file: Path | None) -> None:
    """Keep one `dispatcher serve` running until cancelled."""
    backoff = Backoff(SHORTEST_PAUSE, LONGEST_PAUSE)
    options = ["--config", str(config_file)] if config_file else []
    command = [sys.executable, "-m", "dispatcher.commands.main", *options, "serve", "--while-stdin-is-open"]
    while True:
        began = trio.current_time()
        exit_code = await _serve_once(command)
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
