"""Starting an agent that does not need the dispatcher to go on: files instead of pipes, and its own session."""

import contextlib
import os
import signal
import subprocess
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from dispatcher.host import spawn
from dispatcher.workspaces.run_record import RunRecord

# The shell itself opens the files and changes the directory: on a dead network mount it hangs, and the dispatcher
# does not. It traps signals, so that it survives a signal to the group and can write the exit code. Unlike ignored
# signals, trapped ones have their default action again in the agent. The shell's own complaints go to the run record.
# Unless the shell was born in its control group ($1 is "in"), it joins that before it starts anything. The limit of
# open files was raised for the dispatcher only, so the shell lowers it again.
SCRIPT = """\
trap : HUP INT QUIT TERM
[ -n "$1" ] && { [ "$1" = in ] || echo $$ >"$1"; } 2>/dev/null && echo contained
[ -n "$2" ] && ulimit -S -n "$2"
echo "started $$"
cd "$3" && stdin=$4 stdout=$5 stderr=$6 && shift 6 && "$@" <"$stdin" >>"$stdout" 2>>"$stderr"
code=$?
echo "exit $code"
exit $code
"""

# The shell becomes the agent, so that the pid is the agent's. What feeds it is no child of the agent, since an agent
# may wait for all of its children. It ends at the latest when nobody can read any more, or when the run is swept. A
# named pipe, since a shell has no other one whose reader is the shell itself.
FEEDING = """\
command -v cat >/dev/null || { echo "$0: cat: not found, which a pipe as standard input needs" >&2; exit 127; }
pipe=$1 && shift
{ (exec cat <&3 3<&- >"$pipe" 2>/dev/null &) } 3<&0
exec "$@" <"$pipe"
"""

SHELL_NAME = "llmctl-run"
"""The name of the shell in its complaints and in ``ps``."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Launch:
    """Everything that the shell needs; all paths are absolute.

    ``group`` is the control group to join, ``open_files`` the soft limit that the agent gets; None leaves it.
    """

    argv: Sequence[str]
    cwd: Path
    stdin: Path
    stdout: Path
    stderr: Path
    env: Mapping[str, str]
    group: Path | None = None
    open_files: int | None = None


def fed(argv: Sequence[str], pipe: Path) -> Sequence[str]:
    """Return the arguments of a process that becomes ``argv`` with a named pipe as standard input.

    What its own standard input holds comes out of the pipe, and then the end of file. No dispatcher needs to be there.
    """
    return ("/bin/sh", "-c", FEEDING, SHELL_NAME, str(pipe), *argv)


class Child(Protocol):
    """A started shell; as with subprocess, a negative exit code is the signal that ended it."""

    pid: int

    def wait(self) -> int: ...

    def kill(self) -> None: ...


class _Spawned:
    def __init__(self, pid: int) -> None:
        self.pid = pid

    def wait(self) -> int:
        _, status = os.waitpid(self.pid, 0)
        return os.waitstatus_to_exitcode(status)

    def kill(self) -> None:
        os.kill(self.pid, signal.SIGKILL)


def launch(what: Launch, record: RunRecord) -> Child:
    """Start the shell that runs the agent; it leads a session and a process group of its own.

    Waits until the shell is executed (0.3 to 0.7 ms), so call it in a thread. Raises OSError when no process can be
    made.
    """
    if what.group is not None and spawn.can_spawn(into_group=True):
        argv, env = spawn.texts(_argv(what, "in"), what.env)
        # If the kernel or a sandbox forbids this, the shell joins the group itself.
        with contextlib.suppress(OSError):
            group = os.open(what.group, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
            try:
                return _Spawned(spawn.spawn(argv, env, [record.descriptor] * 3, group=group))
            finally:
                os.close(group)
    return subprocess.Popen(
        _argv(what, f"{what.group}/cgroup.procs" if what.group else ""),
        stdin=record.descriptor,
        stdout=record.descriptor,
        stderr=record.descriptor,
        start_new_session=True,
        env=dict(what.env),
    )


def _argv(what: Launch, group: str) -> list[str]:
    places = map(str, (what.open_files or "", what.cwd, what.stdin, what.stdout, what.stderr))
    return ["/bin/sh", "-c", SCRIPT, SHELL_NAME, group, *places, *what.argv]
