"""`llmctl reply`: continue the session of a task that has ended."""

from typing import Annotated

import typer

from cli.input.prompts import PromptFileOption, read_prompt
from cli.input.submit_options import QuietOption, WaitOption
from cli.input.times import duration_option
from cli.registry import family
from cli.show.output import WriteFormat, WriteFormatOption, say, to_json, write
from cli.verbs.tasks.listing import TaskArgument
from dispatcher.errors import ExitCode

app = family()

HOLDER_IS_AWAY = "waits for the dispatcher of host"
"""How why_session_waits() begins."""


@app.command()
def reply(
    task: TaskArgument,
    prompt: Annotated[
        str | None, typer.Argument(help="What the agent should do next; - reads standard input.")
    ] = None,
    file: PromptFileOption = None,
    name: Annotated[str | None, typer.Option(help="Give the new task a name.")] = None,
    priority: Annotated[
        int | None, typer.Option(metavar="N", min=1, max=9, help="Start tasks with 9 first.")
    ] = None,
    timeout: Annotated[int | None, duration_option("Stop a run that takes longer.")] = None,
    output: Annotated[
        list[str] | None,
        typer.Option(metavar="PATH", help="Require the agent to write this file, and keep it. Repeatable."),
    ] = None,
    wait: WaitOption = False,
    quiet: QuietOption = False,
    output_format: WriteFormatOption = WriteFormat.TEXT,
) -> ExitCode:
    """Continue the session of a task that has ended, as a new task.

    The new task has the same account, model, permission and directory. The directory is kept for a day after each run,
    or for as long as execution.keep_sessions says.
    """
    text = read_prompt("reply TASK", prompt, file)
    from cli.database.connection import opened
    from sql import calls

    with opened() as db:
        submitted = db.call(
            calls.reply_task(
                task,
                text,
                name=name,
                priority=priority,
                timeout_s=timeout,
                output_files=output or None,
            )
        )
        why = db.call(calls.show_task(str(submitted.number))).why
        if why is not None and why.startswith(HOLDER_IS_AWAY):
            say(f"task {submitted.number} {why}")
        quiet = quiet or output_format is WriteFormat.NAME
        said = str(submitted.number) if quiet else f"task {submitted.number} continues task {task}"
        if wait:
            if output_format is not WriteFormat.JSON:
                say(said)
            from cli.database.results import wait_for_result

            return wait_for_result(submitted.number, None, output_format.for_results)
        write(to_json(submitted) if output_format is WriteFormat.JSON and not quiet else said)
    return ExitCode.OK
