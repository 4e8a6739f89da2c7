"""`llmctl cancel`, `retry`, `hold`, `release` and `top`: change the state of tasks."""

from typing import Annotated

import typer

from cli.input.confirmation import YesOption
from cli.input.selectors import Selector, selecting
from cli.registry import family
from cli.show.output import WriteFormat, WriteFormatOption
from cli.verbs.tasks.acting import Action, ActOptions, DryRunOption, act
from cli.verbs.tasks.editing import SetOption, edit_one
from dispatcher.errors import ExitCode, UsageError

app = family()

_ASKS = "Tasks that are named one by one are changed at once. Before others are, you are asked."


def _offer(action: Action, effect: str) -> None:
    """Make a verb of an action."""

    @app.command(action.value, help=f"{effect}\n\n{_ASKS}")
    @selecting()
    def verb(
        selector: Selector,
        dry_run: DryRunOption = False,
        yes: YesOption = False,
        output: WriteFormatOption = WriteFormat.TEXT,
    ) -> ExitCode:
        return act(action, selector, ActOptions(yes, dry_run, output))


@app.command(
    "cancel",
    help=f"Cancel waiting tasks, and ask running ones to stop.\n\n{_ASKS} With --cascade you are always asked.",
)
@selecting()
def cancel(
    selector: Selector,
    cascade: Annotated[
        bool,
        typer.Option(
            "--cascade", help="Cancel also what comes after these tasks, what they spawned, and so on."
        ),
    ] = False,
    dry_run: DryRunOption = False,
    yes: YesOption = False,
    output: WriteFormatOption = WriteFormat.TEXT,
) -> ExitCode:
    changes = {"cascade": True} if cascade else None
    return act(Action.CANCEL, selector, ActOptions(yes, dry_run, output), changes)


@app.command(
    "retry",
    help="Queue failed and canceled tasks again, and start waiting ones before their time.\n\n"
    f"With other settings, too: --set model=opus --set prompt=@FILE, or --edit.\n\n{_ASKS}",
)
@selecting()
def retry(
    selector: Selector,
    edit: Annotated[
        bool, typer.Option("--edit", help="Change the task in $VISUAL or $EDITOR first.")
    ] = False,
    set_: SetOption = None,
    dry_run: DryRunOption = False,
    yes: YesOption = False,
    output: WriteFormatOption = WriteFormat.TEXT,
) -> ExitCode:
    options = ActOptions(yes, dry_run, output)
    if edit and set_:
        raise UsageError(
            "--edit and --set do not go together", hint="change all in the editor, or all by --set"
        )
    if edit:
        return edit_one(Action.RETRY, selector, options)
    if set_:
        from cli.input.edits import changes_of

        return act(Action.RETRY, selector, options, changes_of(set_))
    return act(Action.RETRY, selector, options)


_offer(Action.HOLD, "Keep queued tasks from starting until they are released.")
_offer(Action.RELEASE, "Let held tasks start, as soon as their time has come.")
_offer(Action.TOP, "Put queued tasks first, above every priority that can be submitted.")
