"""Changing tasks for `llmctl edit` and `llmctl retry`: by `--set KEY=VALUE`, or one in an editor."""

from collections.abc import Mapping
from typing import TYPE_CHECKING, Annotated

import typer

from cli.input.confirmation import can_ask, confirm
from cli.input.selectors import Selector
from cli.show.output import WriteFormat, complain, say, write
from cli.verbs.tasks.acting import Action, ActOptions, act
from dispatcher.errors import DispatchError, ExitCode, UsageError

if TYPE_CHECKING:
    from cli.input.editor import EditedFile

LONGEST_SHOWN = 60
"""Characters. Of longer values only that they changed is printed."""

SetOption = Annotated[
    list[str] | None,
    typer.Option(
        "--set",
        metavar="KEY=VALUE",
        help="Change this: an option of `llmctl submit`, or label.KEY. Repeatable.",
    ),
]


def edit_one(action: Action, selector: Selector, options: ActOptions) -> ExitCode:
    """Let a person change one task in an editor, again and again until it is right or they give up.

    ``action`` is edit or retry. Raises UsageError where not one task is named, or for a dry run.
    """
    verb = action.value
    if not selector.names_only or len(selector.tasks) != 1:
        raise UsageError(
            "an editor changes one task: expected its number, or --set KEY=VALUE for many",
            hint=f"such as `llmctl {verb} 12{'' if action is Action.EDIT else ' --edit'}`, "
            f"or `llmctl {verb} -l batch=x --set priority=8`",
        )
    if options.dry_run:
        raise UsageError("--dry-run needs --set")
    from msgspec import structs

    from cli.database.connection import opened
    from cli.input.editor import EditedFile
    from cli.input.edits import typed_fields
    from sql import calls

    with opened() as db:
        task = db.call(calls.show_task(selector.tasks[0], with_output=False))
        # Before somebody writes in vain.
        plan = db.call(
            calls.act_on_tasks(verb, selector.selection(), dry_run=True, changes={"name": task.name})
        )
    if plan.refused:
        complain(plan.refused[0].message, plan.refused[0].hint)
        return ExitCode.WRONG_STATE
    before = typed_fields(structs.asdict(task))
    with EditedFile(str(task.number), before, _HEAD.format(number=task.number)) as file:
        while True:
            try:
                return _apply(file, before, action, selector, options.output)
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
    file: "EditedFile",
    before: Mapping[str, object],
    action: Action,
    selector: Selector,
    output: WriteFormat,
) -> ExitCode:
    from cli.input.edits import changes_between

    after = file.edit()
    changes = changes_between(before, after)
    if not changes:
        say("nothing was changed" if action is Action.EDIT else "nothing was changed: it is not tried again")
        file.is_done = True
        return ExitCode.OK
    code = act(action, selector, ActOptions(True, False, output), changes)
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
