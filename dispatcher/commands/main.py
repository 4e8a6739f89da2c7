"""The command `dispatcher`. Whatever costs time to import is imported by the command that needs it."""

import errno
import os
import sys
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from dispatcher import __version__, terminal
from dispatcher.errors import DispatchError, ExitCode
from dispatcher.host import own_environment, standard_streams

if TYPE_CHECKING:
    from dispatcher.configuration.settings import Settings
    from dispatcher.database.embedded.server import EmbeddedServer


def _names(given: str | None) -> str | None:
    """One name or several, with commas between them; what cannot be one is wrong usage."""
    import msgspec

    from dispatcher.configuration.settings import Line

    try:
        return msgspec.convert(given, Line | None)
    except msgspec.ValidationError:
        raise typer.BadParameter(
            f"{given!r} is no name: it has 1 to 200 characters, and no line end"
        ) from None


_HELP_OPTIONS = {"help_option_names": ["-h", "--help"]}

app = typer.Typer(
    help="Run LLM agent CLIs on the tasks of a PostgreSQL database.",
    no_args_is_help=True,
    context_settings=_HELP_OPTIONS,
    rich_markup_mode=None,
    pretty_exceptions_enable=False,  # they would print local variables, and with them passwords
)
database_commands = typer.Typer(
    help="The database, and the embedded server where none is configured.",
    no_args_is_help=True,
    context_settings=_HELP_OPTIONS,
    rich_markup_mode=None,
)
app.add_typer(database_commands, name="db")


class Output(StrEnum):
    TEXT = "text"
    JSON = "json"


OutputOption = Annotated[Output, typer.Option("-o", "--format", help="How to print it.")]


def _show_version(wanted: bool) -> None:
    if wanted:
        typer.echo(f"dispatcher {__version__}")
        raise typer.Exit


@app.callback()
def _options(
    context: typer.Context,
    config: Annotated[
        Path | None,
        typer.Option(
            metavar="FILE", help="Read this file instead of LLMCTL_CONFIG or the default config.yaml."
        ),
    ] = None,
    _version: Annotated[
        bool,
        typer.Option("--version", is_eager=True, callback=_show_version, help="Show the version and exit."),
    ] = False,
) -> None:
    context.obj = config


@app.command()
def run(
    context: typer.Context,
    until_empty: Annotated[
        bool,
        typer.Option(
            help="End, with exit code 0, as soon as nothing is queued (but for what waits for a person) or running."
        ),
    ] = False,
    groups: Annotated[
        str | None, typer.Option(help="Serve these worker groups only, separated by commas.", callback=_names)
    ] = None,
    host_id: Annotated[
        str | None, typer.Option(help="The name of this host, instead of the machine's own.", callback=_names)
    ] = None,
) -> None:
    """Dispatch tasks to agents until a signal ends it.

    The first signal lets agents end for up to `dispatcher.grace` seconds, then leaves them running for the
    next start. A second signal stops them; their tasks are queued again with the attempt given back.
    A hang-up (SIGHUP) reads tools, groups and limits from the configuration file anew.
    """
    standard_streams.insist_on_utf8()  # first: it begins anew, with the environment as it is
    own_environment.conceal()

    from msgspec.structs import replace

    from dispatcher.commands import run as service

    def read() -> "Settings":
        settings = _settings(context)
        served = tuple(name.strip() for name in groups.split(",")) if groups else settings.dispatcher.groups
        host = host_id or settings.dispatcher.host
        return replace(settings, dispatcher=replace(settings.dispatcher, groups=served, host=host))

    service.run(read(), read, until_empty=until_empty)


@app.command()
def migrate(context: typer.Context) -> None:
    """Create or upgrade the database, and apply config.yaml to it."""
    from dispatcher.database.apply_settings import apply_settings
    from dispatcher.database.connection import connect, server_name
    from dispatcher.database.migrate import migrate as bring_up_to_date

    settings = _settings(context)
    done = bring_up_to_date(settings)
    with connect(settings) as connection:
        for group in apply_settings(connection, settings):
            _say(f"made the worker group {group} for a program found on PATH")
    for name in done.applied:
        typer.echo(name)
    if done.redefined:
        typer.echo("functions and triggers")
    else:
        _say(f"{settings.database.name} on {server_name(settings)} is up to date")


@app.command()
def recover(
    context: typer.Context,
    forget_host: Annotated[
        str | None,
        typer.Option(help="Give up all runs of this host at once: it never comes back.", callback=_names),
    ] = None,
    dry_run: Annotated[bool, typer.Option(help="Only say what would be given up.")] = False,
) -> None:
    """Give up runs whose host does not come back. Their tasks are tried again elsewhere.

    A host counts as lost `dispatcher.host_lost_after` seconds after its runs had to end. Dispatchers do this
    by themselves; use --forget-host when you know better. A host that only restarts needs neither.
    """
    from dispatcher.commands.recover import recover_lost
    from dispatcher.database.connection import connect

    settings = _settings(context)
    with connect(settings) as connection:
        lost = recover_lost(connection, settings, forget_host=forget_host, dry_run=dry_run)
    for run in lost:
        typer.echo(
            f"{run.number}-{run.run_no}\t{terminal.one_line(run.host)}\taway for {round(run.away_s)} s"
        )
    _say(f"{len(lost)} runs {'would be' if dry_run else 'were'} given up")


@app.command()
def check(context: typer.Context, output: OutputOption = Output.TEXT) -> None:
    """Look for what keeps tasks from running.

    At database, tools, logins, work directory and machine. Exit code 1 if there is a problem. No request is sent to
    a service and no token is spent: a login that is there may still be refused.
    """
    from dispatcher.checks import report
    from dispatcher.checks.finding import has_problem
    from dispatcher.commands.check import check as look

    findings = look(_settings(context))
    if output is Output.JSON:
        typer.echo(report.as_json(findings))
    else:
        for line in report.lines(
            findings, colour=report.wants_colour(sys.stdout), width=report.width_of(sys.stdout)
        ):
            typer.echo(line)
    if has_problem(findings):
        raise typer.Exit(ExitCode.FAILED)


@app.command()
def status(context: typer.Context, output: OutputOption = Output.TEXT) -> None:
    """Say which dispatchers are alive and what each runs. Exit code 1 if none is."""
    from dispatcher.commands.status import as_json, as_lines, read_status

    found = read_status(_settings(context))
    if output is Output.JSON:
        typer.echo(as_json(found))
    else:
        for line in as_lines(found):
            typer.echo(line)
    if not found.alive:
        raise typer.Exit(ExitCode.FAILED)


@app.command()
def stop(
    context: typer.Context,
    now: Annotated[
        bool, typer.Option("--now", help="Stop its agents, too; their tasks are queued again.")
    ] = False,
) -> None:
    """Let the dispatcher of this work directory end, and wait for that.

    Its agents may end for up to `dispatcher.grace` seconds; those that do not are left to the next start.
    """
    from dispatcher.commands.stop import stop as ask_to_stop

    ask_to_stop(_settings(context), now=now, say=_say)


@database_commands.command("url")
def database_url(context: typer.Context) -> None:
    """Print the database's URL: psql "$(dispatcher db url)". A password is left out of it."""
    from dispatcher.database.connection import url_for_people

    typer.echo(url_for_people(_settings(context)))


@database_commands.command("status")
def database_status(context: typer.Context) -> None:
    """Say which server it is and whether it runs. Exit code 4 if it does not."""
    settings = _settings(context)
    if settings.database.url is None:
        server = _embedded_server(settings)
        status = server.status()
        typer.echo(f"data     {status.data} (PostgreSQL {status.version or '-, not made yet'})")
        typer.echo(f"socket   {status.socket_directory}")
        typer.echo(f"process  {status.pid or 'not running; the next command starts it'}")
        if status.pid is None:
            raise typer.Exit(ExitCode.DATABASE)
        return
    from dispatcher.database.connection import connect, server_name

    with connect(settings) as connection:
        version = connection.info.parameter_status("server_version")
        typer.echo(f"{settings.database.name} on {server_name(settings)} (PostgreSQL {version})")


@database_commands.command("start")
def start_database(context: typer.Context) -> None:
    """Start the embedded server. Commands that need it do so by themselves."""
    _embedded_server(_settings(context)).start()


@database_commands.command("stop")
def stop_database(context: typer.Context) -> None:
    """Stop the embedded server. Dispatchers lose their connections, agents work on."""
    if not _embedded_server(_settings(context)).stop():
        _say("the embedded server was not running")


def _settings(context: typer.Context) -> "Settings":
    from dispatcher.configuration import settings

    return settings.load(context.obj)


def _embedded_server(settings: "Settings") -> "EmbeddedServer":
    from dispatcher.database.connection import embedded_server, server_name
    from dispatcher.errors import UsageError

    if settings.database.url is not None:
        raise UsageError(
            f"database.url names {server_name(settings)}; only the embedded server is ours to handle"
        )
    return embedded_server()


def _say(message: str) -> None:
    typer.echo(terminal.message(message), err=True)


def main() -> None:
    """Run the command of ``sys.argv`` and leave with its exit code.

    Wrong usage leaves with 2 and Ctrl-C with 130 through typer itself.
    """
    standard_streams.make_usable()
    try:
        app(prog_name="dispatcher")
    except DispatchError as error:
        _say(f"error: {error.with_hint}")
        sys.exit(error.exit_code)
    except Exception as error:
        complaint = _complaint_about_host(error)
        if complaint is None:
            raise
        _say(f"error: {complaint}")
        sys.exit(ExitCode.FAILED)
    finally:
        _flush_for_whoever_still_reads()


def _complaint_about_host(error: Exception) -> str | None:
    """Say that this host has no room for what was asked for; None if that is not what went wrong."""
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


def _flush_for_whoever_still_reads() -> None:
    """Write out what is left now: at exit, a reader that went away (``| head -1``) would cause a traceback."""
    for stream in (sys.stdout, sys.stderr):
        try:
            stream.flush()
        except OSError:
            os.dup2(os.open(os.devnull, os.O_WRONLY), stream.fileno())


if __name__ == "__main__":
    main()
