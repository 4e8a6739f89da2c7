"""`llmctl edit`: change queued tasks."""

from cli.input.confirmation import YesOption
from cli.input.selectors import Selector, selecting
from cli.registry import family
from cli.show.output import WriteFormat, WriteFormatOption
from cli.verbs.tasks.acting import Action, ActOptions, DryRunOption, act
from cli.verbs.tasks.editing import SetOption, edit_one
from dispatcher.errors import ExitCode

app = family()


@app.command()
@selecting()
def edit(
    selector: Selector,
    set_: SetOption = None,
    dry_run: DryRunOption = False,
    yes: YesOption = False,
    output: WriteFormatOption = WriteFormat.TEXT,
) -> ExitCode:
    """Change queued tasks, also held ones: --set priority=8 --set timeout=2h --set label.batch=x --set prompt=@FILE.

    An empty value takes that of a task that is submitted without the option, and removes a label. prompt=- reads
    standard input. Without --set, the task opens in $VISUAL or $EDITOR.
    """
    options = ActOptions(yes, dry_run, output)
    if set_:
        from cli.input.edits import changes_of

        return act(Action.EDIT, selector, options, changes_of(set_))
    return edit_one(Action.EDIT, selector, options)
