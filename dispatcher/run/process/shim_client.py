"""Our side of the shim: requests to start and signal agents, and its answers."""

import array
import contextlib
import os
import signal
import socket
import sys
from pathlib import Path
from types import TracebackType
from typing import Self

import structlog
import trio

import dispatcher
from dispatcher.host import spawn, survivors
from dispatcher.host.threads import in_thread
from dispatcher.run.process.agent_process import NotWatchedError
from dispatcher.run.process.launch import Launch
from dispatcher.shim import messages
from dispatcher.workspaces.run_record import Reading, RunRecord

log = structlog.get_logger()

KILLED = "the process that watched over the agent was killed; no exit code is known"
_ROOT = Path(dispatcher.__file__).parents[1]


class ShimProcess:
    """An agent whose parent is the shim: an :class:`AgentProcess`.

    Its pid is its own until the shim has reaped it, and the shim alone signals it by its pid.
    """

    pid = 0

    def __init__(self, shim: "Shim", run_id: str, *, contained: bool) -> None:
        self.run_id = run_id
        self.exit_code: int | None = None
        self.answered = trio.Event()
        self.ended = trio.Event()
        self._shim = shim
        self._contained = contained

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._shim.forget(self)

    @property
    def reading(self) -> Reading | None:
        if self.exit_code is None:
            return None
        return Reading("ended", pid=self.pid, exit_code=self.exit_code, contained=self._contained)

    async def end(self) -> int | None:
        """Return the exit code when it has ended; None when the shim was killed, and the agent may live on."""
        await self.ended.wait()
        return self.exit_code

    def signal_group(self, number: signal.Signals) -> None:
        if not self.ended.is_set() and not self._shim.signal(self, number):
            survivors.signal_group(self.pid, self.run_id, number)

    def reap(self) -> None:
        """Leave it to the shim."""


class Shim:
    """A shim and the agents that it started for us. Its death is not theirs, but nobody sees them end then."""

    def __init__(self, name: str) -> None:
        """Start it; ``name`` is shown by ``ps``. Raises OSError."""
        self._line, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        self._processes: dict[bytes, ShimProcess] = {}
        self.is_useful = False
        """Whether it has ever answered."""
        try:
            with theirs, Path(os.devnull).open("r+b") as nothing:
                # Nothing of site-packages, no secret, and no directory that an agent could fill with modules.
                argv = [sys.executable, "-S", "-P", "-m", "dispatcher.shim", name]
                env = {"PATH": os.environ.get("PATH", os.defpath), "PYTHONPATH": str(_ROOT)}
                streams = (theirs.fileno(), nothing.fileno(), nothing.fileno())
                self._pid = spawn.spawn(*spawn.texts(argv, env), streams, cwd=b"/")
        except OSError:
            self._line.close()
            raise
        self._line.setblocking(False)

    async def start(self, what: Launch, record: RunRecord, run_id: str) -> ShimProcess | None:
        """Start an agent. Return None if it was not started, and may be started in another way.

        Raises :class:`NotWatchedError` if the shim died meanwhile.
        """
        packet = _packed(what, record, run_id)
        if packet is None:
            return None
        process = ShimProcess(self, run_id, contained=what.group is not None)
        self._processes[run_id.encode()] = process
        try:
            await self._send(packet, record.descriptor)
            await process.answered.wait()
        except OSError:
            self.forget(process)
            return None
        except trio.Cancelled:
            self.forget(process)
            raise
        if process.pid:
            return process
        if process.ended.is_set() and record.may_have_begun():
            raise NotWatchedError("lost", KILLED)
        return None

    async def listen(self) -> None:
        """Hear its answers until it has died."""
        while True:
            await trio.lowlevel.wait_readable(self._line)
            with contextlib.suppress(BlockingIOError):
                while True:
                    try:
                        answer = self._line.recv(messages.LARGEST)
                    except ConnectionResetError:
                        continue  # it died with requests unread: its last answers are still to be read
                    if not answer:
                        await self._died()
                        return
                    self._hear(*answer.split(b"\0"))

    def signal(self, process: ShimProcess, number: signal.Signals) -> bool:
        """Have it signal the process group of an agent. Return whether it will."""
        try:
            self._line.send(b"\0".join((messages.SIGNAL, process.run_id.encode(), b"%d" % number)))
        except OSError:
            return False
        return True

    def forget(self, process: ShimProcess) -> None:
        self._processes.pop(process.run_id.encode(), None)

    def close(self) -> None:
        """Leave it alone: it ends when its last agent has ended."""
        self._line.close()

    async def _send(self, packet: bytes, record: int) -> None:
        rights = [(socket.SOL_SOCKET, socket.SCM_RIGHTS, array.array("i", [record]))]
        while True:
            try:
                self._line.sendmsg([packet], rights)
            except BlockingIOError:
                await trio.lowlevel.wait_writable(self._line)
            else:
                return

    def _hear(self, word: bytes, run_id: bytes, number: bytes) -> None:
        self.is_useful = True
        process = self._processes.get(run_id)
        if process is None:
            return
        if word == messages.STARTED:
            process.pid = int(number)
        elif word == messages.EXITED:
            process.exit_code = int(number)
            process.ended.set()
        process.answered.set()

    async def _died(self) -> None:
        self._line.close()
        for process in self._processes.values():
            process.ended.set()
            process.answered.set()
        os.kill(self._pid, signal.SIGKILL)
        await in_thread(os.waitpid, self._pid, 0)


def _packed(what: Launch, record: RunRecord, run_id: str) -> bytes | None:
    """Return the request to start this, None if it is too large for one."""
    argv, env = spawn.texts(what.argv, what.env)
    start = messages.Start(
        run_id=run_id.encode(),
        recorded=record.size,
        open_files=b"" if what.open_files is None else b"%d" % what.open_files,
        group=b"" if what.group is None else os.fsencode(what.group),
        cwd=os.fsencode(what.cwd),
        stdin=os.fsencode(what.stdin),
        stdout=os.fsencode(what.stdout),
        stderr=os.fsencode(what.stderr),
        argv=argv,
        env=env,
    )
    packet = start.packed()
    return packet if len(packet) <= messages.LARGEST else None
