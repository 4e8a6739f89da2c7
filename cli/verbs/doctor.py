"""`llmctl doctor`: the same as `dispatcher check`."""

import sys
from collections.abc import Sequence
from typing import TYPE_CHECKING

import typer

from cli.registry import family
from cli.show.output import TextOrJson, TextOrJsonOption, write
from dispatcher.errors import ExitCode

if TYPE_CHECKING:
    from dispatcher.checks.finding import Finding

app = family()


@app.command()
def doctor(output: TextOrJsonOption = TextOrJson.TEXT) -> None:
    """Find out what keeps tasks from running: database, tools, logins, work directory, machine.

    The exit code is 1 if there is a problem. No request goes to a service and no token is spent.
    """
    from dispatcher.commands.check import check
    from dispatcher.configuration import settings

    show(check(settings.load()), output)


def show(findings: "Sequence[Finding]", output: TextOrJson) -> None:
    """Print findings, and end with exit code 1 if one of them is a problem."""
    from dispatcher.checks import report
    from dispatcher.checks.finding import has_problem

    if output is TextOrJson.JSON:
        write(report.as_json(findings))
    else:
        for line in report.lines(
            findings, colour=report.wants_colour(sys.stdout), width=report.width_of(sys.stdout)
        ):
            # write() would remove the colours; the texts are harmless already.
            typer.echo(line)
    if has_problem(findings):
        raise typer.Exit(ExitCode.FAILED)
