"""Running git so that no repository decides what else runs, is fetched or is written.

A source belongs to somebody else, and an agent may have written anything into its clone. So git gets no configuration
of users or of this host, no hooks, no transport and no program that a repository names: what can be switched off by a
variable or by an option of the command line, which no repository overrides, is switched off for each call.
"""

import errno
import functools
import os
import re
import shutil
import signal
import subprocess
import threading
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import BinaryIO

from dispatcher.host.host_trouble import is_host_trouble, lacks_room, tells_of_host_trouble
from dispatcher.repositories.failures import RepositoryError

OLDEST = (2, 38)
"""The first git that takes `safe.directory` from its command line and merges without a work tree."""
PATIENCE = 600.0
"""Seconds that one call may take."""
GLANCE = 60.0
"""Seconds for a call that only reads refs or configuration of a source, which may be on a dead mount or name a FIFO."""
NOWHERE = "/nonexistent"
"""A home directory without files: `~` in the configuration of a repository needs one, otherwise git refuses it."""

_HOOKS_OF_CONFIG = (2, 54)
"""The first git that runs hooks named by `hook.NAME.command`, whatever core.hooksPath says."""
_RUN_NO_HOOK = frozenset(
    ("cat-file", "config", "diff-tree", "for-each-ref", "hash-object", "init", "ls-files", "ls-tree", "mktree",
     "pack-objects", "rev-list", "rev-parse", "version", "write-tree")
)  # fmt: skip
_MOST_STDERR = 2000
_UNWRITTEN = re.compile(r"(unable to|couldn't|could not|cannot|failed to) (write|flush|fsync)")
_OPTIONS = tuple(
    part
    for setting in (
        "core.hooksPath=/dev/null",
        "core.fsmonitor=false",
        "core.alternateRefsCommand=",
        "core.attributesFile=/dev/null",
        "core.excludesFile=/dev/null",
        "core.logAllRefUpdates=false",
        "core.filesRefLockTimeout=10000",
        "core.packedRefsTimeout=10000",
        "reftable.lockTimeout=10000",
        "gc.auto=0",
        "maintenance.auto=false",
        "protocol.allow=never",
        "safe.directory=*",
        "advice.detachedHead=false",
    )
    for part in ("-c", setting)
)
_ENVIRONMENT = {
    "HOME": NOWHERE,
    "LC_ALL": "C",
    "GIT_CONFIG_NOSYSTEM": "1",
    "GIT_CONFIG_GLOBAL": os.devnull,
    "GIT_ATTR_NOSYSTEM": "1",
    "GIT_TERMINAL_PROMPT": "0",
    "GIT_NO_LAZY_FETCH": "1",
    # Unlike protocol.allow it also counts where a repository allows a protocol by name.
    "GIT_ALLOW_PROTOCOL": "",
    "GIT_OPTIONAL_LOCKS": "0",
    # A replaced object would be recorded under the name of another one.
    "GIT_NO_REPLACE_OBJECTS": "1",
    "GIT_DEFAULT_REF_FORMAT": "files",
    "GIT_PAGER": "cat",
    "GIT_EDITOR": ":",
}


class GitError(RepositoryError):
    """Git failed. A full disk, or a process that was killed, is trouble of this host, and uses up no attempt."""

    def __init__(
        self, arguments: Sequence[str], exit_code: int, stderr: str, places: Sequence[Path] = ()
    ) -> None:
        """``places`` are directories that it may have written to."""
        how = f"failed with exit code {exit_code}" if exit_code >= 0 else f"was killed by signal {-exit_code}"
        words = f": {_words(stderr)}" if stderr else ""
        full = lacks_room(places)
        if full is not None:
            words += f"; {full}: free some space"
        is_trouble = exit_code < 0 or full is not None or _tells_of_host_trouble(stderr)
        super().__init__(
            "no_resources" if is_trouble else "spawn_failed", f"git {_split(arguments)[1]} {how}{words}"
        )
        self.arguments = tuple(arguments)
        self.exit_code = exit_code
        self.stderr = stderr


class GitStoppedError(RepositoryError):
    """:meth:`Git.stop` was called."""

    def __init__(self) -> None:
        super().__init__("interrupted", "the work on the repository was stopped")


class Git:
    """Runs git, one call at a time. Each run of a task has its own, so that its calls can be stopped."""

    def __init__(self, environment: Mapping[str, str] | None = None) -> None:
        """``environment`` holds further variables, such as the marks of the run."""
        self._environment = dict(environment or {})
        self._lock = threading.Lock()
        self._process: subprocess.Popen[bytes] | None = None
        self._stopped = False

    def run(
        self,
        *arguments: str,
        git_dir: Path | None = None,
        work_tree: Path | None = None,
        index: Path | None = None,
        objects: Path | None = None,
        alternates: Sequence[Path] = (),
        stdin: bytes | BinaryIO = b"",
        timeout: float = PATIENCE,
    ) -> bytes:
        """Return what git prints. ``objects`` is where it writes objects, ``alternates`` where it also reads them.

        Without ``git_dir`` it searches for a repository from the directory that ``-C`` names. Raises
        :class:`GitError`, :class:`RepositoryError` where git is missing or too old, and OSError when this host has no
        room for a process.
        """
        program = program_of_git()
        options, command = _split(arguments)
        places = {
            "GIT_DIR": git_dir,
            "GIT_WORK_TREE": work_tree,
            "GIT_INDEX_FILE": index,
            "GIT_OBJECT_DIRECTORY": objects,
        }
        env = _environment() | self._environment
        env |= {name: str(place) for name, place in places.items() if place is not None}
        if alternates:
            env["GIT_ALTERNATE_OBJECT_DIRECTORIES"] = ":".join(map(_quoted, alternates))
        if command not in _RUN_NO_HOOK and version_of_git(program) >= _HOOKS_OF_CONFIG:
            env |= self._switch_hooks_off([program, *_OPTIONS], options, env)
        written = [
            place.parent if place == index else place for place in places.values() if place is not None
        ]
        return self._run([program, *_OPTIONS, *arguments], arguments, env, work_tree, stdin, timeout, written)

    def stop(self) -> None:
        """Kill the process at work, from any thread. Every later call raises :class:`GitStoppedError`."""
        with self._lock:
            self._stopped = True
            if self._process is not None:
                _kill(self._process)

    def require_running(self) -> None:
        """Raise :class:`GitStoppedError` after :meth:`stop`, so that long work beside git ends, too."""
        if self._stopped:
            raise GitStoppedError

    def _switch_hooks_off(
        self, git: Sequence[str], options: Sequence[str], env: Mapping[str, str]
    ) -> Mapping[str, str]:
        """Return variables that switch off all hooks that a configuration names. Only by its name can one be."""
        asked = [*options, "config", "-z", "--name-only", "--get-regexp", r"^hook\..*\."]
        try:
            listed = self._run([*git, *asked], asked, env, None, b"", PATIENCE, ())
        except GitError as error:
            if error.exit_code != 1:  # 1: there is none
                raise
            return {}
        return _switched_off(listed)

    def _run(
        self,
        argv: Sequence[str],
        arguments: Sequence[str],
        env: Mapping[str, str],
        directory: Path | None,
        stdin: bytes | BinaryIO,
        timeout: float,
        places: Sequence[Path],
    ) -> bytes:
        with _Stderr() as stderr:
            with self._lock:
                if self._stopped:
                    raise GitStoppedError
                process = self._process = subprocess.Popen(
                    argv,
                    env=env,
                    cwd=directory or "/",
                    stdin=subprocess.PIPE if isinstance(stdin, bytes) else stdin,
                    stdout=subprocess.PIPE,
                    stderr=stderr.descriptor,
                    start_new_session=True,
                )
            stderr.started()
            try:
                output, _ = process.communicate(stdin if isinstance(stdin, bytes) else None, timeout)
            except BaseException as error:
                _kill(process)
                process.communicate()
                if not isinstance(error, subprocess.TimeoutExpired):
                    raise
                raise RepositoryError(
                    "no_resources",
                    f"git {_split(arguments)[1]} took longer than {timeout:g} s on this host, and was ended",
                ) from None
            finally:
                with self._lock:
                    self._process = None
        self.require_running()
        if process.returncode != 0:
            raise GitError(arguments, process.returncode, stderr.text(), places)
        return output


class _Stderr:
    """The beginning and the end of what a process prints on stderr, however much that is."""

    def __init__(self) -> None:
        self._pipe, self.descriptor = os.pipe()
        self._kept = b""
        self._thread = threading.Thread(target=self._read, daemon=True)

    def __enter__(self) -> "_Stderr":
        try:
            self._thread.start()
        except RuntimeError:
            os.close(self._pipe)
            os.close(self.descriptor)
            raise
        return self

    def __exit__(self, *_: object) -> None:
        self.started()
        self._thread.join(1.0)

    def started(self) -> None:
        """Close our own end, so that reading ends with the process."""
        if self.descriptor >= 0:
            os.close(self.descriptor)
            self.descriptor = -1

    def text(self) -> str:
        return self._kept.decode(errors="replace").strip()[-_MOST_STDERR:]

    def _read(self) -> None:
        half = _MOST_STDERR // 2
        with os.fdopen(self._pipe, "rb", buffering=0) as pipe:
            while piece := pipe.read(65536):
                kept = self._kept + piece
                self._kept = kept if len(kept) <= _MOST_STDERR else kept[:half] + kept[-half:]


def program_of_git() -> str:
    """Return the path of a git that is new enough. Raises :class:`RepositoryError`."""
    program = shutil.which("git", path=_path())
    if program is None:
        raise RepositoryError(
            "no_resources",
            "git is not on the PATH of the dispatcher: install it (apt install git), version "
            f"{dotted(OLDEST)} or newer",
        )
    version = version_of_git(program)
    if version < OLDEST:
        raise RepositoryError(
            "no_resources",
            f"{program} is git {dotted(version)}, and repositories need {dotted(OLDEST)} or newer: upgrade git",
        )
    return program


@functools.cache
def version_of_git(program: str) -> tuple[int, int]:
    """Return major and minor version, which are asked for once. Raises :class:`RepositoryError`."""
    try:
        asked = subprocess.run(
            [program, "version"],
            env=_environment(),
            cwd="/",
            stdin=subprocess.DEVNULL,
            capture_output=True,
            timeout=PATIENCE,
            check=False,
        )
    except subprocess.TimeoutExpired:
        raise RepositoryError("no_resources", f"`{program} version` did not end: is it git?") from None
    except OSError as error:
        if is_host_trouble(error):
            raise
        raise RepositoryError("no_resources", f"{program} cannot be started: {error.strerror}") from error
    found = re.match(rb"git version (\d+)\.(\d+)", asked.stdout)
    if asked.returncode != 0 or found is None:
        words = (asked.stdout + asked.stderr)[:200].decode(errors="replace").strip()
        raise RepositoryError("no_resources", f"`{program} version` printed {words!r}: is it git?")
    return int(found[1]), int(found[2])


def _environment() -> dict[str, str]:
    temporary = os.environ.get("TMPDIR")
    return {**_ENVIRONMENT, "PATH": _path(), **({"TMPDIR": temporary} if temporary else {})}


def _path() -> str:
    """Return PATH without its relative parts: git is started in directories that others write."""
    parts = os.environ.get("PATH", os.defpath).split(":")
    return ":".join(part for part in parts if part.startswith("/"))


def _kill(process: subprocess.Popen[bytes]) -> None:
    """Kill the processes that git started, too; nothing if git has ended."""
    if process.returncode is None:
        os.killpg(process.pid, signal.SIGKILL)


def _quoted(path: Path) -> str:
    """Quote a path for a list that colons separate."""
    escaped = str(path).replace("\\", "\\\\").replace('"', '\\"')
    return f'"{escaped}"'


def _switched_off(listed: bytes) -> Mapping[str, str]:
    """Return the variables that switch off the hooks of these keys of a configuration, each by its name."""
    names = sorted({os.fsdecode(key)[len("hook.") :].rpartition(".")[0] for key in listed.split(b"\0")[:-1]})
    variables = {"GIT_CONFIG_COUNT": str(len(names))}
    for number, name in enumerate(names):
        variables[f"GIT_CONFIG_KEY_{number}"] = f"hook.{name}.enabled"
        variables[f"GIT_CONFIG_VALUE_{number}"] = "false"
    return variables


def _split(arguments: Sequence[str]) -> tuple[Sequence[str], str]:
    """Return the options before the name of the command, and that name."""
    number = 0
    while number < len(arguments) and arguments[number].startswith("-"):
        number += 2 if arguments[number] in ("-c", "-C") else 1
    return arguments[:number], arguments[number] if number < len(arguments) else ""


def _tells_of_host_trouble(stderr: str) -> bool:
    """Return whether it is the host's fault. What git could not write without a reason of its own, found no room."""
    if tells_of_host_trouble(stderr):
        return True
    return _UNWRITTEN.search(stderr) is not None and os.strerror(errno.EACCES) not in stderr


def _words(stderr: str) -> str:
    """Return the line that says what is wrong, for a sentence."""
    lines = [line for line in stderr.splitlines() if line.strip()]
    first = next((line for line in lines if line.startswith(("fatal:", "error:"))), lines[-1])
    return first.partition(": ")[2] if first.startswith(("fatal:", "error:")) else first


def dotted(version: tuple[int, int]) -> str:
    return f"{version[0]}.{version[1]}"
