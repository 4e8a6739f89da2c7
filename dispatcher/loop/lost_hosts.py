"""Giving up the runs of hosts that do not come back."""

import structlog
import trio

from dispatcher.configuration.current import CurrentConfiguration
from dispatcher.database.store import Store
from sql import calls

log = structlog.get_logger()


async def give_up_lost_hosts(store: Store, configuration: CurrentConfiguration, adopted: trio.Event) -> None:
    """Look once at the start, and then once in the time after which a host counts as lost: one statement an hour.

    What our own predecessor left is not lost, however long ago that was: those runs are ``adopted`` first.
    """
    await adopted.wait()
    while True:
        settings = configuration.settings
        after, timeout = settings.dispatcher.host_lost_after, settings.execution.timeout
        lost = await store.patiently("giving up lost hosts", calls.recover_lost(None, after, timeout))
        if lost:
            log.warning("gave up runs of hosts that did not come back", tasks=[run.number for run in lost])
        await trio.sleep(after)
