"""`dispatcher status`."""

import typer

from dispatcher.commands.options import Output, OutputOption, settings_of
from dispatcher.errors import ExitCode


def status(context: typer.Context, output: OutputOption = Output.TEXT) -> None:
    """Show which dispatchers are alive and what each of them runs. The exit code is 1 if none is alive."""
    from dispatcher.commands.status_report import as_json, as_lines, read_status

    found = read_status(settings_of(context))
    typer.echo(as_json(found) if output is Output.JSON else "\n".join(as_lines(found)))
    if not found.alive:
        raise typer.Exit(ExitCode.FAILED)
