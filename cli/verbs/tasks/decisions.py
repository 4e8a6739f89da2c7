"""`llmctl answer`, `approve`, `deny` and `pick`: decide what waits for a person."""

from typing import Annotated

import typer

from cli.input.completers import live
from cli.input.confirmation import YesOption
from cli.input.prompts import PromptFileOption, read_prompt
from cli.input.selectors import Selector, selecting
from cli.registry import family
from cli.show.output import WriteFormat, WriteFormatOption, write
from cli.verbs.tasks.acting import Action, ActOptions, DryRunOption, act
from cli.verbs.tasks.listing import TaskArgument
from dispatcher.errors import ExitCode

app = family()

_ASKS = "Tasks that are named one by one are decided at once. Before others are, you are asked."


@app.command()
def answer(
    task: TaskArgument,
    text: Annotated[
        str | None, typer.Argument(help="What to tell the agent; - reads standard input.", show_default=False)
    ] = None,
    file: PromptFileOption = None,
    output: WriteFormatOption = WriteFormat.TEXT,
) -> ExitCode:
    """Answer the question of a task's agent, which then goes on in its session.

    `llmctl show TASK` prints the question, and `llmctl inbox` all that wait.
    """
    said = read_prompt(f"answer {task}", text, file, "text")
    from cli.database.connection import opened
    from cli.show.output import to_json
    from sql import calls, change_calls

    with opened() as db:
        db.call(change_calls.answer_task(task, said))
        states = db.call(calls.task_states([task]))
        if output is WriteFormat.JSON:
            write(to_json(states))
        elif output is WriteFormat.NAME:
            write(str(states[0].number))
        else:
            write(f"task {states[0].number} goes on")
    return ExitCode.OK


@app.command()
def pick(
    judge: Annotated[
        str, typer.Argument(metavar="JUDGE", help="The task that judges.", autocompletion=live("task"))
    ],
    task: Annotated[
        str,
        typer.Argument(
            metavar="TASK", help="The try to pick: one with a result.", autocompletion=live("task")
        ),
    ],
    message: Annotated[
        str | None, typer.Option("-m", "--message", metavar="TEXT", help="Keep this with the decision.")
    ] = None,
) -> ExitCode:
    """Pick one of several tries by hand, where their judge names none, failed, or has not judged yet.

    Tries that have not ended are canceled, and so is the judge. `llmctl show JUDGE` lists the tries.
    """
    from cli.database.connection import opened
    from sql import change_calls

    with opened() as db:
        db.call(change_calls.choose_try(judge, task, message))
    write(f"task {task} is picked")
    return ExitCode.OK


def _offer(action: Action, effect: str, message: str) -> None:
    """Make a verb of a decision."""

    @app.command(action.value, help=f"{effect}\n\n{_ASKS}")
    @selecting()
    def verb(
        selector: Selector,
        message: Annotated[str | None, typer.Option("-m", "--message", metavar="TEXT", help=message)] = None,
        dry_run: DryRunOption = False,
        yes: YesOption = False,
        output: WriteFormatOption = WriteFormat.TEXT,
    ) -> ExitCode:
        changes = None if message is None else {"message": message}
        return act(action, selector, ActOptions(yes, dry_run, output), changes)


_offer(
    Action.APPROVE,
    "Approve of the results of tasks that wait for it: they have succeeded.",
    "Keep this with the decision.",
)
_offer(
    Action.DENY,
    "Deny the results of tasks that wait for approval: they have failed. What they changed is kept.",
    "Say why: it is kept with the decision, and is the error of the task.",
)
