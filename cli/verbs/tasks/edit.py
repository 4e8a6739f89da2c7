"""`llmctl edit`: change queued tasks."""

from collections.abc import Mapping
from typing import TYPE_CHECKING, Annotated

import typer

from cli.input.confirmation import YesOption, can_ask, confirm
from cli.input.selectors import Selector, selecting
from cli.registry import family
from cli.show.output import WriteFormat, WriteFormatOption, complain, say, write
from cli.verbs.tasks.acting import Action, ActOptions, DryRunOption, act
from dispatcher.errors import DispatchError, ExitCode, UsageError

if TYPE_CHECKING:
    from cli.input.editor import EditedFile

app = family()

LONGEST_SHOWN = 60
"""Characters. Of longer values only that they changed is printed."""


@app.command()
@selecting()
def edit(
    selector: Selector,
    set_: Annotated[
        list[str] | None,
        typer.Option(
            "--set",
            metavar="KEY=VALUE",
            help="Change this: an option of `llmctl submit`, or label.KEY. Repeatable.",
        ),
    ] = None,
    dry_run: DryRunOption = False,
    yes: YesOption = False,
    output: WriteFormatOption = WriteFormat.TEXT,
) -> ExitCode:
    """Change queued tasks, also held ones: --set priority=8 --set timeout=2h --set label.batch=x --set prompt=@FILE.

    An empty value takes that of a task that is submitted without the option, and removes a label. prompt=- reads
    standard input. Without --set, the task opens in $VISUAL or $EDITOR.
    """
    if set_:
        from cli.input.edits import changes_of

        return act(Action.EDIT, selector, ActOptions(yes, dry_run, output), changes_of(set_))
    if not selector.names_only or len(selector.tasks) != 1:
        raise UsageError(
            "an editor changes one task: expected its number, or --set KEY=VALUE for many",
            hint="such as `llmctl edit 12`, or `llmctl edit -l batch=x --set priority=8`",
        )
    if dry_run:
        raise UsageError("--dry-run needs --set")
    return _edit_one(selector, output)


def _edit_one(selector: Selector, output: WriteFormat) -> ExitCode:
    """Let a person change one task in an editor, again and again until it is right or they give up."""
    from msgspec import structs

    from cli.database.connection import opened
    from cli.input.editor import EditedFile
    from cli.input.edits import typed_fields
    from sql import calls

    with opened() as db:
        task = db.call(calls.show_task(selector.tasks[0], with_output=False))
        # Before somebody writes in vain.
        plan = db.call(
            calls.act_on_tasks("edit", selector.selection(), dry_run=True, changes={"name": task.name})
        )
    if plan.refused:
        complain(plan.refused[0].message, plan.refused[0].hint)
        return ExitCode.WRONG_STATE
    before = typed_fields(structs.asdict(task))
    with EditedFile(str(task.number), before, _HEAD.format(number=task.number)) as file:
        while True:
            try:
                return _apply(file, before, selector, output)
            except DispatchError as error:
                if file.is_untouched or not can_ask():
                    raise
                complain(str(error), error.hint)
                if not _opens_again():
                    return error.exit_code


_HEAD = """\
# Task {number}. Save and leave the editor to change it; what you leave as it is stays as it is.
# An empty value takes that of a task that is submitted without the option.
"""


def _apply(
    file: "EditedFile", before: Mapping[str, object], selector: Selector, output: WriteFormat
) -> ExitCode:
    from cli.input.edits import changes_between

    after = file.edit()
    changes = changes_between(before, after)
    if not changes:
        say("nothing was changed")
        file.is_done = True
        return ExitCode.OK
    code = act(Action.EDIT, selector, ActOptions(True, False, output), changes)
    if code is not ExitCode.OK:
        return code
    file.is_done = True
    if output is WriteFormat.TEXT:
        for name, value in after.items():
            if value != before.get(name):
                write(f"  {name}: {_difference(_shown(before.get(name)), _shown(value))}")
    return code


def _opens_again() -> bool:
    try:
        confirm("Open it again?", yes=False)
    except DispatchError:
        return False
    return True


def _shown(value: object) -> str:
    from cli.show.text import words_of
    from dispatcher.terminal import one_line

    return "nothing" if value in (None, "", {}) else one_line(words_of(value))


def _difference(before: str, after: str) -> str:
    return f"{before} → {after}" if max(len(before), len(after)) <= LONGEST_SHOWN else "changed"
