"""The SQL functions that only a dispatcher calls, one Python function for each; as in calls otherwise.

Those that take a dispatcher's id raise SQLSTATE ``LD410`` when that dispatcher was closed.
"""

from collections.abc import Callable, Collection, Mapping, Sequence
from typing import TypeVar
from uuid import UUID

import msgspec

from sql.call import NOTHING, Call, Reading, Rows, as_array, as_json, given, many, one, value
from sql.rows.changes import Change, CommandKind
from sql.rows.dispatchers import (
    Claim,
    Heartbeat,
    InputFile,
    LostRun,
    OpenRun,
    Output,
    PrunedOutput,
    Report,
    ServedGroup,
    Session,
    Started,
    UnreadableRun,
    UnrecordedRun,
    WantedFile,
    read_claim,
    read_open_runs,
)

Result = TypeVar("Result")


def register_dispatcher(
    host: str,
    boot_id: str,
    pid: int,
    version: str,
    work_dir_id: str,
    lease_s: float,
    groups: Sequence[str] | None = None,
    work_dir: str | None = None,
) -> Call[str]:
    """Tell the database that a dispatcher started; returns its id. Without ``groups`` it serves all of them."""
    return Call(
        "register_dispatcher",
        {
            "host": host,
            "boot_id": boot_id,
            "pid": pid,
            "version": version,
            "work_dir_id": work_dir_id,
            "lease_s": lease_s,
            **given(groups=as_array(groups), work_dir=work_dir),
        },
        value(str, "text"),
    )


def heartbeat(dispatcher: str) -> Call[Heartbeat]:
    """Extend the lease."""
    reading = Reading("SELECT cancel_requested::text[], next_deadline_s FROM {}", one(Heartbeat).read)
    return Call("heartbeat", {"dispatcher": dispatcher}, reading)


def close_groups(
    dispatcher: str, reasons: Mapping[str, str], refuses: Sequence[str] | None = None
) -> Call[list[ServedGroup]]:
    """Say which groups we cannot run, and why; the others are open. Returns those that we serve.

    ``refuses`` are the rights that we grant to no task: ``commands``, ``full``.
    """
    arguments = {"dispatcher": dispatcher, "reasons": as_json(reasons), **given(refuses=as_array(refuses))}
    return Call("close_groups", arguments, many(ServedGroup))


def drain_dispatcher(dispatcher: str) -> Call[None]:
    """Say that we start nothing more and will end."""
    return Call("drain_dispatcher", {"dispatcher": dispatcher}, NOTHING)


def close_dispatcher(dispatcher: str) -> Call[None]:
    return Call("close_dispatcher", {"dispatcher": dispatcher}, NOTHING)


def has_work(dispatcher: str) -> Call[bool]:
    return Call("has_work", {"dispatcher": dispatcher}, value(bool))


def adopt_runs(dispatcher: str) -> Call[list[OpenRun | UnreadableRun]]:
    """Take over the open runs of all who held our work directory before; returns the first of them."""
    return Call("adopt_runs", {"dispatcher": dispatcher}, _document(read_open_runs))


def open_runs(dispatcher: str, after: int | None = None) -> Call[list[OpenRun | UnreadableRun]]:
    """List some 256 KiB of our open runs, of tasks with a number above ``after``; nothing when there are no more."""
    return Call("open_runs", {"dispatcher": dispatcher, **given(after=after)}, _document(read_open_runs))


def report_and_claim(dispatcher: str, reports: Sequence[Report], max_tasks: int | None = None) -> Call[Claim]:
    """Report ends, and claim into the slots that are free then, in one transaction unless they are shared."""
    arguments = {"dispatcher": dispatcher, "reports": as_json(reports), **given(max_tasks=max_tasks)}
    return Call("report_and_claim", arguments, _document(read_claim))


def finish_runs(dispatcher: str, reports: Sequence[Report]) -> Call[dict[str, str]]:
    """Report ends; returns the verdict on each run: finished, already, stale, or held (report it again)."""
    arguments = {"dispatcher": dispatcher, "reports": as_json(reports)}
    return Call("finish_runs", arguments, Reading("SELECT run_id::text, verdict FROM {}", _verdicts))


def start_runs(dispatcher: str, started: Sequence[Started]) -> Call[list[str]]:
    """Report that agents were started; returns the runs that are ours and running now.

    Runs that are not ours any more are left alone, as are those whose task somebody holds: report these again.
    """
    return Call(
        "start_runs", {"dispatcher": dispatcher, "started": as_json(started)}, value(list[str], "text[]")
    )


def holders_of(dispatcher: str, runs: Collection[str], backends: Sequence[int]) -> Call[list[int]]:
    """Return the server processes that hold the tasks of these runs, or for which these server processes wait."""
    arguments = {"dispatcher": dispatcher, "runs": [UUID(run) for run in runs], "backends": list(backends)}
    return Call("holders_of", arguments, value(list[int]))


def end_idle_sessions(pids: Sequence[int], after_s: float | None = None) -> Call[list[Session]]:
    """Say whose server processes these are, and end those that have idled in their transaction for so long."""
    return Call("end_idle_sessions", {"pids": list(pids), **given(after_s=after_s)}, many(Session))


def append_output(dispatcher: str, outputs: Sequence[Output]) -> Call[dict[str, tuple[int, int]]]:
    """Store output; returns how much of stdout and stderr is stored now of each run that is still ours.

    A chunk that does not begin where the stored output ends is left out, so anything may be repeated.
    """
    arguments = {"dispatcher": dispatcher, "outputs": as_json(outputs)}
    reading = Reading("SELECT run_id::text, stdout_stored, stderr_stored FROM {}", _stored)
    return Call("append_output", arguments, reading)


def input_files_of(task: str, most: int | None = None) -> Call[list[InputFile]]:
    """List the input files, the smallest ones with their content: up to so many bytes in all."""
    return Call("input_files_of", {"task": task, **given(most=most)}, many(InputFile), binary=True)


def read_input(dispatcher: str, run: str, path: str, start: int, length: int) -> Call[bytes]:
    """Read a piece of an input file; it is shorter than ``length`` at the end of the file."""
    arguments = {"dispatcher": dispatcher, "run": run, "path": path, "from": start, "length": length}
    return Call("read_input", arguments, value(bytes), binary=True)


def read_prompt(dispatcher: str, run: str, start: int, length: int) -> Call[bytes]:
    """Read a piece of a prompt in UTF-8; it is shorter than ``length`` at the end of the prompt."""
    arguments = {"dispatcher": dispatcher, "run": run, "from": start, "length": length}
    return Call("read_prompt", arguments, value(bytes), binary=True)


def want_file(dispatcher: str, run: str, path: str, start: int) -> Call[None]:
    """Ask for an input file that is on the disk of another host, from a byte on."""
    return Call("want_file", {"dispatcher": dispatcher, "run": run, "path": path, "from": start}, NOTHING)


def take_wanted(dispatcher: str, run: str, path: str, start: int, length: int) -> Call[bytes]:
    """Take what was sent of a file from a byte on; empty when nothing was. All before that byte is deleted.

    Raises SQLSTATE ``LD413`` when the file is to be asked for again, ``LD424`` when its host does not have it any more.
    """
    arguments = {"dispatcher": dispatcher, "run": run, "path": path, "from": start, "length": length}
    return Call("take_wanted", arguments, value(bytes), binary=True)


def wanted_files() -> Call[list[WantedFile]]:
    """List the files that runs wait for."""
    return Call("wanted_files", {}, many(WantedFile))


def send_wanted(dispatcher: str, run: str, path: str, starts_at: int, content: bytes) -> Call[None]:
    """Send a piece, if it is the next one of a file that somebody waits for."""
    arguments = {
        "dispatcher": dispatcher,
        "run": run,
        "path": path,
        "starts_at": starts_at,
        "content": content,
    }
    return Call("send_wanted", arguments, NOTHING)


def refuse_wanted(dispatcher: str, run: str, path: str, problem: str) -> Call[None]:
    """Say why we cannot send a file that we had."""
    return Call(
        "refuse_wanted", {"dispatcher": dispatcher, "run": run, "path": path, "problem": problem}, NOTHING
    )


def note_base(dispatcher: str, run: str, source: str, base_commit: str) -> Call[bool]:
    """Say where we found the repository of a run, and the commit to begin with; returns whether the run is ours."""
    arguments = {"dispatcher": dispatcher, "run": run, "source": source, "base_commit": base_commit}
    return Call("note_base", arguments, value(bool))


def keep_change(dispatcher: str, run: str, change: Change) -> Call[bool]:
    """Store what was recorded of a run after its end; returns whether it ended and ran in our work directory."""
    arguments = {"dispatcher": dispatcher, "run": run, "change": as_json(change)}
    return Call("keep_change", arguments, value(bool))


def unrecorded_runs(dispatcher: str, directories: Sequence[str]) -> Call[list[UnrecordedRun]]:
    """Return of the runs to which these workspaces belong those that ended and of which nothing is recorded."""
    arguments = {"dispatcher": dispatcher, "directories": as_array(directories)}
    return Call("unrecorded_runs", arguments, many(UnrecordedRun))


def store_command_output(
    dispatcher: str, run: str, stream: CommandKind, starts_at: int, content: bytes
) -> Call[bool]:
    """Store what the setup or the check of a run printed, from a position on; returns whether the run is ours.

    What is stored already is left out, so anything may be repeated. Raises SQLSTATE ``LD413`` when there is a gap.
    """
    return Call(
        "store_command_output",
        {
            "dispatcher": dispatcher,
            "run": run,
            "stream": stream,
            "starts_at": starts_at,
            "content": content,
        },
        value(bool),
    )


def store_output(
    dispatcher: str,
    run: str,
    path: str,
    *,
    content: bytes | None,
    storage_url: str | None,
    size_bytes: int,
    sha256: str,
    mode: int,
) -> Call[None]:
    """Store an output file: its content, or the URL of the copy that we keep."""
    return Call(
        "store_output",
        {
            "dispatcher": dispatcher,
            "run": run,
            "path": path,
            "content": content,
            "storage_url": storage_url,
            "size_bytes": size_bytes,
            "sha256": sha256,
            "mode": mode,
        },
        NOTHING,
    )


def store_piece(
    dispatcher: str, run: str, name: str, starts_at: int, content: bytes, total: int
) -> Call[None]:
    """Store a piece of an output file, or under the name "" of the run's answer; in order, or once more."""
    return Call(
        "store_piece",
        {
            "dispatcher": dispatcher,
            "run": run,
            "name": name,
            "starts_at": starts_at,
            "content": content,
            "total": total,
        },
        NOTHING,
    )


def keep_pieces(
    dispatcher: str, run: str, path: str, *, size_bytes: int, sha256: str, mode: int
) -> Call[None]:
    """Make an output file of its pieces. Raises SQLSTATE ``LD413`` when one of them is missing."""
    return Call(
        "keep_pieces",
        {
            "dispatcher": dispatcher,
            "run": run,
            "path": path,
            "size_bytes": size_bytes,
            "sha256": sha256,
            "mode": mode,
        },
        NOTHING,
    )


def settled_runs(runs: Sequence[str]) -> Call[list[str]]:
    """Return those of the runs that have ended with their results stored; a lost one has none."""
    return Call("settled_runs", {"runs": [UUID(run) for run in runs]}, value(list[str], "text[]"))


def unreferenced_files(digests: Sequence[str]) -> Call[list[str]]:
    """Return those of the SHA-256s that no file kept outside the database has."""
    return Call("unreferenced_files", {"digests": as_array(digests)}, value(list[str]))


def prune_output(older_than_s: float, most: int | None = None) -> Call[PrunedOutput]:
    """Delete what agents printed for some tasks that ended so many seconds ago."""
    return Call("prune_output", {"older_than_s": older_than_s, **given(most=most)}, one(PrunedOutput))


def prune_lanes(most: int | None = None) -> Call[int]:
    """Remove up to ``most`` lanes without tasks, and what belonged to them; returns how many there were."""
    return Call("prune_lanes", given(most=most), value(int))


def prune_sessions(most: int | None = None) -> Call[int]:
    """Delete up to ``most`` logins of browsers that have ended; returns how many there were."""
    return Call("prune_sessions", given(most=most), value(int))


def _document(read: Callable[[str], Result]) -> Reading[Result]:
    """Select JSON as text, which is decoded once and into structs, not by the driver."""
    return Reading("SELECT {}::text", lambda rows: read(str(rows[0][0])))


def _verdicts(rows: Rows) -> dict[str, str]:
    return {str(run): str(verdict) for run, verdict in rows}


def _stored(rows: Rows) -> dict[str, tuple[int, int]]:
    return msgspec.convert({run: sizes for run, *sizes in rows}, dict[str, tuple[int, int]])


def recover_lost(
    host: str | None = None,
    host_lost_after_s: float | None = None,
    default_timeout_s: float | None = None,
    *,
    dry_run: bool | None = None,
) -> Call[list[LostRun]]:
    """Give up the open runs of hosts that are lost, or all of one host; with ``dry_run`` only return them."""
    arguments = given(
        host=host,
        host_lost_after_s=host_lost_after_s,
        default_timeout_s=default_timeout_s,
        dry_run=dry_run,
    )
    return Call("recover_lost", arguments, many(LostRun))


def seconds_until_lost(host_lost_after_s: float, default_timeout_s: float) -> Call[float]:
    """Return in how many seconds :func:`recover_lost` gives up the next run, unless its dispatcher is heard."""
    arguments = {"host_lost_after_s": host_lost_after_s, "default_timeout_s": default_timeout_s}
    return Call("seconds_until_lost", arguments, value(float))
