"""`llmctl submit`: make one task of the command line, or many of a file."""

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Annotated, Literal

import typer

from cli.input.completers import listed, live
from cli.input.prompts import PromptFileOption, read_prompt, require_tool
from cli.input.submit_options import QuietOption, SubmitOptions, WaitOption
from cli.input.task_fields import takes_fields, task_of
from cli.input.times import duration_option
from cli.input.tries import JudgeOption, PickOption, Tries, TriesOption, WithOption, tries_of
from cli.registry import family
from cli.show.output import TextOrJson, WriteFormat, WriteFormatOption, say, to_json, write
from cli.show.words import state_word
from dispatcher.durations import duration
from dispatcher.errors import ExitCode, UsageError
from dispatcher.task_rows.dependencies import COMES_AFTER, has_places
from wrappers.registry import BUILT_IN

if TYPE_CHECKING:
    from cli.database.connection import Database
    from sql.rows.people import Submitted

app = family()


ToolArgument = Annotated[
    str | None,
    typer.Argument(
        help=f"{', '.join(BUILT_IN)} or another tool that has a worker group.",
        show_default=False,
        autocompletion=live("tool", *BUILT_IN),
    ),
]
PromptArgument = Annotated[
    str | None,
    typer.Argument(
        help="What the agent should do; - reads standard input. Write -- before a prompt that begins with -."
    ),
]
FromOption = Annotated[
    str | None,
    typer.Option(
        "--from",
        metavar="FILE",
        help="Queue a task for each row of a .jsonl, .csv or .tsv file, see above; - reads JSON lines.",
    ),
]
FromFormatOption = Annotated[
    Literal["jsonl", "csv", "tsv"] | None,
    typer.Option(help="With --from: read FILE in this format, whatever its name says."),
]
ColumnsOption = Annotated[
    str | None,
    typer.Option(
        metavar="NAME,…",
        help="With --from: accept the columns input, workdir, repo, setup, check or permission; only for files that"
        " you trust.",
        autocompletion=listed("input", "workdir", "repo", "setup", "check", "permission"),
    ),
]
ChunkOption = Annotated[
    int | None,
    typer.Option(
        min=1,
        max=2**31 - 1,
        metavar="N",
        help="With --from: commit after every N tasks, instead of all tasks or none.",
    ),
]
DryRunOption = Annotated[
    bool, typer.Option("--dry-run", help="Check the tasks and show them, but submit nothing.")
]
FollowOption = Annotated[bool, typer.Option("--follow", help="Print the agent's output until the task ends.")]
WaitTimeoutOption = Annotated[
    int | None, duration_option("With --wait: stop waiting after this time, with exit code 124.")
]


@app.command()
@takes_fields(before="follow")
def submit(
    tool: ToolArgument = None,
    prompt: PromptArgument = None,
    file: PromptFileOption = None,
    from_: FromOption = None,
    from_format: FromFormatOption = None,
    columns: ColumnsOption = None,
    chunk: ChunkOption = None,
    tries: TriesOption = None,
    with_: WithOption = None,
    pick: PickOption = None,
    judge: JudgeOption = None,
    dry_run: DryRunOption = False,
    follow: FollowOption = False,
    wait: WaitOption = False,
    wait_timeout: WaitTimeoutOption = None,
    quiet: QuietOption = False,
    output_format: WriteFormatOption = WriteFormat.TEXT,
    **fields: object,
) -> ExitCode:
    r"""Queue a task and print its number; with --wait, its result.

    With --wait or --follow the exit code is 0 when the task succeeds, 1 when it fails or is canceled, and 124 when
    --wait-timeout passes first; the task then goes on.

    With --from, each line with a JSON object, or each row of a CSV file below its heading, is a task. A column that is
    named like an option (tool, prompt, priority, retry-on, ...) sets this option for its task; TOOL, PROMPT and the
    options apply to rows that do not set them. In these, {{column}} stands for the value of any column, and \{{ for {{.
    The column step names a task within the file: after, after-any, after-failed, after-tree and input-from of other
    rows may call it so, such as after=plan.
    Columns that reach beyond the task (input, workdir, repo, setup, check, permission) are refused unless --columns
    names them.
    If anything is wrong, no task is queued.
    """
    if fields["at"] is not None and fields["delay"] is not None:
        raise UsageError("give --at or --delay, not both")
    given = {name.replace("_", "-"): value for name, value in fields.items() if value is not None}
    options = SubmitOptions(
        output_format.for_results,
        quiet or output_format is WriteFormat.NAME,
        dry_run,
        follow,
        wait,
        wait_timeout,
        chunk,
    )
    several = tries_of(tries, with_, pick, judge, alone=not follow and from_ is None)
    if from_ is not None:
        if from_ == "-" and "-" in (prompt, file):
            raise UsageError("standard input can be the prompt or the file of tasks, not both")
        if prompt is not None or file is not None:
            given = {"prompt": read_prompt("submit TOOL", prompt, file), **given}
        if tool is not None:
            given = {"tool": tool, **given}
        return _submit_file(from_, from_format, columns, given, options)
    if any(one is not None for one in (columns, chunk, from_format)):
        raise UsageError("--columns, --chunk and --from-format need --from FILE")
    tool = require_tool(tool, prompt, file)
    given = {"tool": tool, "prompt": read_prompt("submit TOOL", prompt, file), **given}
    return _submit_one(given, options, several)


def _submit_file(
    path: str,
    file_format: str | None,
    columns: str | None,
    defaults: Mapping[str, object],
    options: SubmitOptions,
) -> ExitCode:
    if options.follow:
        raise UsageError("--follow works for one task only; `llmctl watch` shows many")
    from dataclasses import replace

    from cli.input.bulk import dry_run, submission
    from cli.input.bulk.row_tasks import allowed_columns
    from dispatcher.task_rows.task_files import FileKind

    kind = FileKind(file_format) if file_format is not None else None
    if columns is not None:
        options = replace(options, allowed_columns=allowed_columns(columns))
    show_or_submit = dry_run.show_file if options.dry_run else submission.submit_file
    return show_or_submit(path, kind, defaults, options)


def _submit_one(given: Mapping[str, object], options: SubmitOptions, tries: Tries | None) -> ExitCode:
    task = task_of(given)
    if has_places(task.get("prompt")) and not any(key in task for key in COMES_AFTER):
        say(
            "note: {{result:…}}, {{file:…}} and {{patch:…}} are filled in only for a task that comes after others:"
            " --after TASK"
        )
    if any(task.get(key) for key in ("permission", "workdir", "ref")):
        from dispatcher.configuration import settings
        from dispatcher.run.preparation.foreseen import require_grantable

        require_grantable(task, settings.load())
    if tries is not None:
        from cli.verbs.tasks.trying import submit_tries

        return submit_tries(task, tries, options)
    if isinstance(repository := task.get("repository"), str):
        from cli.repositories.submitted import look_at

        for remark in look_at(repository):
            say(remark)
    if options.dry_run:
        from cli.input.bulk.dry_run import show_task

        return show_task(task, options.output)

    from cli.database.connection import opened
    from cli.input.granted import require_granted
    from sql import calls

    with opened() as db:
        require_granted(db, [task])
        [submitted] = db.call(calls.submit_tasks([task]))
        if not submitted.same:
            say(
                f"warning: task {submitted.number} has this key but another tool, model or prompt;"
                " what you asked for now is not queued"
            )
        number = submitted.number
        announced = str(number) if options.quiet else _announcement(db, submitted, options.output)
        if not options.wait and not options.follow:
            write(announced)
            return ExitCode.OK
        if options.output is TextOrJson.TEXT:
            say(announced)
    if options.follow:
        from cli.verbs.tasks import logs

        return logs.follow(str(number))
    from cli.database.results import wait_for_result

    return wait_for_result(number, options.wait_timeout, options.output)


def _announcement(db: "Database", submitted: "Submitted", output: TextOrJson) -> str:
    from sql import calls

    why = db.call(calls.why_waiting(str(submitted.number)))
    if output is TextOrJson.JSON:
        import msgspec

        return to_json({**msgspec.to_builtins(submitted), "why": why})
    if not submitted.created:
        known = db.call(calls.show_task(str(submitted.number), 0))
        known_for = datetime.now(UTC) - known.created_at
        since = duration(known_for.total_seconds())
        return f"known since {since}: task {submitted.number} ({state_word(submitted.status)})"
    return f"task {submitted.number} queued" + (f": {why}" if why not in (None, "about to start") else "")
