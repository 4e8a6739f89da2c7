"""Waiting for tasks, and printing what came of them."""

from collections.abc import Sequence

from cli.database.connection import opened
from cli.database.waiting import Waiter
from cli.show.output import TextOrJson, interrupts_say, to_json, write
from cli.show.results import complain_of_timeout, show_result, waits_again
from dispatcher.errors import ExitCode
from dispatcher.terminal import one_line
from sql import calls


def wait_for(
    tasks: Sequence[str], timeout: float | None, output: TextOrJson, *, any_: bool = False
) -> ExitCode:
    """Print a line for each task as it ends, in words or as JSON. The exit code is the worst."""
    worst = ExitCode.OK
    waiter = Waiter(tasks, timeout)
    try:
        with interrupts_say(lambda: waits_again(sorted(waiter.pending) or tasks)):
            for state in waiter.ended():
                error = f": {one_line(state.error_message)}" if state.error_message else ""
                if output is TextOrJson.JSON:
                    write(to_json(state, indent=False))
                else:
                    write(f"task {state.number} {state.status}{error}")
                if state.status != "succeeded":
                    worst = ExitCode.FAILED
                if any_:
                    break
    except TimeoutError:
        complain_of_timeout(waiter.pending)
        return ExitCode.TIMEOUT
    return worst


def wait_for_result(number: int, timeout: float | None, output: TextOrJson) -> ExitCode:
    """The second half of ``submit --wait``."""
    waiter = Waiter([str(number)], timeout)
    try:
        with interrupts_say(lambda: waits_again([number])):
            for _ in waiter.ended():
                pass
    except TimeoutError:
        complain_of_timeout(waiter.pending)
        return ExitCode.TIMEOUT
    with opened() as db:
        return show_result(db.call(calls.show_task(str(number), 0)), output)
