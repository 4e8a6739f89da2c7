"""`dispatcher migrate`."""

import typer

from dispatcher.commands.options import say, settings_of


def migrate(context: typer.Context) -> None:
    """Create or upgrade the database, and apply config.yaml to it."""
    from dispatcher.database.apply_settings import apply_settings
    from dispatcher.database.connection import connect, server_name
    from dispatcher.database.migrate import migrate as upgrade

    settings = settings_of(context)
    done = upgrade(settings, tell=typer.echo)
    with connect(settings) as connection:
        for group in apply_settings(connection, settings):
            say(f"made the worker group {group} for a program found on PATH")
    if done.redefined:
        typer.echo("functions and triggers")
    else:
        say(f"{settings.database.name} on {server_name(settings)} is up to date")
