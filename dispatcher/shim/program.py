"""The shim's program: starts agents on request, waits for them, and writes how they ended into their run records.

It is the parent of all agents that its dispatcher starts, so that none of them needs a process of ours for itself, and
it goes on until the last of them has ended when the dispatcher is gone. Whatever it needs is imported at its start: an
upgrade may replace the files.

An agent can kill its parent, and so can the kernel for want of memory. So the shim has a parent of its own, the keeper,
which begins another shim then. It becomes the parent of the orphaned agents, and tells the dispatcher how they end.

The lock of a run record belongs to the open file description. It travels with the request to start the run. So there
is no moment at which it is free between the dispatcher's hands and ours, also while the request waits to be read.
"""

import contextlib
import errno
import gc
import os
import resource
import select
import signal
import socket
from collections import deque
from collections.abc import Iterator
from pathlib import Path

from dispatcher.host import spawn
from dispatcher.shim import messages
from dispatcher.shim.messages import DESCRIPTOR, Start

NAME = b"llmctl-shim"
_SURVIVED = (signal.SIGHUP, signal.SIGINT, signal.SIGQUIT, signal.SIGTERM)
_APPENDING = os.O_WRONLY | os.O_CREAT | os.O_APPEND | os.O_CLOEXEC


class Shim:
    """Serves one dispatcher over ``line``, one end of a pair of SOCK_SEQPACKET sockets."""

    def __init__(self, line: socket.socket) -> None:
        self._line: socket.socket | None = line
        self._packet = bytearray(messages.LARGEST)
        self._unsent: deque[bytes] = deque()
        self._is_heard = True
        self._runs: dict[int, tuple[bytes, int]] = {}
        self._pids: dict[bytes, int] = {}
        self._poll = select.poll()
        self._poll.register(line, select.POLLIN)
        self._wakes, wake = os.pipe()
        for end in (self._wakes, wake):
            os.set_blocking(end, False)
        signal.set_wakeup_fd(wake, warn_on_full_buffer=False)
        self._poll.register(self._wakes, select.POLLIN)
        signal.signal(signal.SIGCHLD, lambda *_: None)

    def serve(self) -> None:
        """Return when the dispatcher is gone and the last agent has ended."""
        while self._line is not None or self._runs:
            for descriptor, _ in self._poll.poll():
                if descriptor == self._wakes:
                    with contextlib.suppress(BlockingIOError):
                        os.read(self._wakes, 4096)
                    self._reap()
                else:
                    self._send_rest()
                    self._receive()

    def _receive(self) -> None:
        """Obey all requests that are there, and reap in between: an end must not wait for sixteen starts of 0.6 ms."""
        while self._line is not None:
            try:
                size, ancillary, _, _ = self._line.recvmsg_into(
                    [self._packet], socket.CMSG_SPACE(DESCRIPTOR.size), socket.MSG_CMSG_CLOEXEC
                )
            except BlockingIOError:
                return
            except ConnectionResetError:
                continue  # it died with answers unread: what it had sent is still to be read
            if size == 0:
                self._poll.unregister(self._line)
                self._line.close()
                self._line = None
                return
            word, *fields = bytes(memoryview(self._packet)[:size]).split(b"\0")
            if word == messages.START:
                self._start(messages.unpacked(fields), _descriptor(ancillary))
                self._reap()
            elif word == messages.SIGNAL:
                self._signal(*fields)
            elif word == messages.SYNC:
                self._send(messages.SYNCED, *fields)

    def _start(self, what: Start, record: int | None) -> None:
        """Start an agent. If that fails, its run record says that it was never started."""
        if record is None:  # no descriptor was free
            self._send(messages.FAILED, what.run_id, b"%d" % errno.EMFILE)
            return
        try:
            if os.fstat(record).st_size != what.recorded:
                raise OSError(errno.ECANCELED, "the run was stopped before its start")
            os.write(record, messages.STARTING)
            try:
                # Whoever withholds the run writes, and then reads: one of us sees the word of the other.
                if os.fstat(record).st_size != what.recorded + len(messages.STARTING):
                    raise OSError(errno.ECANCELED, "the run was stopped as it started")
                pid = _spawn(what)
            except OSError:
                os.write(record, messages.WITHDRAWN)
                raise
        except OSError as error:
            os.close(record)
            self._send(messages.FAILED, what.run_id, b"%d" % (error.errno or 0))
            return
        self._runs[pid] = what.run_id, record
        self._pids[what.run_id] = pid
        with contextlib.suppress(OSError):
            os.write(record, b"%sstarted %d\n" % (b"contained\n" if what.group else b"", pid))
        self._send(messages.STARTED, what.run_id, b"%d" % pid)

    def _signal(self, run_id: bytes, number: bytes) -> None:
        """Signal the process group of a run. Its pid is its own: we alone reap it."""
        pid = self._pids.get(run_id)
        if pid is not None:
            with contextlib.suppress(ProcessLookupError, PermissionError):
                os.killpg(pid, int(number))

    def _reap(self) -> None:
        """Note the end of all agents that have ended. The lock of a run ends when its exit code is written."""
        while self._runs:
            pid, status = os.waitpid(-1, os.WNOHANG)
            if pid == 0:
                return
            if pid not in self._runs:
                continue
            run_id, record = self._runs.pop(pid)
            del self._pids[run_id]
            exit_code = _exit_code(status)
            with contextlib.suppress(OSError):
                os.write(record, b"exit %s\n" % exit_code)
            os.close(record)
            self._send(messages.EXITED, run_id, exit_code)

    def _send(self, *fields: bytes) -> None:
        """Send an answer, later if there is no room: a dispatcher that reads nothing holds no agent up."""
        if self._line is not None and self._is_heard:
            self._unsent.append(b"\0".join(fields))
            self._send_rest()

    def _send_rest(self) -> None:
        while self._unsent and self._line is not None:
            try:
                self._line.send(self._unsent[0])
            except BlockingIOError:
                self._poll.modify(self._line, select.POLLIN | select.POLLOUT)
                return
            except OSError:  # the dispatcher is gone
                self._is_heard = False
                self._unsent.clear()
                return
            self._unsent.popleft()
            if not self._unsent:
                self._poll.modify(self._line, select.POLLIN)


def _descriptor(ancillary: list[tuple[int, int, bytes]]) -> int | None:
    for _, _, data in ancillary:
        (descriptor,) = DESCRIPTOR.unpack(data[: DESCRIPTOR.size])
        return int(descriptor)
    return None


def _spawn(what: Start) -> int:
    """Start the process with its files. Raises OSError."""
    opened: list[int] = []
    try:
        opened.append(os.open(what.stdin, os.O_RDONLY | os.O_CLOEXEC))
        opened.append(os.open(what.stdout, _APPENDING, 0o666))
        opened.append(os.open(what.stderr, _APPENDING, 0o666))
        group = None
        if what.group:
            group = os.open(what.group, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
            opened.append(group)
        with _open_files(int(what.open_files or -1)):
            return spawn.spawn(what.argv, what.env, opened[:3], cwd=what.cwd, group=group)
    finally:
        for descriptor in opened:
            os.close(descriptor)


@contextlib.contextmanager
def _open_files(most: int) -> Iterator[None]:
    """Give this soft limit to what is started inside the ``with`` block; -1: our own, which is as high as it may be."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if most in (-1, soft):
        yield
        return
    resource.setrlimit(resource.RLIMIT_NOFILE, (most, hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))


def _exit_code(status: int) -> bytes:
    """Return the exit code of a wait status, for a signal as shells count."""
    code = os.waitstatus_to_exitcode(status)
    return b"%d" % (code if code >= 0 else 128 - code)


def keep(line: socket.socket) -> None:
    """Keep a shim at work on ``line``. Return when one has ended by itself: done, or because of a mistake of ours."""
    spawn.become_subreaper()
    while True:
        shim = os.fork()
        if shim == 0:
            Shim(line).serve()
            os._exit(0)
        if not os.WIFSIGNALED(_end_of(shim, line)):
            return
        _tell(line, messages.REPLACED, *_children())


def _end_of(shim: int, line: socket.socket) -> int:
    """Return the wait status of a shim that has ended. Until then, tell how orphans end."""
    while True:
        ended = os.waitid(os.P_ALL, 0, os.WEXITED | os.WNOWAIT)
        # A shim ends before its agents become ours: they are told of before any of them.
        pid, status = os.waitpid(shim, os.WNOHANG)
        if pid == shim:
            return status
        if ended is not None:  # as it always is, since we waited
            pid, status = os.waitpid(ended.si_pid, 0)
            _tell(line, messages.ORPHAN, b"%d" % pid, _exit_code(status))


def _children() -> list[bytes]:
    """Return the pids of our children, also of those that have ended."""
    found = []
    for name in os.listdir("/proc"):  # noqa: PTH208
        with contextlib.suppress(OSError, IndexError):
            if name.isdecimal():
                parent = Path(f"/proc/{name}/stat").read_bytes().rpartition(b")")[2].split()[1]
                if int(parent) == os.getpid():
                    found.append(name.encode())
    return found


def _tell(line: socket.socket, *fields: bytes) -> None:
    """Send to the dispatcher, if there is one, as soon as there is room."""
    ready = select.poll()
    ready.register(line, select.POLLOUT)
    while True:
        try:
            line.send(b"\0".join(fields))
        except BlockingIOError:
            ready.poll()
            continue
        except OSError:
            pass
        return


def main() -> None:
    spawn.make_undumpable()  # requests hold the keys of agents
    spawn.set_name(NAME)
    # Ignored signals would be ignored in the agents, too; those with a handler have their default action there.
    for number in _SURVIVED:
        signal.signal(number, lambda *_: None)
    line = socket.socket(fileno=os.dup(0))
    os.dup2(1, 0)
    line.setblocking(False)
    gc.freeze()
    keep(line)
