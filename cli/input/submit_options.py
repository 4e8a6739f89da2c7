"""How `llmctl submit` submits, beside the fields of its tasks."""

from collections.abc import Collection
from dataclasses import dataclass
from typing import Annotated

import typer

from cli.show.output import TextOrJson
from dispatcher.errors import UsageError

WaitOption = Annotated[bool, typer.Option("--wait", help="Wait until the task ends and print its result.")]
QuietOption = Annotated[
    bool, typer.Option("-q", "--quiet", help="Print only the number of the task, as -o name.")
]


@dataclass(frozen=True, slots=True)
class SubmitOptions:
    """What happens to the tasks, and what is printed.

    ``wait_timeout`` is in seconds. Two are for a file of tasks: each transaction takes ``chunk`` tasks (None: all), and
    ``allowed_columns`` are the fields that its rows may set although they reach beyond their task.
    """

    output: TextOrJson
    quiet: bool = False
    dry_run: bool = False
    follow: bool = False
    wait: bool = False
    wait_timeout: int | None = None
    chunk: int | None = None
    allowed_columns: Collection[str] = ()

    def __post_init__(self) -> None:
        if self.wait_timeout is not None and not self.wait:
            raise UsageError("--wait-timeout needs --wait")
        if self.follow and (self.wait or self.output is TextOrJson.JSON):
            raise UsageError("--follow prints a log: give it without --wait and -o json")
