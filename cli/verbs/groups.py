"""`llmctl group`: worker groups, which are accounts of tools."""

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import Annotated

import typer

from cli.input.completers import live
from cli.input.times import duration_option, parse_time
from cli.registry import family
from cli.show.output import Format, FormatOption, TextOrJson, TextOrJsonOption, show_rows, write
from dispatcher.errors import UsageError
from wrappers.registry import BUILT_IN

app = family("Manage worker groups: accounts of tools, and how many agents each runs at a time.")

GroupArgument = Annotated[str, typer.Argument(metavar="GROUP", autocompletion=live("group"))]
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
    from sql.rows import GroupRow

    with opened() as db:
        rows = db.call(calls.list_groups())
    show_rows(GroupRow, rows, GROUPS, output, empty="no worker groups yet; `llmctl group add` makes one")


@app.command()
def add(
    tool: Annotated[str, typer.Argument(autocompletion=live("tool", *BUILT_IN))],
    account: Annotated[str, typer.Argument(help="Your name for the account.")],
    most: Annotated[int, MaxOption] = 1,
    env: EnvOption = None,
    config_home: HomeOption = None,
    host: HostOption = None,
    failover: Annotated[bool, FailoverOption] = True,
    daily_budget: Annotated[float | None, DailyBudgetOption] = None,
    task_budget: Annotated[float | None, TaskBudgetOption] = None,
    name: Annotated[str | None, typer.Option(help="Name the group; TOOL-ACCOUNT unless given.")] = None,
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
    write(f"group {group} added")


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
    write(f"group {group} changed")


@app.command()
def pause(
    group: GroupArgument,
    reason: Annotated[str | None, typer.Option(help="Show this reason to people who ask why.")] = None,
) -> None:
    """Start no more tasks in a group. Running agents go on."""
    from cli.database.connection import opened
    from sql import calls

    with opened() as db:
        db.call(calls.pause_group(group, reason))
    write(f"group {group} paused")


@app.command()
def resume(group: GroupArgument) -> None:
    """End a pause or a cool-down of a group."""
    from cli.database.connection import opened
    from sql import calls

    with opened() as db:
        db.call(calls.resume_group(group))
    write(f"group {group} resumed")


@app.command()
def check(group: GroupArgument, output: TextOrJsonOption = TextOrJson.TEXT) -> None:
    """Check a group's tool and login on this host. The exit code is 1 if one is missing; no request is sent."""
    from cli.verbs.doctor import show
    from dispatcher.checks.checklist import check_group
    from dispatcher.configuration import settings

    show(check_group(settings.load(), group), output)


@app.command()
def cool(
    group: GroupArgument,
    until: Annotated[
        str | None, typer.Option(metavar="TIME", help="End at 22:00 (the next) or 2031-01-31T22:00.")
    ] = None,
    length: Annotated[int | None, duration_option("End after 30m, 5h, 1d, …", "--for")] = None,
    reason: Annotated[str | None, typer.Option(help="Show this reason to people who ask why.")] = None,
) -> None:
    """Start no tasks in a group for some time. Running agents go on; afterwards one task tries the account first."""
    if (until is None) == (length is None):
        raise UsageError("give --until or --for")
    end = None if until is None else parse_time(until)
    if length == 0 or (end is not None and end <= datetime.now(UTC)):
        raise UsageError(
            "this cool-down would be over already",
            hint=f"`llmctl group clear-cooldown {group}` ends a cool-down",
        )
    from cli.database.connection import opened
    from sql import calls

    with opened() as db:
        end = db.call(calls.cool_down_group(group, end, reason, length))
    write(f"group {group} cools down until {end.astimezone():%Y-%m-%d %H:%M:%S}")


@app.command("clear-cooldown")
def clear_cooldown(group: GroupArgument) -> None:
    """End a cool-down of a group at once. No task tries the account first, and a pause stays."""
    from cli.database.connection import opened
    from sql import calls

    with opened() as db:
        db.call(calls.clear_cooldown(group))
    write(f"group {group} no longer cools down")


@app.command("rm")
def remove(group: GroupArgument) -> None:
    """Remove a worker group that nothing needs. A dispatcher that starts brings it back if config.yaml names it."""
    from cli.database.connection import opened
    from sql import calls

    with opened() as db:
        db.call(calls.remove_group(group))
    write(f"group {group} removed")


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
    from dispatcher.configuration.settings import GroupSettings

    try:
        GroupSettings(tool=tool, env=variables, config_home=config_home)
    except ValueError as error:
        raise UsageError(str(error)) from error
