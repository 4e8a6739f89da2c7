"""Telling a command: it gets the event on stdin, and none of its processes outlives the delivery."""

import subprocess
from collections.abc import Awaitable, Callable, Mapping, Sequence
from contextlib import suppress

import trio

from dispatcher.hooks.attempt import Attempt

MOST_OUTPUT = 4 * 2**10
"""Bytes of the end of what it prints that are kept."""
LAST_WORDS = 5.0
"""Seconds to read what was printed before the last process ended."""


async def tell(
    argv: Sequence[str],
    body: bytes,
    environment: Mapping[str, str],
    seconds: float,
    kill: Callable[[], Awaitable[None]],
) -> Attempt:
    """Run a command, and return what came of it. ``kill`` kills all of its processes, however they were started."""
    try:
        process = await trio.lowlevel.open_process(
            list(argv),
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            env=environment,
            cwd="/",
            start_new_session=True,
        )
    except (OSError, ValueError) as error:
        return Attempt("failed", f"{argv[0]} cannot be started: {error}")
    assert process.stdin is not None
    assert process.stdout is not None
    printed = bytearray()
    try:
        async with trio.open_nursery() as nursery:
            nursery.start_soon(_feed, process.stdin, body)
            nursery.start_soon(_read_end, process.stdout, printed)
            with trio.move_on_after(seconds) as limit:
                await process.wait()
            await _end(process, kill)
            nursery.cancel_scope.deadline = trio.current_time() + LAST_WORDS
    finally:
        with trio.CancelScope(shield=True, deadline=trio.current_time() + LAST_WORDS):
            await _end(process, kill)
        await trio.aclose_forcefully(process.stdout)
    said = printed.decode(errors="replace").strip()
    if limit.cancelled_caught:
        return Attempt("failed", _with(f"it was stopped after {seconds:g} s", said))
    if process.returncode != 0:
        return Attempt("failed", _with(_how(process.returncode), said))
    return Attempt("delivered", said)


async def _end(process: trio.Process, kill: Callable[[], Awaitable[None]]) -> None:
    if process.returncode is None:
        process.kill()
    await kill()
    await process.wait()


async def _feed(stdin: trio.abc.SendStream, body: bytes) -> None:
    """Write the event. A command need not read it."""
    with suppress(trio.BrokenResourceError):
        async with stdin:
            await stdin.send_all(body)


async def _read_end(stdout: trio.abc.ReceiveStream, printed: bytearray) -> None:
    async for piece in stdout:
        printed += piece
        del printed[:-MOST_OUTPUT]


def _how(code: int | None) -> str:
    assert code is not None
    return f"it ended with exit code {code}" if code >= 0 else f"it was killed by signal {-code}"


def _with(what: str, said: str) -> str:
    return f"{what}: {said}" if said else what
