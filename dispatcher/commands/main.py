"""The command `dispatcher`. Each command imports what is slow to import only when it is called."""

import errno
import os
import sys
from pathlib import Path
from typing import Annotated

import typer

from dispatcher import __version__
from dispatcher.commands import database, tool
from dispatcher.commands.check import check
from dispatcher.commands.migrate import migrate
from dispatcher.commands.options import HELP, say
from dispatcher.commands.recover import recover
from dispatcher.commands.run import run
from dispatcher.commands.serve import serve
from dispatcher.commands.status import status
from dispatcher.commands.stop import stop
from dispatcher.errors import DispatchError, ExitCode
from dispatcher.host import standard_streams

app = typer.Typer(
    help="Run LLM agent CLIs on the tasks of a PostgreSQL database.",
    context_settings=HELP,
    rich_markup_mode=None,
    pretty_exceptions_enable=False,  # they would print local variables, and with them passwords
)
for command in (run, serve, migrate, recover, check, status, stop):
    app.command()(command)
app.add_typer(database.app, name="db")
app.add_typer(tool.app, name="tool")


def _show_version(wanted: bool) -> None:
    if wanted:
        typer.echo(f"dispatcher {__version__}")
        raise typer.Exit


@app.callback()
def _options(
    context: typer.Context,
    config: Annotated[
        Path | None,
        typer.Option(metavar="FILE", help="Read FILE instead of the usual config.yaml."),
    ] = None,
    _version: Annotated[
        bool,
        typer.Option("--version", is_eager=True, callback=_show_version, help="Show the version and exit."),
    ] = False,
) -> None:
    context.obj = config


def main() -> None:
    """Run the command of ``sys.argv`` and exit with its code.

    typer itself exits with 2 after wrong usage, and with 130 after Ctrl-C.
    """
    standard_streams.make_usable()
    try:
        app(sys.argv[1:] or ["--help"], prog_name="dispatcher")
    except DispatchError as error:
        say(f"error: {error.with_hint}")
        sys.exit(error.exit_code)
    except Exception as error:
        complaint = _complaint_about_host(error)
        if complaint is None:
            raise
        say(f"error: {complaint}")
        sys.exit(ExitCode.FAILED)
    finally:
        _flush_output()


def _complaint_about_host(error: Exception) -> str | None:
    """Say what this host has no room for. Return None if the error has another cause."""
    if isinstance(error, OSError) and error.errno == errno.ENOSPC and error.filename is None:
        return f"cannot print what was asked for: {error.strerror}"
    from dispatcher.host.host_trouble import is_host_trouble
    from dispatcher.wall import in_a_sentence

    if not is_host_trouble(error):
        return None
    return (
        f"this host has no room for the dispatcher ({in_a_sentence(error)}): "
        "raise the limit of its processes (ulimit -u), open files (ulimit -n) or memory, or end something else"
    )


def _flush_output() -> None:
    """Flush the output now: at exit, a reader that has gone (``| head -1``) would cause a traceback."""
    for stream in (sys.stdout, sys.stderr):
        try:
            stream.flush()
        except OSError:
            os.dup2(os.open(os.devnull, os.O_WRONLY), stream.fileno())


if __name__ == "__main__":
    main()
