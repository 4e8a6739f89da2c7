"""What an earlier dispatcher left of a run: how far it got, the shell if that lives, and since when.

The run record is within reach of the agent. What it says of a process counts only if that process proves it.
"""

from pathlib import Path

import structlog
import trio

from dispatcher.host import linux
from dispatcher.host.host_trouble import HOST_TROUBLE, TASK_PAUSE
from dispatcher.host.survivors import Marks
from dispatcher.run.agent_process import AgentProcess
from dispatcher.workspaces import run_record
from dispatcher.workspaces.run_record import Header, Reading
from sql.dispatcher_rows import OpenRun

log = structlog.get_logger()


async def find_process(directory: Path, marks: Marks) -> tuple[Reading, AgentProcess | None]:
    """Read how far the run got, and hold its shell if that is alive.

    Waits for a shell that is starting, and for room on the host to look. A record that was replaced by something else,
    or that names a process which is not of the run, is nobody's word any more: the run is dead then.
    """
    while True:
        try:
            reading = await run_record.read_settled(directory)
            if reading.state != "alive" or reading.pid is None:
                return reading, None
            process = AgentProcess.adopt(directory, reading.pid, marks)
            if process is not None:
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
        log.warning("a run record names a process that is not of its run", run=marks.run, pid=reading.pid)
        return Reading("dead", reading.header, stop_reason=reading.stop_reason), None


def began(known: OpenRun, now: float, header: Header | None, process: AgentProcess | None) -> float:
    """Say when a run began that is adopted ``now``, in seconds since boot: its timeout counts from there.

    By the database, or while that was not told by the kernel. The agent could write any time into its record, so that
    counts only for what has ended meanwhile.
    """
    if known.started:
        return now - known.ran_s
    if process is not None:
        return process.began
    if header is not None and header.boot_id == linux.boot_id() and 0 <= header.launched <= now:
        return header.launched
    return now
