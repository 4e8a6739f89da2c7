"""`llmctl watch`: tasks and groups, live."""

import os
import sys
from typing import Annotated

import typer

from cli.verbs import family

app = family()


@app.command()
def watch(
    tool: Annotated[str | None, typer.Option(help="Only this tool.")] = None,
    limit: Annotated[int, typer.Option(min=1, max=1000, help="At most so many tasks.")] = 200,
) -> int:
    """Watch tasks and groups live, until q or Ctrl-C.

    The table follows the database's events; it is cut to the window. Where there is no terminal, it is printed
    once.
    """
    from cli import database
    from cli.snapshot import take

    with database.opened() as db:
        first = take(db, tool, limit)
    if not sys.stdout.isatty() or os.environ.get("TERM") in (None, "", "dumb"):
        from cli.output import write
        from cli.watch_view import everything

        for line in everything(first):
            write(line.plain)
        return 0
    import trio

    from cli.live import LiveTable, until_told_to_end

    table = LiveTable(first, tool, limit)

    async def run() -> int:
        async with trio.open_nursery() as nursery:
            nursery.start_soon(table.run)
            code = await until_told_to_end()
            nursery.cancel_scope.cancel()
        return code

    code = trio.run(run)
    table.print()
    return code
