"""What all runs of a dispatcher share."""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass

import trio

from dispatcher.configuration.current import CurrentConfiguration
from dispatcher.database.store import Store
from dispatcher.database.transfers import Transfers
from dispatcher.run.output.output_store import OutputStore
from dispatcher.run.process.starter import Starter
from dispatcher.run.sweeping import Sweeper
from dispatcher.workspaces.large_files import LargeFiles
from dispatcher.workspaces.shared_files import SharedFiles
from sql.rows.dispatchers import Started


@dataclass(frozen=True, slots=True, kw_only=True)
class RunContext:
    """``output_store`` stores what agents print.

    ``transfers`` brings prompts, files and answers from and to the database. ``files`` is where large output files are
    kept, and ``shared_files`` brings those of other hosts. ``may_launch`` returns whether a new process may be started,
    and ``starter`` starts it.
    ``git`` bounds how many runs work with git at a time, so that threads are left for everything else.
    ``on_started`` is called for each agent that was started. ``open_files`` is the soft limit of an agent, None for
    the dispatcher's own.
    """

    configuration: CurrentConfiguration
    store: Store
    output_store: OutputStore
    transfers: Transfers
    files: LargeFiles
    shared_files: SharedFiles
    sweeper: Sweeper
    may_launch: Callable[[], Awaitable[bool]]
    starter: Starter
    git: trio.CapacityLimiter
    on_started: Callable[[Started], None]
    open_files: int | None
