"""What an earlier dispatcher left of a run: how far it got, its shell if that is alive, when it began, its secrets.

The agent can write to the run record. What the record says about a process counts only if that process proves it.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import structlog
import trio

from dispatcher.configuration.secret_references import why_secret
from dispatcher.host import linux, survivors
from dispatcher.host.host_trouble import HOST_TROUBLE, TASK_PAUSE
from dispatcher.host.own_environment import GIVEN
from dispatcher.host.survivors import Marks
from dispatcher.run.preparation import environment
from dispatcher.run.preparation.environment import SecretError
from dispatcher.run.process.held_process import HeldProcess
from dispatcher.workspaces import run_record
from dispatcher.workspaces.run_record import Header, Reading
from sql.rows.dispatchers import ClaimedRun, OpenRun
from wrappers.base import Ending, Event, Outcome, Parser, Wrapper

log = structlog.get_logger()


async def find_process(directory: Path, marks: Marks) -> tuple[Reading, HeldProcess | None]:
    """Read how far the run got, and hold its shell if that is alive.

    Waits for a shell that is starting, and for room on the host to look. A run counts as dead if its record was
    replaced by something else, or names a process of somebody else.
    """
    while True:
        try:
            reading = await run_record.read_settled(directory)
            if reading.state != "alive":
                return reading, None
            for pid in reading.pids:
                if (process := HeldProcess.adopt(directory, pid, marks)) is not None:
                    return reading, process
            reading = run_record.read(directory)
        except OSError as error:
            if error.errno not in HOST_TROUBLE:
                return Reading("dead"), None
            log.warning("cannot look at a run", run=marks.run, error=str(error))
            await trio.sleep(TASK_PAUSE)
            continue
        if reading.state != "alive":
            return reading, None  # it has ended since the first look
        log.warning("a run record names no process of its run", run=marks.run, pids=reading.pids)
        return Reading("dead", reading.header, stop_reason=reading.stop_reason), None


def start_time(known: OpenRun, now: float, header: Header | None, process: HeldProcess | None) -> float:
    """Return when an adopted run began, in seconds since boot as ``now`` is: its timeout counts from there.

    The database knows it, or else the kernel. The agent could write any time into the run record, so the record
    counts only if the agent has ended.
    """
    if known.started:
        return now - known.ran_s
    if process is not None:
        return process.began
    if header is not None and header.boot_id == linux.boot_id() and 0 <= header.launched <= now:
        return header.launched
    return now


def secrets_of(claimed: ClaimedRun, shell: int | None) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """Return the secrets that an adopted run was given, and the keys among them.

    They are read from the environment of its ``shell``, while that is alive, and from where the references lead now.
    Once the shell has ended, a secret that was replaced or removed since the start is not found. Raises OSError when
    this host has no room to look.
    """
    given = linux.environment_of(shell) if shell is not None else {}
    if given.get(survivors.RUN) != claimed.run_id:
        given = {}  # the shell has ended, and another process has its number
    secrets = {*environment.passwords_among(given or GIVEN).items()}
    for name, reference in claimed.env.items():
        found = {given.get(name)}
        try:
            found.add(environment.resolve(name, reference))
        except SecretError as error:
            log.warning(
                "a secret of an adopted run is no longer known", task=claimed.number, error=str(error)
            )
        secrets |= {(name, value) for value in found if value and value != reference}
    # A variable that its group no longer names is judged by its name and value.
    ours = {*environment.INHERITED, *environment.TEMPORARY, survivors.RUN, survivors.OWNER}
    forgotten = given.keys() - claimed.env.keys() - ours
    secrets |= {(name, given[name]) for name in forgotten if why_secret(name, given[name])}
    return tuple({value for _, value in secrets}), environment.keys_among(secrets)


def forgotten_tool(name: str) -> Wrapper:
    """Make a wrapper for a tool that was removed from the configuration while its agents ran.

    An adopted agent is watched to its end and can be stopped, but its output is not understood.
    """
    return Wrapper(
        name=name, program=name, install_hint="", arguments=lambda _: (), parser=lambda: _Unreadable(name)
    )


@dataclass
class _Unreadable(Parser):
    name: str

    def feed_stdout(self, chunk: bytes) -> Sequence[Event]:  # noqa: ARG002
        return ()

    def finish(self, ending: Ending) -> Outcome:  # noqa: ARG002
        return Outcome(
            error_class="agent_error",
            error_message=f"the agent ran, but its answer could not be read: {self.name} is no longer described "
            "under tools: in the configuration",
        )
