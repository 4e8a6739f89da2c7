"""`dispatcher check`."""

import sys

import typer

from dispatcher.commands.options import Output, OutputOption, settings_of
from dispatcher.errors import ExitCode


def check(context: typer.Context, output: OutputOption = Output.TEXT) -> None:
    """Find out what keeps tasks from running.

    It looks at the database, tools, logins, the work directory and the machine. The exit code is 1 if there is a
    problem. It sends no request to a service and spends no token, so a service may still refuse a login that is there.
    """
    from dispatcher.checks import checklist, report
    from dispatcher.checks.finding import has_problem

    settings = settings_of(context)
    findings = [checklist.check_config_file(context.obj), *checklist.check(settings)]
    typer.echo(report.rendered(findings, sys.stdout, as_json=output is Output.JSON))
    if has_problem(findings):
        raise typer.Exit(ExitCode.FAILED)
