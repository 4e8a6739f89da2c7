"""Other people's open transactions that hold up this dispatcher: who they are, and an end for those that idle."""

from collections.abc import Collection

import psycopg
import structlog

from dispatcher.configuration.current import CurrentConfiguration
from dispatcher.database.store import Store
from sql import dispatcher_calls
from sql.rows.dispatchers import Session

log = structlog.get_logger()


class Holders:
    """Names each holder once in the log.

    The functions that lock what reports need bound their transactions themselves (30 s of idling). What gets past that,
    such as SQL that somebody typed, is ended here after ``dispatcher.end_idle_after``, if our role may do that.
    """

    def __init__(self, store: Store, configuration: CurrentConfiguration) -> None:
        self._store = store
        self._configuration = configuration
        self._named: Collection[int] = ()

    async def look(self, runs: Collection[str]) -> None:
        """Look for whoever holds the tasks of these runs, or something that our claim waits for."""
        after = self._configuration.settings.dispatcher.end_idle_after
        try:
            pids = await self._store.call(
                dispatcher_calls.holders_of(self._store.dispatcher_id, runs, [self._store.claiming_backend])
            )
            sessions = await self._store.call(dispatcher_calls.end_idle_sessions(pids, after)) if pids else []
        except psycopg.DatabaseError as error:
            log.warning("nobody knows who holds up reports", error=str(error).strip())
            return
        for session in sessions:
            self._tell(session)
        self._named = pids

    def _tell(self, session: Session) -> None:
        told = {"who": session.who, "pid": session.pid, "in_transaction_s": session.in_transaction_s}
        if session.ended:
            log.warning("ended the session of an idle transaction that held up reports", **told)
        elif session.pid not in self._named:
            log.warning("somebody's open transaction holds up reports", state=session.state, **told)
