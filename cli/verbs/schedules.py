"""`llmctl schedule`: tasks that are submitted again and again."""

from typing import TYPE_CHECKING, Annotated, Any, Literal

import typer
from typer.main import get_command

from cli.input.completers import live
from cli.input.times import duration_option
from cli.registry import family
from cli.show.output import (
    Format,
    FormatOption,
    TextOrJson,
    WriteFormat,
    WriteFormatOption,
    say,
    show_rows,
    show_written,
    to_json,
    write,
)
from dispatcher.errors import NotFoundError, UsageError

if TYPE_CHECKING:
    from cli.database.connection import Database
    from sql.rows.schedules import ScheduleRow

app = family("Submit tasks again and again, at the times of a cron expression.")

NameArgument = Annotated[str, typer.Argument(metavar="NAME", autocompletion=live("schedule"))]
TenantOption = Annotated[
    str | None,
    typer.Option(
        help="The tenant, where several have a schedule of that name.", autocompletion=live("tenant")
    ),
]
SubmitArgument = Annotated[
    list[str],
    typer.Argument(metavar="-- TOOL PROMPT [OPTIONS]", help="What to submit: as for `llmctl submit`."),
]
CronOption = Annotated[
    str,
    typer.Option(help="Submit at these times: minute, hour, day, month and weekday, or @hourly, @daily, …"),
]
ZoneOption = Annotated[
    str | None,
    typer.Option(
        "--tz", metavar="ZONE", help="Read them on the clocks of this zone; of this host unless given."
    ),
]
OverlapOption = Annotated[
    Literal["skip", "queue", "replace"] | None,
    typer.Option(help="While a task of it has not ended: submit none (skip), one more, or one in its place."),
]
CatchUpOption = Annotated[
    Literal["one", "all", "none"] | None,
    typer.Option(
        help="After time without a dispatcher, submit for the last time missed, for all, or for none."
    ),
]
WithinOption = Annotated[int | None, duration_option("With --catch-up all: go back so far; 1d unless given.")]
MaxFailuresOption = Annotated[
    int | None,
    typer.Option(min=1, max=1000, help="Pause it when so many tasks failed in a row; 5 unless given."),
]
FOR_ONE_TASK = (
    "from_", "from_format", "columns", "chunk", "tries", "with_", "pick", "judge", "dry_run", "follow", "wait",
    "wait_timeout", "quiet", "output_format", "at", "key", "tenant",
)  # fmt: skip
"""Options of submit that say nothing about the tasks of a schedule."""


@app.command("ls")
@app.command("list", hidden=True)
def list_schedules(tenant: TenantOption = None, output: FormatOption = Format.TABLE) -> None:
    """List schedules: when each submits, when next, and how its last task ended."""
    from cli.database.connection import opened
    from cli.show.automation.schedules import SCHEDULES
    from sql import schedule_calls
    from sql.rows.schedules import ScheduleRow

    with opened() as db:
        rows = db.call(schedule_calls.list_schedules(tenant=tenant))
    show_rows(ScheduleRow, rows, SCHEDULES, output, empty="no schedules yet; `llmctl schedule add` makes one")


@app.command()
def show(
    name: NameArgument,
    tenant: TenantOption = None,
    output: Annotated[
        TextOrJson, typer.Option("-o", "--output-format", help="Print text or JSON.")
    ] = TextOrJson.TEXT,
) -> None:
    """Show a schedule: its next five runs, its last result, and the task that it submits."""
    from datetime import UTC, datetime

    from cli.database.connection import opened
    from cli.show.automation.schedules import facts

    with opened() as db:
        row = _row(db, name, tenant)
    if output is TextOrJson.JSON:
        write(to_json(row))
    else:
        write("\n".join(f"{title:10}{value}" for title, value in facts(row, datetime.now(UTC))))


@app.command(context_settings={"ignore_unknown_options": True, "allow_interspersed_args": True})
def add(
    name: Annotated[str, typer.Argument(metavar="NAME", help="Letters, digits, '.', '_' and '-'.")],
    submit: SubmitArgument,
    cron: CronOption,
    tz: ZoneOption = None,
    overlap: OverlapOption = None,
    catch_up: CatchUpOption = None,
    within: WithinOption = None,
    max_failures: MaxFailuresOption = None,
    tenant: Annotated[
        str | None, typer.Option(help="Submit for this tenant.", autocompletion=live("tenant"))
    ] = None,
    replace: Annotated[bool, typer.Option("--replace", help="Change a schedule that exists.")] = False,
    output: WriteFormatOption = WriteFormat.TEXT,
) -> None:
    """Add a schedule. It begins with the first time from now on.

    Write -- and then what follows `llmctl submit`:

    llmctl schedule add nightly --cron "30 2 * * *" --tz Europe/Berlin -- claude "Say hello" --priority 7

    In the prompt, {{scheduled_at}} is the time of the task, and {{last_success_at}} when one last succeeded. Files are
    read now.
    """
    from cli.database.connection import opened
    from dispatcher.schedules import zones
    from dispatcher.schedules.cron import Cron
    from sql import schedule_calls

    Cron(cron)
    zone = zones.zone(tz).key if tz else zones.local_name()
    task = _task(submit)
    with opened() as db:
        db.call(
            schedule_calls.put_schedule(
                name,
                cron,
                task,
                zone=zone,
                tenant=tenant,
                overlap=overlap,
                catch_up=catch_up,
                within_s=within,
                max_failures=max_failures,
                only_new=not replace,
            )
        )
        row = _row(db, name, tenant)
    _write(row, output, "added" if not replace else "set")


@app.command()
def run(
    name: NameArgument, tenant: TenantOption = None, output: WriteFormatOption = WriteFormat.TEXT
) -> None:
    """Submit the task of a schedule now, in addition to its times."""
    from cli.database.connection import opened
    from sql import schedule_calls

    with opened() as db:
        submitted = db.call(schedule_calls.run_schedule(name, tenant))
    show_written(output, f"task {submitted.number} queued", [str(submitted.number)], [submitted])


@app.command()
def pause(
    name: NameArgument,
    reason: Annotated[str | None, typer.Argument(metavar="REASON", help="Shown to others.")] = None,
    tenant: TenantOption = None,
    output: WriteFormatOption = WriteFormat.TEXT,
) -> None:
    """Let a schedule submit nothing until it is resumed."""
    from cli.database.connection import opened
    from sql import schedule_calls

    with opened() as db:
        db.call(schedule_calls.pause_schedule(name, reason, tenant))
        row = _row(db, name, tenant)
    _write(row, output, "paused")


@app.command()
def resume(
    name: NameArgument, tenant: TenantOption = None, output: WriteFormatOption = WriteFormat.TEXT
) -> None:
    """Let a paused schedule go on with its next time. What it missed is not made up for."""
    from cli.database.connection import opened
    from sql import schedule_calls

    with opened() as db:
        db.call(schedule_calls.resume_schedule(name, tenant))
        row = _row(db, name, tenant)
    _write(row, output, "goes on")


@app.command("rm")
def remove(
    name: NameArgument, tenant: TenantOption = None, output: WriteFormatOption = WriteFormat.TEXT
) -> None:
    """Remove a schedule. Its tasks stay. A dispatcher that starts brings it back if config.yaml names it."""
    from cli.database.connection import opened
    from sql import schedule_calls

    with opened() as db:
        row = _row(db, name, tenant)
        db.call(schedule_calls.remove_schedule(name, tenant))
    if row.configured_on:
        say(f"it is one of config.yaml on {row.configured_on}, whose dispatcher brings it back")
    show_written(output, f"schedule {name} removed", [name], [row])


def _task(arguments: list[str]) -> dict[str, object]:
    """Read what stands after ``--`` as `llmctl submit` reads it; return a task for submit_tasks()."""
    from cli.input.prompts import read_prompt, require_tool
    from cli.input.task_fields import FIELDS, task_of
    from cli.verbs.tasks import submit

    command: Any = get_command(submit.app)
    context = command.make_context("llmctl schedule add NAME --", list(arguments))
    given: dict[str, Any] = {
        option: list(value) if isinstance(value, tuple) else value
        for option, value in context.params.items()
        if context.get_parameter_source(option).name == "COMMANDLINE"
    }
    if wrong := sorted(given.keys() & set(FOR_ONE_TASK)):
        option = wrong[0].strip("_").replace("_", "-")
        raise UsageError(f"--{option} is not an option of what a schedule submits")
    fields = {name.replace("_", "-"): value for name, value in given.items()}
    tool = require_tool(given.get("tool"), given.get("prompt"), given.get("file"))
    prompt = read_prompt("schedule add NAME -- TOOL", given.get("prompt"), given.get("file"))
    others = {name: value for name, value in fields.items() if name in FIELDS.keys() - {"tool", "prompt"}}
    return task_of({"tool": tool, "prompt": prompt, **others})


def _row(db: "Database", name: str, tenant: str | None) -> "ScheduleRow":
    from sql import schedule_calls

    rows = db.call(schedule_calls.list_schedules(name, tenant))
    if not rows:
        raise NotFoundError(f"there is no schedule {name!r}", hint="`llmctl schedule ls` lists them")
    if len(rows) > 1:
        tenants = " or ".join(row.tenant_id for row in rows)
        raise UsageError(f"several tenants have a schedule {name!r}: say --tenant {tenants}")
    return rows[0]


def _write(row: "ScheduleRow", output: WriteFormat, done: str) -> None:
    from datetime import UTC, datetime

    from cli.show.automation.schedules import next_runs
    from dispatcher.schedules.wording import words

    runs = next_runs(row, datetime.now(UTC))
    then = f"{words(row)}, {row.zone}; next {runs[0]}" if runs else row.pause_reason or "no next time"
    show_written(output, f"schedule {row.name} {done}: {then}", [row.name], [row])
