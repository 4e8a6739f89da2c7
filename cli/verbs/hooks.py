"""`llmctl hook`: whom hooks tell what, what was not delivered, and telling it again."""

from typing import Annotated

import typer

from cli.registry import family
from cli.show.output import Format, FormatOption, show_rows, write

app = family("See whom the hooks of config.yaml tell what, and repeat what was not delivered.")

NameArgument = Annotated[str, typer.Argument(metavar="NAME", help="A hook under hooks in config.yaml.")]


@app.command("ls")
@app.command("list", hidden=True)
def list_hooks(output: FormatOption = Format.TABLE) -> None:
    """List hooks: what each hears, what is pending, and what was given up."""
    from cli.database.connection import opened
    from cli.show.automation.hooks import HOOKS
    from sql import hook_calls
    from sql.rows.hooks import HookRow

    with opened() as db:
        rows = db.call(hook_calls.list_hooks())
    show_rows(HookRow, rows, HOOKS, output, empty="no hooks; name some under hooks in config.yaml")


@app.command("show")
def show(
    name: NameArgument,
    most: Annotated[
        int, typer.Option("-n", "--most", metavar="N", min=1, max=1000, help="Show at most N deliveries.")
    ] = 20,
    output: FormatOption = Format.TABLE,
) -> None:
    """Show the newest deliveries of a hook: what was told, and what came of it."""
    from cli.database.connection import opened
    from cli.show.automation.hooks import DELIVERIES
    from sql import hook_calls
    from sql.rows.hooks import DeliveryRow

    with opened() as db:
        rows = db.call(hook_calls.list_deliveries(name, most))
    show_rows(
        DeliveryRow,
        rows,
        DELIVERIES,
        output,
        empty="nothing was told yet; `llmctl hook test` tells something",
    )


@app.command("retry")
def retry(
    name: NameArgument,
    event: Annotated[
        str | None, typer.Option(metavar="ID", help="Repeat this event; unless given, all that was given up.")
    ] = None,
) -> None:
    """Tell a hook again what it was not told, and switch it on if it was disabled."""
    from cli.database.connection import opened
    from dispatcher.errors import UsageError
    from sql import hook_calls

    if event is not None:
        from uuid import UUID

        try:
            event = str(UUID(event))
        except ValueError:
            raise UsageError(
                f"{event!r} is not the id of an event: `llmctl hook show {name} -o json` prints them"
            ) from None
    with opened() as db:
        count = db.call(hook_calls.retry_hook(name, event))
    write(f"hook {name} is on, and is told {count} event{'' if count == 1 else 's'} again")


@app.command("test")
def test(name: NameArgument) -> None:
    """Tell a hook an event of the type `test`. A running dispatcher delivers it."""
    from cli.database.connection import opened
    from sql import hook_calls

    with opened() as db:
        event = db.call(hook_calls.test_hook(name))
    write(f"hook {name} is told event {event}; `llmctl hook show {name}` shows what came of it")
