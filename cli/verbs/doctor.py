"""`llmctl doctor`: the same as `dispatcher check`."""

import sys
from collections.abc import Sequence
from typing import TYPE_CHECKING

import typer

from cli.registry import family
from cli.show.output import TextOrJson, TextOrJsonOption
from dispatcher.errors import ExitCode

if TYPE_CHECKING:
    from dispatcher.checks.finding import Finding

app = family()


@app.command()
def doctor(output: TextOrJsonOption = TextOrJson.TEXT) -> None:
    """Find out what keeps tasks from running.

    It looks at the database, tools, logins, the work directory and the machine. The exit code is 1 if there is a
    problem. It sends no request to a service and spends no token, so a service may still refuse a login that is there.
    """
    from dispatcher.checks.checklist import check, check_config_file
    from dispatcher.configuration import settings

    show([check_config_file(), *check(settings.load())], output)


def show(findings: "Sequence[Finding]", output: TextOrJson) -> None:
    """Print findings, and end with exit code 1 if one of them is a problem."""
    from dispatcher.checks import report
    from dispatcher.checks.finding import has_problem

    # Not write(), which would take out the colours.
    typer.echo(report.rendered(findings, sys.stdout, as_json=output is TextOrJson.JSON))
    if has_problem(findings):
        raise typer.Exit(ExitCode.FAILED)
