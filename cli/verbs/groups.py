"""`llmctl group`: accounts, and how many agents each bears at a time."""

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import Annotated

import typer

from cli.input.times import duration_option, parse_time
from cli.registry import family
from cli.show.output import Format, FormatOption, TextOrJson, TextOrJsonOption, show_rows, to_json, write
from dispatcher.errors import UsageError

app = family("Accounts of tools, and how many agents each bears at a time.")

GroupArgument = Annotated[str, typer.Argument(metavar="GROUP")]
MaxOption = typer.Option("--max", metavar="N", min=0, max=2**31 - 1, help="How many agents at a time.")
MOST_USD = 1e9
EnvOption = Annotated[
    list[str] | None,
    typer.Option(
        metavar="NAME=VALUE",
        help="A variable for its agents. Secrets are named only: env:VARIABLE or file:/path. Repeatable.",
    ),
]
HomeOption = Annotated[
    str | None, typer.Option(metavar="DIR", help="Where the tool keeps this account's login and settings.")
]
FailoverOption = typer.Option(
    help="Whether a task that the account's usage limit stopped may go on with another account of the tool."
)
DailyBudgetOption = typer.Option(
    min=0,
    max=MOST_USD,
    metavar="USD",
    help="Close the group until midnight UTC when its runs cost that much; 0 for none.",
)
TaskBudgetOption = typer.Option(
    min=0, max=MOST_USD, metavar="USD", help="End a run that costs more, where the tool can; 0 for none."
)
HostOption = Annotated[list[str] | None, typer.Option(help="Only dispatchers on this host. Repeatable.")]


@app.command("ls", hidden=True)
@app.command("list")
def list_groups(output: FormatOption = Format.TABLE) -> None:
    """List worker groups. Each with its slots, and what keeps it from taking work."""
    from cli.database.connection import opened
    from cli.show.group_tables import GROUPS
    from cli.show.records import GroupRow

    with opened() as db:
        rows = db.rows(GroupRow, "list_groups")
    show_rows(GroupRow, rows, GROUPS, output, empty="no worker groups yet; `llmctl group add` makes one")


@app.command()
def add(
    tool: Annotated[str, typer.Argument()],
    account: Annotated[str, typer.Argument(help="What you call the account.")],
    most: Annotated[int, MaxOption] = 1,
    env: EnvOption = None,
    config_home: HomeOption = None,
    host: HostOption = None,
    failover: Annotated[bool, FailoverOption] = True,
    daily_budget: Annotated[float | None, DailyBudgetOption] = None,
    task_budget: Annotated[float | None, TaskBudgetOption] = None,
    name: Annotated[str | None, typer.Option(help="TOOL-ACCOUNT unless given.")] = None,
) -> None:
    """Add an account of a tool as a worker group."""
    from cli.database.connection import opened

    variables = environment(env or [])
    _require_good(tool, variables, config_home)
    group = name if name is not None else f"{tool}-{account}"
    with opened() as db:
        db.value(
            "put_group",
            group=group,
            tool=tool,
            account=account,
            max_concurrent=most,
            env_vars=to_json(variables, indent=False),
            config_home=config_home,
            hosts=host,
            only_new=True,
            failover=failover,
            daily_budget_usd=daily_budget or None,
            task_budget_usd=task_budget or None,
        )
    write(f"group {group} added")


@app.command("set")
def change(
    group: GroupArgument,
    most: Annotated[int | None, MaxOption] = None,
    env: EnvOption = None,
    unset: Annotated[
        list[str] | None, typer.Option(metavar="NAME", help="Take a variable out. Repeatable.")
    ] = None,
    config_home: HomeOption = None,
    host: HostOption = None,
    failover: Annotated[bool | None, FailoverOption] = None,
    daily_budget: Annotated[float | None, DailyBudgetOption] = None,
    task_budget: Annotated[float | None, TaskBudgetOption] = None,
) -> None:
    """Change a worker group at once. What is not given stays, and what runs goes on as it was started.

    What config.yaml says of the group comes back with the next start of a dispatcher, or when it reads the file anew.
    """
    variables = environment(env or [])
    removed = dict.fromkeys(unset or [])
    others = (most, config_home, host, failover, daily_budget, task_budget)
    if not variables and not removed and all(other is None for other in others):
        raise UsageError("nothing to change", hint="`llmctl group set --help` tells what can be changed")
    if both := sorted(variables.keys() & removed.keys()):
        raise UsageError(f"{both[0]} is in --env and in --unset")
    from cli.database.connection import opened

    _require_good(group, variables, config_home)
    with opened() as db:
        db.value(
            "change_group",
            group=group,
            max_concurrent=most,
            env_vars=to_json({**variables, **removed}, indent=False),
            config_home=config_home,
            hosts=host,
            failover=failover,
            daily_budget_usd=daily_budget,
            task_budget_usd=task_budget,
        )
    write(f"group {group} changed")


@app.command()
def pause(
    group: GroupArgument,
    reason: Annotated[str | None, typer.Option(help="Shown to whoever asks why.")] = None,
) -> None:
    """Start nothing more in a group; what runs goes on."""
    from cli.database.connection import opened

    with opened() as db:
        db.value("pause_group", group=group, reason=reason)
    write(f"group {group} paused")


@app.command()
def resume(group: GroupArgument) -> None:
    """End a pause or a cool-down of a group."""
    from cli.database.connection import opened

    with opened() as db:
        db.value("resume_group", group=group)
    write(f"group {group} resumed")


@app.command()
def check(group: GroupArgument, output: TextOrJsonOption = TextOrJson.TEXT) -> None:
    """Look on this host for a group's tool and login. Exit code 1 if one is missing; no request is sent."""
    from cli.verbs.doctor import show
    from dispatcher.commands.check import check_group
    from dispatcher.configuration import settings

    show(check_group(settings.load(), group), output)


@app.command()
def cool(
    group: GroupArgument,
    until: Annotated[
        str | None, typer.Option(metavar="TIME", help="22:00 (the next) or 2031-01-31T22:00.")
    ] = None,
    length: Annotated[int | None, duration_option("30m, 5h, 1d.", "--for")] = None,
    reason: Annotated[str | None, typer.Option(help="Shown to whoever asks why.")] = None,
) -> None:
    """Start nothing more in a group for a time. Then one task goes first; what runs goes on."""
    if (until is None) == (length is None):
        raise UsageError("give --until or --for")
    end = None if until is None else parse_time(until)
    if length == 0 or (end is not None and end <= datetime.now(UTC)):
        raise UsageError(
            "that is over already", hint=f"`llmctl group clear-cooldown {group}` ends a cool-down"
        )
    from msgspec import convert

    from cli.database.connection import opened

    with opened() as db:
        until = None if end is None else end.isoformat()
        told = db.value("cool_down_group", group=group, until=until, reason=reason, for_s=length)
    end = convert(told, datetime)
    write(f"group {group} cools down until {end.astimezone():%Y-%m-%d %H:%M:%S}")


@app.command("clear-cooldown")
def clear_cooldown(group: GroupArgument) -> None:
    """End a cool-down of a group at once. No task goes first, and a pause stays."""
    from cli.database.connection import opened

    with opened() as db:
        db.value("clear_cooldown", group=group)
    write(f"group {group} cools down no more")


@app.command("rm")
def remove(group: GroupArgument) -> None:
    """Remove a worker group that nothing needs. One that config.yaml names comes back with the next start."""
    from cli.database.connection import opened

    with opened() as db:
        db.value("remove_group", group=group)
    write(f"group {group} removed")


def environment(given: Sequence[str]) -> dict[str, str]:
    """``["NAME=env:VARIABLE"]`` as a mapping."""
    variables: dict[str, str] = {}
    for one in given:
        name, separator, value = one.partition("=")
        if not separator or not name:
            # Not repeated: it may be a secret.
            raise UsageError("--env is NAME=VALUE, and one of them has no name or no =")
        if name in variables:
            raise UsageError(f"--env names {name} twice")
        variables[name] = value
    return variables


def _require_good(tool: str, variables: Mapping[str, str], config_home: str | None) -> None:
    """The same rules as for groups in config.yaml, above all that no secret is written down."""
    from dispatcher.configuration.settings import GroupSettings

    try:
        GroupSettings(tool=tool, env=variables, config_home=config_home)
    except ValueError as error:
        raise UsageError(str(error)) from error
