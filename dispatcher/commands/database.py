"""`dispatcher db …`: the database, and the embedded server where no other is configured."""

from typing import TYPE_CHECKING

import typer

from dispatcher.commands.options import HELP, say, settings_of
from dispatcher.errors import ExitCode, UsageError

if TYPE_CHECKING:
    from dispatcher.configuration.settings import Settings
    from dispatcher.database.embedded.server import EmbeddedServer

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
    settings = settings_of(context)
    if settings.database.url is None:
        server = _embedded_server(settings)
        state = server.status()
        typer.echo(f"data     {state.data} (PostgreSQL {state.version or '-, not made yet'})")
        typer.echo(f"socket   {state.socket_directory}")
        typer.echo(f"process  {state.pid or 'not running; the next command starts it'}")
        if state.pid is None:
            raise typer.Exit(ExitCode.DATABASE)
        return
    from dispatcher.database.connection import connect, description

    with connect(settings) as connection:
        typer.echo(description(settings, connection))


@app.command()
def start(context: typer.Context) -> None:
    """Start the embedded server. Commands that need it also start it."""
    _embedded_server(settings_of(context)).start()


@app.command()
def stop(context: typer.Context) -> None:
    """Stop the embedded server. Dispatchers lose their connections; agents keep running."""
    if not _embedded_server(settings_of(context)).stop():
        say("the embedded server was not running")


def _embedded_server(settings: "Settings") -> "EmbeddedServer":
    from dispatcher.database.connection import embedded_server, server_name

    if settings.database.url is not None:
        raise UsageError(
            f"database.url names {server_name(settings)}, but this command controls the embedded server only"
        )
    return embedded_server()
