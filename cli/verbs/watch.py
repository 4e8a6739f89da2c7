"""`llmctl watch`: a live table of tasks and groups."""

from typing import Annotated

import typer

from cli.registry import family
from cli.show.output import has_screen, write
from dispatcher.errors import ExitCode

app = family()


@app.command()
def watch(
    tool: Annotated[str | None, typer.Option(help="Show only tasks and groups of this tool.")] = None,
    limit: Annotated[int, typer.Option(metavar="N", min=1, max=1000, help="Show at most N tasks.")] = 200,
) -> int:
    """Watch tasks and groups live, until q or Ctrl-C.

    The table follows the events of the database and is cut to the window. Without a terminal it is printed once.
    """
    from cli.database.connection import opened
    from cli.live.snapshot import take

    with opened() as db:
        first = take(db, tool, limit)
    if not has_screen():
        from cli.live.view import everything

        for line in everything(first):
            write(line.plain)
        return 0
    import signal

    import trio

    from cli.live.table import LiveTable, until_told_to_end

    table = LiveTable(first, tool, limit)

    async def run() -> int:
        async with trio.open_nursery() as nursery:
            nursery.start_soon(table.run)
            number = await until_told_to_end()
            nursery.cancel_scope.cancel()
        return number

    number = trio.run(run)
    table.print()
    return ExitCode.OK if number in (0, signal.SIGINT) else 128 + number
