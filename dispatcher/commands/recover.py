"""`dispatcher recover`: gives up runs whose host does not come back.

A run is never given up because its lease ended: agents outlive dispatchers.
"""

from collections.abc import Sequence
from typing import TYPE_CHECKING, Annotated

import typer

from dispatcher import terminal
from dispatcher.commands.options import name_given, say, settings_of

if TYPE_CHECKING:
    from dispatcher.configuration.settings import Settings
    from dispatcher.database.connection import Connection
    from sql.rows.dispatchers import LostRun


def recover(
    context: typer.Context,
    forget_host: Annotated[
        str | None,
        typer.Option(
            help="Give up all runs of this host now. Use it only for a host that never comes back.",
            callback=name_given,
        ),
    ] = None,
    dry_run: Annotated[
        bool, typer.Option(help="List the runs that would be given up, but give up none.")
    ] = False,
) -> None:
    """Give up runs whose host does not come back. Their tasks are tried again elsewhere.

    A run is given up when `dispatcher.host_lost_after` (an hour, unless set) has passed both since its host was last
    heard and since its timeout was over. Dispatchers do that by themselves; use --forget-host when you know better.
    A host that only restarts needs neither.
    """
    from dispatcher.database.connection import connect

    settings = settings_of(context)
    with connect(settings) as connection:
        lost = recover_lost(connection, settings, forget_host=forget_host, dry_run=dry_run)
    for run in lost:
        typer.echo(
            f"{run.number}-{run.run_no}\t{terminal.one_line(run.host)}\taway for {round(run.away_s)} s"
        )
    say(f"{len(lost)} runs {'would be' if dry_run else 'were'} given up")


def recover_lost(
    connection: "Connection", settings: "Settings", *, forget_host: str | None = None, dry_run: bool = False
) -> "Sequence[LostRun]":
    """Give up the runs of lost hosts, or with ``forget_host`` all runs of that host. Their tasks are tried again.

    A run is lost when ``dispatcher.host_lost_after`` has passed since its host's last heartbeat and since its timeout.
    Its agents may still run there: then what they do happens twice. With ``dry_run`` nothing is changed.
    Raises :class:`NotFoundError` for an unknown host, :class:`WrongStateError` while its dispatcher is alive.
    """
    from dispatcher.database.connection import execute, translated
    from sql import dispatcher_calls

    after, timeout = settings.dispatcher.host_lost_after, settings.execution.timeout
    with translated():
        return execute(
            connection, dispatcher_calls.recover_lost(forget_host, after, timeout, dry_run=dry_run)
        )
