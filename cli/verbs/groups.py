"""`llmctl group`: worker groups, which are accounts of tools."""

from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Annotated

import typer

from cli.input.completers import live
from cli.input.times import duration_option, parse_time
from cli.registry import family
from cli.show.output import (
    Format,
    FormatOption,
    TextOrJson,
    TextOrJsonOption,
    WriteFormat,
    WriteFormatOption,
    complain,
    say,
    show_rows,
    show_written,
)
from dispatcher.errors import DatabaseError, DispatchError, ExitCode, UsageError
from wrappers.registry import names

if TYPE_CHECKING:
    from cli.database.connection import Database
    from sql.rows.groups import GroupRow

app = family("Manage worker groups: accounts of tools, and how many agents each runs at a time.")

GroupArgument = Annotated[str, typer.Argument(metavar="GROUP", autocompletion=live("group"))]
GroupsArgument = Annotated[list[str] | None, typer.Argument(metavar="GROUP…", autocompletion=live("group"))]
AllOption = Annotated[bool, typer.Option("-a", "--all", help="Do it for all groups.")]
ReasonOption = Annotated[str | None, typer.Option(help="Show this reason to people who ask why.")]
MaxOption = typer.Option("--max", metavar="N", min=0, max=2**31 - 1, help="Run at most N agents at a time.")
MOST_USD = 1e9
EnvOption = Annotated[
    list[str] | None,
    typer.Option(
        metavar="NAME=VALUE",
        help="Set a variable for its agents. Give secrets by reference only: env:VARIABLE or file:/path. Repeatable.",
    ),
]
HomeOption = Annotated[
    str | None,
    typer.Option(metavar="DIR", help="Let the tool keep this account's login and settings in DIR."),
]
FailoverOption = typer.Option(
    help="Let tasks that reach the account's usage limit go on with another account of the tool."
)
DailyBudgetOption = typer.Option(
    min=0,
    max=MOST_USD,
    metavar="USD",
    help="Close the group until midnight UTC when its runs cost this much in a day; 0 for no budget.",
)
TaskBudgetOption = typer.Option(
    min=0, max=MOST_USD, metavar="USD", help="Stop a run that costs more, if the tool can; 0 for no budget."
)
HostOption = Annotated[
    list[str] | None, typer.Option(help="Let only dispatchers on this host run its tasks. Repeatable.")
]


@app.command("ls", hidden=True)
@app.command("list")
def list_groups(output: FormatOption = Format.TABLE) -> None:
    """List worker groups. Shows their slots and what keeps them from taking work."""
    from cli.database.connection import opened
    from cli.show.group_tables import GROUPS
    from sql import calls
    from sql.rows.groups import GroupRow

    with opened() as db:
        rows = db.call(calls.list_groups())
        show_rows(GroupRow, rows, GROUPS, output, empty="no worker groups yet; `llmctl group add` makes one")
        if output is Format.TABLE:
            _say_what_is_capped(db)


@app.command()
def add(
    tool: Annotated[str, typer.Argument(autocompletion=live("tool", *names()))],
    account: Annotated[str, typer.Argument(help="Your name for the account.")],
    most: Annotated[int, MaxOption] = 1,
    env: EnvOption = None,
    config_home: HomeOption = None,
    host: HostOption = None,
    failover: Annotated[bool, FailoverOption] = True,
    daily_budget: Annotated[float | None, DailyBudgetOption] = None,
    task_budget: Annotated[float | None, TaskBudgetOption] = None,
    name: Annotated[str | None, typer.Option(help="Name the group; TOOL-ACCOUNT unless given.")] = None,
    output: WriteFormatOption = WriteFormat.TEXT,
) -> None:
    """Add an account of a tool as a worker group."""
    from cli.database.connection import opened
    from sql import calls

    variables = environment(env or [])
    _require_good(tool, variables, config_home)
    group = name if name is not None else f"{tool}-{account}"
    with opened() as db:
        db.call(
            calls.put_group(
                group,
                tool,
                account,
                most,
                variables,
                config_home=config_home,
                hosts=host,
                only_new=True,
                failover=failover,
                daily_budget_usd=daily_budget or None,
                task_budget_usd=task_budget or None,
            )
        )
        _show_written(db, [group], f"group {group} added", output)
        _say_what_is_capped(db, tool)


@app.command("set")
def change(
    group: GroupArgument,
    most: Annotated[int | None, MaxOption] = None,
    env: EnvOption = None,
    unset: Annotated[
        list[str] | None, typer.Option(metavar="NAME", help="Remove a variable. Repeatable.")
    ] = None,
    config_home: HomeOption = None,
    host: HostOption = None,
    failover: Annotated[bool | None, FailoverOption] = None,
    daily_budget: Annotated[float | None, DailyBudgetOption] = None,
    task_budget: Annotated[float | None, TaskBudgetOption] = None,
    output: WriteFormatOption = WriteFormat.TEXT,
) -> None:
    """Change a worker group at once. Other settings stay, and running agents go on as they started.

    A dispatcher that starts or reloads config.yaml sets the group to what the file says.
    """
    variables = environment(env or [])
    removed = dict.fromkeys(unset or [])
    others = (most, config_home, host, failover, daily_budget, task_budget)
    if not variables and not removed and all(other is None for other in others):
        raise UsageError("nothing to change", hint="`llmctl group set --help` lists what can be changed")
    if both := sorted(variables.keys() & removed.keys()):
        raise UsageError(f"{both[0]} is both in --env and in --unset")
    from cli.database.connection import opened
    from sql import calls

    _require_good(group, variables, config_home)
    with opened() as db:
        db.call(
            calls.change_group(
                group,
                max_concurrent=most,
                env_vars={**variables, **removed},
                config_home=config_home,
                hosts=host,
                failover=failover,
                daily_budget_usd=daily_budget,
                task_budget_usd=task_budget,
            )
        )
        [row] = _show_written(db, [group], f"group {group} changed", output)
        if most is not None:
            _say_what_is_capped(db, row.tool)


@app.command()
def pause(
    groups: GroupsArgument = None,
    all_: AllOption = False,
    reason: ReasonOption = None,
    output: WriteFormatOption = WriteFormat.TEXT,
) -> None:
    """Start no more tasks in these groups. Running agents go on."""
    from sql import calls

    def act(db: "Database", group: str) -> str:
        db.call(calls.pause_group(group, reason))
        return "paused"

    _for_each(groups, act, output, everything=all_)


@app.command()
def resume(
    groups: GroupsArgument = None, all_: AllOption = False, output: WriteFormatOption = WriteFormat.TEXT
) -> None:
    """End pauses and cool-downs of these groups."""
    from sql import calls

    def act(db: "Database", group: str) -> str:
        db.call(calls.resume_group(group))
        return "resumed"

    _for_each(groups, act, output, everything=all_)


@app.command()
def check(group: GroupArgument, output: TextOrJsonOption = TextOrJson.TEXT) -> None:
    """Check a group's tool and login on this host. The exit code is 1 if one is missing; no request is sent."""
    from cli.verbs.doctor import show
    from dispatcher.checks.checklist import check_group
    from dispatcher.configuration import settings

    show(check_group(settings.load(), group), output)


@app.command()
def cool(
    groups: GroupsArgument = None,
    all_: AllOption = False,
    until: Annotated[
        str | None, typer.Option(metavar="TIME", help="End at 22:00 (the next) or 2031-01-31T22:00.")
    ] = None,
    length: Annotated[int | None, duration_option("End after 30m, 5h, 1d, …", "--for")] = None,
    reason: ReasonOption = None,
    output: WriteFormatOption = WriteFormat.TEXT,
) -> None:
    """Start no tasks in these groups for some time. Running agents go on; afterwards one task tries the account first.

    The time is given by --until or --for.
    """
    if (until is None) == (length is None):
        raise UsageError("give --until or --for")
    end = None if until is None else parse_time(until)
    if length == 0 or (end is not None and end <= datetime.now(UTC)):
        raise UsageError(
            "this cool-down would be over already",
            hint=f"`llmctl group clear-cooldown {' '.join(groups or ['-a'])}` ends a cool-down",
        )
    from sql import calls

    def act(db: "Database", group: str) -> str:
        ends = db.call(calls.cool_down_group(group, end, reason, length))
        return f"cools down until {ends.astimezone():%Y-%m-%d %H:%M:%S}"

    _for_each(groups, act, output, everything=all_)


@app.command("clear-cooldown")
def clear_cooldown(
    groups: GroupsArgument = None, all_: AllOption = False, output: WriteFormatOption = WriteFormat.TEXT
) -> None:
    """End cool-downs of these groups at once. No task tries the account first, and a pause stays."""
    from sql import calls

    def act(db: "Database", group: str) -> str:
        db.call(calls.clear_cooldown(group))
        return "no longer cools down"

    _for_each(groups, act, output, everything=all_)


@app.command("rm")
def remove(group: GroupArgument, output: WriteFormatOption = WriteFormat.TEXT) -> None:
    """Remove a worker group that nothing needs. A dispatcher that starts brings it back if config.yaml names it."""
    from cli.database.connection import opened
    from sql import calls

    with opened() as db:
        removed = [row for row in db.call(calls.list_groups()) if row.group_name == group]
        db.call(calls.remove_group(group))
    _write(removed, f"group {group} removed", output)


def _for_each(
    groups: Sequence[str] | None,
    act: "Callable[[Database, str], str]",
    output: WriteFormat,
    *,
    everything: bool,
) -> None:
    """Act on groups in turn; ``act`` returns what the group does now. One that fails does not stop the others.

    Raises :class:`typer.Exit` with the worst exit code.
    """
    if bool(groups) == everything:
        raise UsageError(
            "name the groups, or give --all for all of them", hint="`llmctl group list` lists them"
        )
    from cli.database.connection import opened
    from sql import calls

    worst = ExitCode.OK
    done: dict[str, str] = {}
    with opened() as db:
        for group in [row.group_name for row in db.call(calls.list_groups())] if everything else groups or ():
            try:
                done[group] = f"group {group} {act(db, group)}"
            except DatabaseError:
                raise
            except DispatchError as error:
                complain(str(error), error.hint)
                worst = max(worst, error.exit_code)
        if done:
            _show_written(db, list(done), "\n".join(done.values()), output)
        elif everything and worst is ExitCode.OK:
            say("no worker groups yet; `llmctl group add` makes one")
    if worst is not ExitCode.OK:
        raise typer.Exit(worst)


def _show_written(
    db: "Database", names: Sequence[str], words: str, output: WriteFormat
) -> "Sequence[GroupRow]":
    """Print what was done to groups: in words, or the groups as they are now. Return these."""
    from sql import calls

    known = {row.group_name: row for row in db.call(calls.list_groups())}
    rows = [known[name] for name in names if name in known]
    _write(rows, words, output)
    return rows


def _write(rows: "Sequence[GroupRow]", words: str, output: WriteFormat) -> None:
    show_written(output, words, [row.group_name for row in rows], rows)


def _say_what_is_capped(db: "Database", tool: str | None = None) -> None:
    """Say which slots of this tool, or of any, the tool's limit keeps from use: nobody would look there."""
    from dispatcher.remarks import capped
    from sql import calls

    for row in db.call(calls.capped_tools()):
        if tool in (None, row.tool):
            say(capped(row))


def environment(given: Sequence[str]) -> dict[str, str]:
    """Read ``["NAME=env:VARIABLE"]`` into a mapping."""
    variables: dict[str, str] = {}
    for one in given:
        name, separator, value = one.partition("=")
        if not separator or not name:
            # The message does not repeat it, since it may be a secret.
            raise UsageError("one --env is not valid: expected NAME=VALUE")
        if name in variables:
            raise UsageError(f"--env names {name} twice")
        variables[name] = value
    return variables


def _require_good(tool: str, variables: Mapping[str, str], config_home: str | None) -> None:
    """Apply the rules for groups in config.yaml, above all that no secret is written down."""
    from dispatcher.configuration.sections.groups import GroupSettings

    try:
        GroupSettings(tool=tool, env=variables, config_home=config_home)
    except ValueError as error:
        raise UsageError(str(error)) from error
