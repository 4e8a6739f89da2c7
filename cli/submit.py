"""`llmctl submit`: from words and files to one task."""

import base64
import os
import stat
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path, PurePath
from typing import TYPE_CHECKING, Annotated, Literal

import typer

from cli import results, tasks
from cli.output import TextOrJson, TextOrJsonOption, say, to_json, write
from cli.prompts import read_prompt, unreadable
from cli.text import duration
from cli.times import parse_duration, parse_time
from cli.verbs import family
from dispatcher.errors import ExitCode, UsageError

if TYPE_CHECKING:
    from cli.database import Database
    from cli.records import Submitted

MOST_INPUT_BYTES = 128 * 2**20
"""All input files of a task together. They travel as base64 in one JSON value of at most 256 MiB."""

app = family()


def _tool_names() -> list[str]:
    return ["claude", "codex", "gemini"]


@app.command()
def submit(
    tool: Annotated[
        str, typer.Argument(help="claude, codex, gemini or one of config.yaml.", autocompletion=_tool_names)
    ],
    prompt: Annotated[
        str | None,
        typer.Argument(
            help="What the agent is to do; - reads standard input. Write -- before one that begins with -."
        ),
    ] = None,
    file: Annotated[
        str | None, typer.Option("-f", "--file", metavar="FILE", help="Read the prompt from FILE.")
    ] = None,
    model: Annotated[str | None, typer.Option(help="Passed on to the tool.")] = None,
    fallback_model: Annotated[
        str | None, typer.Option(help="For when the model is overloaded; claude only.")
    ] = None,
    account: Annotated[str | None, typer.Option(help="Only this account of the tool.")] = None,
    priority: Annotated[int | None, typer.Option(min=1, max=9, help="9 is first; 5 unless given.")] = None,
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
    at: Annotated[
        str | None, typer.Option(metavar="TIME", help="Not before: 22:00 (the next) or 2031-01-31T22:00.")
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
        int | None, typer.Option(min=0, max=99, help="After failures; 2 unless given.")
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
    wait: Annotated[bool, typer.Option("--wait", help="Wait for the end and print the result.")] = False,
    wait_timeout: Annotated[
        int | None,
        typer.Option(parser=parse_duration, metavar="DURATION", help="With --wait: then exit with 124."),
    ] = None,
    quiet: Annotated[bool, typer.Option("-q", "--quiet", help="Print the bare number.")] = False,
    output_format: TextOrJsonOption = TextOrJson.TEXT,
) -> ExitCode:
    """Queue a task. Prints its number; with --wait, its result.

    With --wait the exit code is 0 when the task succeeds, 1 when it fails or is canceled, and 124 when
    --wait-timeout passes first; the task goes on then.
    """
    if at is not None and delay is not None:
        raise UsageError("give --at or --delay, not both")
    task = {
        "tool": tool,
        "prompt": read_prompt("submit TOOL", prompt, file),
        "model": model,
        "fallback_model": fallback_model,
        "account": account,
        "priority": priority,
        "name": name,
        "labels": labels(label or []),
        "input_files": input_files(input_ or []),
        "output_files": output or [],
        "scheduled_at": parse_time(at).isoformat() if at is not None else None,
        "delay_s": delay,
        "timeout_s": timeout,
        "stall_timeout_s": stall_timeout,
        "max_attempts": retries + 1 if retries is not None else None,
        "retry_on": [name.strip() for name in retry_on.split(",")] if retry_on else None,
        "backoff_s": retry_delay,
        "tenant_id": tenant,
        "queue": queue,
        "idempotency_key": key,
        "permission": permission,
    }
    given = {name: value for name, value in task.items() if value is not None}

    from cli import database
    from cli.records import Submitted

    with database.opened() as db:
        [submitted] = db.rows(Submitted, "submit_tasks", tasks=to_json([given], indent=False))
        if not submitted.same:
            say(
                f"warning: task {submitted.number} has this key but another tool, model or prompt;"
                " what you asked for now is not queued"
            )
        if wait:
            if output_format is TextOrJson.TEXT:
                say(str(submitted.number) if quiet else _announcement(db, submitted, output_format))
            return results.wait_for_result(submitted.number, wait_timeout, output_format)
        write(str(submitted.number) if quiet else _announcement(db, submitted, output_format))
    return ExitCode.OK


def labels(given: Sequence[str]) -> dict[str, str]:
    """``["team=web"]`` as a mapping."""
    found: dict[str, str] = {}
    for label in given:
        key, separator, value = label.partition("=")
        if not separator or not key:
            raise UsageError(f"a label is KEY=VALUE, not {label!r}")
        if key in found:
            raise UsageError(f"the label {key} is given twice")
        found[key] = value
    return found


def input_files(given: Sequence[str]) -> list[dict[str, object]]:
    """Read each ``FILE[:NAME]``; a file whose own name has a colon is found as it is."""
    files: list[dict[str, object]] = []
    room = MOST_INPUT_BYTES
    for one in given:
        path, name = one, PurePath(one).name
        if not Path(one).exists() and ":" in one:
            path, _, name = one.rpartition(":")
        try:
            with Path(path).open("rb") as source:
                content = source.read(room + 1)
                mode = stat.S_IMODE(os.fstat(source.fileno()).st_mode) & 0o777
        except OSError as error:
            raise unreadable(path, error) from error
        room -= len(content)
        if room < 0:
            raise UsageError(
                f"the input files are larger than {MOST_INPUT_BYTES // 2**20} MiB together",
                hint="put them where the agent can read them, and name the place in the prompt",
            )
        files.append({"path": name, "content_base64": base64.b64encode(content).decode(), "mode": mode})
    return files


def _announcement(db: "Database", submitted: "Submitted", output: TextOrJson) -> str:
    why = db.value("why_waiting", task=str(submitted.number))
    if output is TextOrJson.JSON:
        import msgspec

        return to_json({**msgspec.to_builtins(submitted), "why": why})
    if not submitted.created:
        known_for = datetime.now(UTC) - tasks.shown(db, str(submitted.number)).created_at
        since = duration(known_for.total_seconds())
        return f"known since {since}: task {submitted.number} ({submitted.status})"
    return f"task {submitted.number} queued" + (f": {why}" if why not in (None, "about to start") else "")
