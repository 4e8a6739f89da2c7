"""What the database reports without being asked: new work, cancels, files between hosts, the echo of our heartbeats."""

import structlog
from psycopg import Notify

from dispatcher.database.listener import Connect, Listener
from dispatcher.database.store import Store
from dispatcher.hooks.service import Hooks
from dispatcher.loop.agenda import Agenda
from dispatcher.loop.cancels import Cancels
from dispatcher.workspaces.shared_files import SharedFiles

log = structlog.get_logger()

CHANNELS = ("task_ready", "task_cancel", "dispatcher_heartbeat", "hook_ready", "file_wanted", "file_sent")


class Notifications:
    """Passes notifications on, and replaces connections over which nothing comes any more.

    ``echo_due`` says that a heartbeat was sent whose notification has not come back yet.
    """

    def __init__(
        self,
        store: Store,
        connect: Connect,
        agenda: Agenda,
        cancels: Cancels,
        hooks: Hooks,
        shared_files: SharedFiles,
    ) -> None:
        self._store = store
        self._agenda = agenda
        self._cancels = cancels
        self._hooks = hooks
        self._shared_files = shared_files
        self._listener = Listener(connect, CHANNELS, self._look_at_everything, self._pass_on)
        self.echo_due = False
        store.on_silence = self._suspect_connections

    async def run(self) -> None:
        await self._listener.run()

    def replace_connections(self) -> None:
        """Replace all connections: what swallows the data of one may swallow that of all that are as old."""
        self._store.replace_connections()
        self._listener.replace()

    def _suspect_connections(self) -> None:
        log.warning("the database said nothing: all connections to it are replaced")
        self.replace_connections()

    def _look_at_everything(self) -> None:
        """Look for work, cancels and files on their way: while we did not listen, notifications were missed."""
        self.echo_due = False  # that of an earlier heartbeat does not come over this connection
        self._agenda.claim_now()
        self._cancels.note_all()
        self._hooks.wake()
        self._shared_files.look_again()

    def _pass_on(self, notification: Notify) -> None:
        match notification.channel:
            # What a claim of ours changed, that claim has seen.
            case "task_ready" if notification.pid != self._store.claiming_backend:
                self._agenda.claim_now()
            case "task_cancel":
                self._cancels.note([notification.payload])
            case "hook_ready":
                self._hooks.wake()
            case "file_wanted":
                self._shared_files.hear_wanted()
            case "file_sent":
                self._shared_files.hear_sent(notification.payload)
            case "dispatcher_heartbeat" if notification.payload == self._store.dispatcher_id:
                self.echo_due = False
