"""`llmctl submit`: from words and files to one task, or to many."""

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Annotated, Literal

import typer

from cli.input.prompts import read_prompt
from cli.input.times import parse_duration
from cli.registry import family
from cli.show.output import TextOrJson, TextOrJsonOption, say, to_json, write
from cli.verbs import logs
from dispatcher.durations import duration
from dispatcher.errors import ExitCode, UsageError
from wrappers.registry import BUILT_IN

if TYPE_CHECKING:
    from cli.database.connection import Database
    from sql.rows import Submitted

app = family()


def _tool_names() -> list[str]:
    return list(BUILT_IN)


@app.command()
def submit(
    tool: Annotated[
        str | None,
        typer.Argument(
            help=f"{', '.join(BUILT_IN)} or one of config.yaml.",
            show_default=False,
            autocompletion=_tool_names,
        ),
    ] = None,
    prompt: Annotated[
        str | None,
        typer.Argument(
            help="What the agent is to do; - reads standard input. Write -- before one that begins with -."
        ),
    ] = None,
    file: Annotated[
        str | None, typer.Option("-f", "--file", metavar="FILE", help="Read the prompt from FILE.")
    ] = None,
    from_: Annotated[
        str | None,
        typer.Option(
            "--from",
            metavar="FILE",
            help="A task for each row of a .jsonl, .csv or .tsv, see above; - reads JSON lines.",
        ),
    ] = None,
    from_format: Annotated[
        Literal["jsonl", "csv", "tsv"] | None,
        typer.Option(help="With --from: instead of what its name says."),
    ] = None,
    columns: Annotated[
        str | None,
        typer.Option(
            metavar="NAME,…",
            help="With --from: let its columns input, workdir or permission count; only for files that you trust.",
        ),
    ] = None,
    chunk: Annotated[
        int | None,
        typer.Option(
            min=1,
            max=2**31 - 1,
            metavar="N",
            help="With --from: commit every N tasks, instead of all of them or none.",
        ),
    ] = None,
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Check everything and show it, but submit nothing.")
    ] = False,
    model: Annotated[str | None, typer.Option(help="Passed on to the tool.")] = None,
    fallback_model: Annotated[
        str | None, typer.Option(help="For when the model is overloaded; claude only.")
    ] = None,
    account: Annotated[str | None, typer.Option(help="Only this account of the tool.")] = None,
    priority: Annotated[
        int | None, typer.Option(metavar="N", min=1, max=9, help="9 is first; 5 unless given.")
    ] = None,
    name: Annotated[str | None, typer.Option(help="What you call the task.")] = None,
    label: Annotated[list[str] | None, typer.Option(metavar="KEY=VALUE", help="Repeatable.")] = None,
    input_: Annotated[
        list[str] | None,
        typer.Option(
            "--input",
            metavar="FILE[:NAME]",
            help="Put FILE into the agent's directory (as NAME). Repeatable.",
        ),
    ] = None,
    output: Annotated[
        list[str] | None,
        typer.Option(metavar="PATH", help="A file the agent must write, and is kept. Repeatable."),
    ] = None,
    workdir: Annotated[
        str | None,
        typer.Option(
            metavar="DIR", help="Work in DIR, which is below security.allowed_roots of config.yaml."
        ),
    ] = None,
    at: Annotated[
        str | None,
        typer.Option(metavar="TIME", help="Not before: 22:00 (the next) or 2031-01-31T22:00, in local time."),
    ] = None,
    delay: Annotated[
        int | None,
        typer.Option(parser=parse_duration, metavar="DURATION", help="Not before: 10m, 2h from now."),
    ] = None,
    timeout: Annotated[
        int | None,
        typer.Option(parser=parse_duration, metavar="DURATION", help="The longest a run may take."),
    ] = None,
    stall_timeout: Annotated[
        int | None,
        typer.Option(
            parser=parse_duration, metavar="DURATION", help="The longest that it may print nothing."
        ),
    ] = None,
    retries: Annotated[
        int | None, typer.Option(metavar="N", min=0, max=99, help="After failures; 2 unless given.")
    ] = None,
    retry_on: Annotated[
        str | None,
        typer.Option(
            metavar="CLASS,…",
            help="Errors worth another attempt: agent_error,timeout,… instead of the usual.",
        ),
    ] = None,
    retry_delay: Annotated[
        int | None,
        typer.Option(
            parser=parse_duration, metavar="DURATION", help="Before the first retry; it doubles. 30s."
        ),
    ] = None,
    tenant: Annotated[str | None, typer.Option(help="On whose behalf: turns are fair over tenants.")] = None,
    queue: Annotated[
        str | None, typer.Option(help="Can be limited: `llmctl limit set queue:NAME 2`.")
    ] = None,
    key: Annotated[
        str | None, typer.Option(help="Idempotency key: known already, nothing new is queued.")
    ] = None,
    permission: Annotated[
        Literal["read", "edit", "full"] | None,
        typer.Option(
            help="What the agent may do; edit unless given. full must be allowed in config.yaml, too."
        ),
    ] = None,
    follow: Annotated[
        bool, typer.Option("--follow", help="Print what the agent prints, until the task has ended.")
    ] = False,
    wait: Annotated[bool, typer.Option("--wait", help="Wait for the end and print the result.")] = False,
    wait_timeout: Annotated[
        int | None,
        typer.Option(parser=parse_duration, metavar="DURATION", help="With --wait: then exit with 124."),
    ] = None,
    quiet: Annotated[bool, typer.Option("-q", "--quiet", help="Print the bare number.")] = False,
    output_format: TextOrJsonOption = TextOrJson.TEXT,
) -> ExitCode:
    r"""Queue a task. Prints its number; with --wait, its result.

    With --wait or --follow the exit code is 0 when the task succeeds, 1 when it fails or is canceled, and 124 when
    --wait-timeout passes first; the task goes on then.

    With --from, each JSON object on a line of its own, or each row of a CSV file below its heading, is a task. Columns
    that are called like an option (tool, prompt, priority, retry-on, ...) set it for their task; TOOL, PROMPT and
    options are for rows that do not. In these, {{column}} is replaced by the value of any column, and \{{ is {{.
    Columns that reach beyond the task (input, workdir, permission) are refused unless --columns names them.
    Either all tasks are queued or, if anything is wrong, none.
    """
    if at is not None and delay is not None:
        raise UsageError("give --at or --delay, not both")
    if wait_timeout is not None and not wait:
        raise UsageError("--wait-timeout goes with --wait")
    if follow and (wait or output_format is TextOrJson.JSON):
        raise UsageError("--follow prints a log: give it without --wait and -o json")
    given = {
        "model": model,
        "fallback-model": fallback_model,
        "account": account,
        "priority": priority,
        "name": name,
        "label": label,
        "input": input_,
        "output": output,
        "workdir": workdir,
        "at": at,
        "delay": delay,
        "timeout": timeout,
        "stall-timeout": stall_timeout,
        "retries": retries,
        "retry-on": retry_on,
        "retry-delay": retry_delay,
        "tenant": tenant,
        "queue": queue,
        "key": key,
        "permission": permission,
    }
    if from_ is not None:
        if follow:
            raise UsageError("--follow is for one task; `llmctl watch` shows many")
        if from_ == "-" and "-" in (prompt, file):
            raise UsageError("standard input is either the prompt or the file of tasks")
        if prompt is not None or file is not None:
            prompt = read_prompt("submit TOOL", prompt, file)
        return _submit_file(
            from_,
            from_format,
            {"tool": tool, "prompt": prompt, **given},
            columns=columns,
            chunk=chunk,
            dry=dry_run,
            quiet=quiet,
            output=output_format,
            wait=wait,
            wait_timeout=wait_timeout,
        )
    if any(one is not None for one in (columns, chunk, from_format)):
        raise UsageError("--columns, --chunk and --from-format go with --from FILE")
    if tool is None:
        raise UsageError("Missing argument 'TOOL'", hint="`llmctl submit --help` shows how")

    from cli.input.task_fields import task_of

    task = task_of({"tool": tool, "prompt": read_prompt("submit TOOL", prompt, file), **given})
    if dry_run:
        from cli.input.bulk.dry_run import show_task

        return show_task(task, output_format)

    from cli.database.connection import opened
    from sql import calls

    with opened() as db:
        [submitted] = db.call(calls.submit_tasks([task]))
        if not submitted.same:
            say(
                f"warning: task {submitted.number} has this key but another tool, model or prompt;"
                " what you asked for now is not queued"
            )
        number = submitted.number
        announced = str(number) if quiet else _announcement(db, submitted, output_format)
        if not wait and not follow:
            write(announced)
            return ExitCode.OK
        if output_format is TextOrJson.TEXT:
            say(announced)
    if follow:
        return logs.follow(str(number))
    from cli.show.results import wait_for_result

    return wait_for_result(number, wait_timeout, output_format)


def _submit_file(
    path: str,
    file_format: str | None,
    options: Mapping[str, object],
    *,
    columns: str | None,
    chunk: int | None,
    dry: bool,
    quiet: bool,
    output: TextOrJson,
    wait: bool,
    wait_timeout: int | None,
) -> ExitCode:
    from cli.input.bulk import dry_run, submission
    from cli.input.bulk.row_tasks import allowed_columns
    from cli.input.bulk.task_files import FileKind

    kind = FileKind(file_format) if file_format is not None else None
    defaults = {option: value for option, value in options.items() if value is not None}
    allowed = allowed_columns(columns) if columns is not None else ()
    if dry:
        return dry_run.show_file(path, kind, defaults, allowed, output)
    ways = submission.Ways(allowed, chunk, quiet, output, wait, wait_timeout)
    return submission.submit_file(path, kind, defaults, ways)


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
        return f"known since {since}: task {submitted.number} ({submitted.status})"
    return f"task {submitted.number} queued" + (f": {why}" if why not in (None, "about to start") else "")
