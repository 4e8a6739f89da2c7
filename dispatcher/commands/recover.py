"""Giving up runs whose host does not come back; never because of a lease alone, for agents outlive dispatchers."""

from collections.abc import Sequence

from dispatcher.configuration.settings import Settings
from dispatcher.database.connection import Connection, execute, translated
from sql import calls
from sql.rows import LostRun


def recover_lost(
    connection: Connection, settings: Settings, *, forget_host: str | None = None, dry_run: bool = False
) -> Sequence[LostRun]:
    """Give up the open runs of hosts that are lost, or all of ``forget_host``; their tasks are tried again.

    A host is lost when ``dispatcher.host_lost_after`` has passed since its last word and since its runs had to end.
    Its agents may still run there: then what they do happens twice. With ``dry_run`` nothing is changed.
    Raises :class:`NotFoundError` for an unknown host, :class:`WrongStateError` while its dispatcher is alive.
    """
    after, timeout = settings.dispatcher.host_lost_after, settings.execution.timeout
    with translated():
        return execute(connection, calls.recover_lost(forget_host, after, timeout, dry_run=dry_run))
