"""Giving up runs whose host does not come back; never because of a lease alone, for agents outlive dispatchers."""

from collections.abc import Sequence
from dataclasses import dataclass

from dispatcher.configuration.settings import Settings
from dispatcher.database.connection import Connection, translated


@dataclass(frozen=True, slots=True)
class LostRun:
    """A run that was given up; ``away_s`` is how long its dispatcher had not been heard of."""

    number: int
    run_no: int
    host: str
    away_s: float


def recover_lost(
    connection: Connection, settings: Settings, *, forget_host: str | None = None, dry_run: bool = False
) -> Sequence[LostRun]:
    """Give up the open runs of hosts that are lost, or with ``forget_host`` all of that one; tasks are tried again.

    A host is lost when ``dispatcher.host_lost_after`` has passed since its last word and since its runs had to end.
    Its agents may run on there nevertheless: what they do happens twice then. With ``dry_run`` nothing is changed.
    Raises :class:`NotFoundError` for an unknown host, :class:`WrongStateError` while its dispatcher is alive.
    """
    with translated():
        rows = connection.execute(
            "SELECT number, run_no, host, away_s FROM recover_lost(%s, %s, %s, %s)",
            [forget_host, settings.dispatcher.host_lost_after, settings.execution.timeout, dry_run],
        ).fetchall()
    return [LostRun(*row) for row in rows]
