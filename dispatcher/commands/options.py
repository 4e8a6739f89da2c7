"""What the commands share: their settings, their options, and what they say to people."""

from enum import StrEnum
from typing import TYPE_CHECKING, Annotated

import typer

from dispatcher import terminal

if TYPE_CHECKING:
    from dispatcher.configuration.settings import Settings

HELP = {"help_option_names": ["-h", "--help"]}


class Output(StrEnum):
    TEXT = "text"
    JSON = "json"


OutputOption = Annotated[Output, typer.Option("-o", "--format", help="Print in this format.")]


def settings_of(context: typer.Context) -> "Settings":
    """Read the settings from the file of the option --config, which the app keeps in the context."""
    from dispatcher.configuration import settings

    return settings.load(context.obj)


def name_given(value: str | None) -> str | None:
    """Check the value of an option that takes a name, or several with commas between them."""
    import msgspec

    from dispatcher.configuration.sections.values import Line

    try:
        return msgspec.convert(value, Line | None)
    except msgspec.ValidationError:
        raise typer.BadParameter(
            f"{value!r} is not a valid name: expected 1 to 200 characters without line ends"
        ) from None


def say(message: str) -> None:
    """Print a message for people to standard error."""
    typer.echo(terminal.message(message), err=True)
