"""Our side of the shim: requests to start and signal agents, and its answers."""

import contextlib
import errno
import os
import signal
import socket
import sys
from collections.abc import Callable, Sequence, Set
from pathlib import Path
from types import TracebackType
from typing import Self

import structlog
import trio

import dispatcher
from dispatcher.host import linux, spawn, survivors
from dispatcher.host.auto_reset_event import AutoResetEvent
from dispatcher.host.threads import in_thread
from dispatcher.run.process.agent_process import NotWatchedError
from dispatcher.run.process.launch import Launch
from dispatcher.run.process.standstill import kill_shims_below, let_go_on
from dispatcher.shim import messages
from dispatcher.shim.messages import DESCRIPTOR
from dispatcher.workspaces.run_record import Reading, RunRecord

log = structlog.get_logger()

KILLED = "the process that watched over the agent was killed; no exit code is known"
PULSE = 2.0
"""Seconds between two questions whether the shim is at work, while it has agents of ours."""
PATIENCE = 5.0
"""Seconds in which it answers, also on a busy machine. After that it is helped, which harms no agent."""
_ROOT = Path(dispatcher.__file__).parents[1]


class ShimProcess:
    """An agent whose parent is the shim: an :class:`AgentProcess`.

    Its pid is its own until its parent has reaped it, and the shim alone signals it by its pid. We keep its run record
    open, and so locked, in case that its shim is killed.
    """

    pid = 0

    def __init__(self, shim: "Shim", run_id: str, record: RunRecord, *, contained: bool) -> None:
        self.run_id = run_id
        self.record = record
        self.is_sent = False
        self.is_orphan = False
        self.doubt = 0
        """The number of the sync after which a request without an answer was lost; 0 if none was."""
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
        self.record.close()

    @property
    def reading(self) -> Reading | None:
        if self.exit_code is None:
            return None
        return Reading("ended", pid=self.pid, exit_code=self.exit_code, contained=self._contained)

    async def end(self) -> int | None:
        """Return the exit code when it has ended; None when nobody watches it any more, and it may live on."""
        await self.ended.wait()
        return self.exit_code

    def signal_group(self, number: signal.Signals) -> None:
        if not self.ended.is_set() and (self.is_orphan or not self._shim.signal(self, number)):
            survivors.signal_group(self.pid, self.run_id, number)

    def reap(self) -> None:
        """Leave it to its parent."""

    def has_ended(self, exit_code: int | None) -> None:
        """Note its end; None if its exit code is not known, or not even whether it has ended."""
        self.exit_code = exit_code
        self.ended.set()
        self.answered.set()


class Shim:
    """A shim and the agents that it started for us. Their pids are looked up by run, and those of orphans by pid."""

    def __init__(self, name: str) -> None:
        """Start it; ``name`` is shown by ``ps``. Raises OSError."""
        self._line, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        self._name = name
        self._processes: dict[bytes, ShimProcess] = {}
        self._has_work = AutoResetEvent()
        self._syncs = 0
        self._sync_heard = 0
        self._heard = trio.Event()
        self._orphans: Set[int] = frozenset()
        self._waiting_for_room = trio.Lock()
        self._is_kept = True
        self._is_gone = False
        self._is_dismissed = False
        self._is_given_up = False
        self._watch = -1
        self.is_useful = False
        """Whether it has ever answered."""
        try:
            with theirs, Path(os.devnull).open("r+b") as nothing:
                # Nothing of site-packages, no secret, and no directory that an agent could fill with modules.
                argv = [sys.executable or "", "-S", "-P", "-m", "dispatcher.shim", name]
                env = {"PATH": os.environ.get("PATH", os.defpath), "PYTHONPATH": str(_ROOT)}
                streams = (theirs.fileno(), nothing.fileno(), nothing.fileno())
                self._keeper = spawn.spawn(*spawn.texts(argv, env), streams, cwd=b"/")
            self._watch = os.pidfd_open(self._keeper)
        except OSError:
            self._line.close()
            raise
        self._line.setblocking(False)

    async def start(self, what: Launch, record: RunRecord, run_id: str) -> ShimProcess | None:
        """Start an agent; its process takes the record. Return None if it may be started in another way.

        Raises :class:`NotWatchedError` if nobody knows whether it was started.
        """
        try:
            packet = packed(what, record, run_id)
        except OSError:
            return None
        if len(packet) > messages.LARGEST:
            return None
        process = ShimProcess(self, run_id, record, contained=what.group is not None)
        self._processes[run_id.encode()] = process
        self._has_work.set()
        try:
            rights = [(socket.SOL_SOCKET, socket.SCM_RIGHTS, DESCRIPTOR.pack(record.descriptor))]
            await self._send(packet, rights)
            process.is_sent = True
            await process.answered.wait()
        except (OSError, trio.ClosedResourceError):  # the shim is gone, and has not got it
            self.forget(process)
            return None
        except BaseException:
            self.forget(process)
            raise
        if process.pid:
            return process
        self.forget(process)
        # A shim that had read the request is dead, or finds the run withheld: so this is its last word.
        if process.ended.is_set() and record.read().state != "never_started":
            raise NotWatchedError("lost", KILLED)
        return None

    async def listen(self, on_keeper_gone: Callable[[], None]) -> bool:
        """Hear the answers until shim and keeper are gone; nobody sees the agents end that are left then.

        Return False if none was left: a shim that lost its keeper is dismissed when the last of them has ended.
        """
        try:
            async with trio.open_nursery() as nursery:
                nursery.start_soon(self._lose_keeper, on_keeper_gone)
                nursery.start_soon(self._keep_going, nursery.cancel_scope)
                await self._hear_all()
                self._is_gone = True
                nursery.cancel_scope.cancel()
        finally:
            self.close()
            for process in self._processes.values():
                if not self._is_gone:  # this failed, and a shim that lives may still read the request
                    process.record.withhold()
                process.has_ended(None)
        if self._is_kept and not self._is_given_up:
            os.kill(self._keeper, signal.SIGKILL)
            await in_thread(os.waitpid, self._keeper, 0)
        return not self._is_dismissed

    def signal(self, process: ShimProcess, number: signal.Signals) -> bool:
        """Have it signal the process group of an agent. Return whether it will."""
        try:
            self._line.send(b"\0".join((messages.SIGNAL, process.run_id.encode(), b"%d" % number)))
        except OSError:
            return False
        return True

    def forget(self, process: ShimProcess) -> None:
        self._processes.pop(process.run_id.encode(), None)
        self._dismiss_if_idle()

    def _dismiss_if_idle(self) -> None:
        """Let a shim end that has no keeper and no agent of ours: it starts nothing more, and would wait for ever."""
        if not self._is_kept and not self._processes and not self._is_dismissed and self._watch >= 0:
            self._is_dismissed = True
            with contextlib.suppress(OSError):  # it is gone already
                self._line.shutdown(socket.SHUT_WR)

    def close(self) -> None:
        """Leave it alone: it ends when its last agent has ended."""
        if self._watch >= 0:
            os.close(self._watch)
            self._watch = -1
            trio.lowlevel.notify_closing(self._line)
            self._line.close()

    async def _send(self, packet: bytes, rights: Sequence[tuple[int, int, bytes]] = ()) -> None:
        while True:
            try:
                self._line.sendmsg([packet], rights)
            except BlockingIOError:
                async with self._waiting_for_room:
                    if self._line.fileno() >= 0:
                        await trio.lowlevel.wait_writable(self._line)
            else:
                return

    async def _hear_all(self) -> None:
        while True:
            await trio.lowlevel.wait_readable(self._line)
            with contextlib.suppress(BlockingIOError):
                while True:
                    try:
                        answer = self._line.recv(messages.LARGEST)
                    except ConnectionResetError:
                        continue  # it died with requests unread: its last answers are still to be read
                    if not answer:
                        return
                    await self._hear(*answer.split(b"\0"))

    async def _hear(self, word: bytes, *fields: bytes) -> None:
        self.is_useful = True
        if word == messages.REPLACED:
            await self._go_on({int(pid) for pid in fields})
        elif word == messages.SYNCED:
            self._settle(int(fields[0]))
            self._sync_heard = max(self._sync_heard, int(fields[0]))
            self._heard.set()
        elif word == messages.ORPHAN:
            self._end_orphan(*map(int, fields))
        elif (process := self._processes.get(fields[0])) is not None:
            if word == messages.STARTED:
                process.pid = int(fields[1])
            elif word == messages.EXITED:
                process.has_ended(int(fields[1]))
            process.answered.set()

    async def _go_on(self, orphans: Set[int]) -> None:
        """Go on with another shim. These processes have lost theirs, and the keeper tells how they end."""
        log.warning("the shim was killed, and another one took its place")
        self._orphans = orphans
        for process in self._processes.values():
            if process.pid:
                process.is_orphan = process.pid in orphans
                if not process.is_orphan:  # the shim saw it end, and could not say so
                    process.has_ended(process.record.read().exit_code)
        await self._sync()

    async def _keep_going(self, listening: trio.CancelScope) -> None:
        """Help a shim that stands still, since its agents' ends, signals and starts wait for it.

        It is continued; if that does not help, killed, which its keeper makes good; and if the keeper stands still,
        too, both are given up: then shells start what waits.
        """
        while True:
            while not self._processes:
                await self._has_work.wait()
            await trio.sleep(PULSE)
            if await self._answers():
                continue
            log.warning("the shim stands still: it is told to go on")
            await in_thread(let_go_on, self._name)
            if await self._answers():
                continue
            log.warning("the shim stands still: it is killed, and another one takes its place")
            await in_thread(kill_shims_below, self._keeper, self._name)
            if await self._answers():
                continue
            log.error("neither the shim nor its keeper answers: they are given up")
            self._give_up()
            listening.cancel()
            return

    async def _answers(self) -> bool:
        """Return whether the shim answers in time. One that is gone is somebody else's business."""
        self._syncs += 1
        asked = self._syncs
        with trio.move_on_after(PATIENCE):
            try:
                await self._send(b"%s\0%d" % (messages.SYNC, asked))
            except (OSError, trio.ClosedResourceError):
                return True
            while self._sync_heard < asked:
                self._heard = trio.Event()
                await self._heard.wait()
            return True
        return False

    def _give_up(self) -> None:
        """Leave shim and keeper, which get SIGKILL, and see to it that they start nothing more."""
        self._is_gone = self._is_given_up = True
        for process in self._processes.values():
            if not process.answered.is_set():
                process.record.withhold()
        if self._is_kept:
            os.kill(self._keeper, signal.SIGKILL)

    async def _lose_keeper(self, on_keeper_gone: Callable[[], None]) -> None:
        await trio.lowlevel.wait_readable(self._watch)
        log.warning("the keeper of the shim was killed")
        self._is_kept = False
        self._reap_keeper()
        on_keeper_gone()
        await self._sync()
        self._dismiss_if_idle()

    def _reap_keeper(self) -> None:
        os.waitpid(self._keeper, 0)

    async def _sync(self) -> None:
        """Find out what is lost, once the shim has read the requests that wait, and we what the keeper has said."""
        self._syncs += 1
        for process in self._processes.values():
            if process.is_sent:
                process.doubt = self._syncs
        with contextlib.suppress(OSError):
            await self._send(b"%s\0%d" % (messages.SYNC, self._syncs))

    def _settle(self, sync: int) -> None:
        for process in self._processes.values():
            if not 0 < process.doubt <= sync or process.ended.is_set():
                continue
            process.doubt = 0
            if not process.answered.is_set():  # a shim had read the request when it was killed
                process.pid = _agent_among(self._orphans, process.run_id)
                process.is_orphan = process.pid > 0
                if process.is_orphan:
                    process.answered.set()
                else:
                    process.has_ended(None)
            if process.is_orphan and not self._is_kept:
                process.has_ended(None)

    def _end_orphan(self, pid: int, exit_code: int) -> None:
        for process in self._processes.values():
            if process.is_orphan and process.pid == pid:
                with contextlib.suppress(OSError):
                    process.record.note_exit(exit_code)
                process.has_ended(exit_code)
                return


def _agent_among(orphans: Set[int], run_id: str) -> int:
    """Return the pid of the first process of a run that leads a session; 0 if there is none."""
    found = []
    for pid in orphans:
        with contextlib.suppress(OSError):
            place = linux.place_of(pid)
            if place.session == pid and survivors.marks_of(pid).run == run_id:
                found.append((place.began, pid))
    return min(found)[1] if found else 0


def packed(what: Launch, record: RunRecord, run_id: str) -> bytes:
    """Return the request to start this. Raises OSError if the program cannot be given such words."""
    limit = "" if what.open_files is None else str(what.open_files)
    group = "" if what.group is None else str(what.group)
    places = map(str, (what.cwd, what.stdin, what.stdout, what.stderr))
    counts = (str(record.size), str(len(what.argv)))
    words = [
        messages.START.decode(),
        run_id,
        *counts,
        limit,
        group,
        *places,
        *what.argv,
        *map("=".join, what.env.items()),
    ]
    packet = os.fsencode("\0".join(words))
    if packet.count(b"\0") >= len(words):
        raise OSError(errno.EINVAL, "an argument or a variable holds NUL")
    return packet
