"""`dispatcher db …`: the database, and the embedded server where no other is configured."""

from collections.abc import Sequence
from typing import TYPE_CHECKING

import typer

from dispatcher.commands.options import HELP, say, settings_of
from dispatcher.errors import DispatchError, ExitCode

if TYPE_CHECKING:
    from dispatcher.configuration.settings import Settings
    from sql.rows.people import DispatcherRow

STATEMENT_SECONDS = 5.0
"""How long `dispatcher db stop` waits for the list of those who lose their connection."""

app = typer.Typer(
    help="Show the database, and control the embedded server.",
    no_args_is_help=True,
    context_settings=HELP,
    rich_markup_mode=None,
)


@app.command()
def url(context: typer.Context) -> None:
    """Print the database's URL for psql, without its password.

    Use it as in: psql "$(dispatcher db url)".
    """
    from dispatcher.database.connection import url_for_people

    typer.echo(url_for_people(settings_of(context)))


@app.command()
def status(context: typer.Context) -> None:
    """Show which server it is and whether it runs. The exit code is 4 if it does not."""
    from dispatcher.database.connection import connect, description, embedded_server

    settings = settings_of(context)
    if settings.database.url is None:
        state = embedded_server().status()
        typer.echo(f"data     {state.data} (PostgreSQL {state.version or '-, not made yet'})")
        typer.echo(f"socket   {state.socket_directory}")
        idle = (
            "stopped on purpose; `dispatcher db start` starts it"
            if state.stopped
            else "the next command starts it"
        )
        typer.echo(f"process  {state.pid or f'not running: {idle}'}")
        if state.pid is None:
            raise typer.Exit(ExitCode.DATABASE)
        return
    with connect(settings) as connection:
        typer.echo(description(settings, connection))


@app.command()
def start(context: typer.Context) -> None:
    """Start the embedded server, also after `dispatcher db stop`.

    Commands that need the server start it, too, unless it was stopped on purpose.
    """
    from dispatcher.database.connection import controllable_server

    controllable_server(settings_of(context)).start()


@app.command()
def stop(context: typer.Context) -> None:
    """Stop the embedded server until you start it again.

    `dispatcher db start` and `dispatcher run` start it. Dispatchers lose their connections, and agents keep running.
    Commands that need the server fail with exit code 4; those that wait or watch go on when it is back.
    """
    from dispatcher.database.connection import controllable_server

    settings = settings_of(context)
    server = controllable_server(settings)
    cut_off = _alive_dispatchers(settings) if server.status().pid is not None else []
    was_running = server.stop()
    if not server.status().stopped:
        say("there is no embedded server yet")
        return
    say(
        f"the embedded server {'has stopped' if was_running else 'was not running'}; `dispatcher db start` starts it"
    )
    for one in cut_off:
        say(
            f"the dispatcher of {one.host} (process {one.pid}) has no database until then; "
            f"its agents keep running: {one.active}"
        )


def _alive_dispatchers(settings: "Settings") -> "Sequence[DispatcherRow]":
    from dispatcher.database.connection import connect, execute, translated
    from sql import calls

    try:
        with connect(settings, statement_timeout=STATEMENT_SECONDS) as connection, translated():
            return [row for row in execute(connection, calls.list_dispatchers()) if row.alive]
    except DispatchError:
        return []  # a server in trouble can be stopped, too
