"""Asking a person before something happens to many tasks."""

import sys
from typing import Annotated

import typer

from dispatcher.errors import DispatchError, UsageError
from dispatcher.terminal import message

YesOption = Annotated[bool, typer.Option("-y", "--yes", help="Do not ask before acting.")]


def can_ask() -> bool:
    """Whether there is a terminal: who does not see the question cannot answer it."""
    return sys.stdin.isatty() and sys.stderr.isatty()


def confirm(question: str, *, yes: bool) -> None:
    """Return if ``yes``, or if a person at the terminal says so; standard output stays free for data.

    Raises UsageError where nobody can be asked, and DispatchError when the person does not agree.
    """
    if yes:
        return
    if not can_ask():
        raise UsageError(
            f"{question} Nobody can be asked here: this is no terminal", hint="-y goes on without asking"
        )
    print(f"{message(question)} [y/N] ", end="", file=sys.stderr, flush=True)  # noqa: T201 - the answer ends the line
    if sys.stdin.readline().strip().casefold() not in ("y", "yes"):
        raise DispatchError("not confirmed: nothing was changed")
