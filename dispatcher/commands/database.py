"""`dispatcher db …`: the database, and the embedded server where no other is configured."""

import typer

from dispatcher.commands.options import HELP, say, settings_of
from dispatcher.errors import ExitCode

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
        typer.echo(f"process  {state.pid or 'not running; the next command starts it'}")
        if state.pid is None:
            raise typer.Exit(ExitCode.DATABASE)
        return
    with connect(settings) as connection:
        typer.echo(description(settings, connection))


@app.command()
def start(context: typer.Context) -> None:
    """Start the embedded server. Commands that need it also start it."""
    from dispatcher.database.connection import controllable_server

    controllable_server(settings_of(context)).start()


@app.command()
def stop(context: typer.Context) -> None:
    """Stop the embedded server. Dispatchers lose their connections; agents keep running."""
    from dispatcher.database.connection import controllable_server

    if not controllable_server(settings_of(context)).stop():
        say("the embedded server was not running")
