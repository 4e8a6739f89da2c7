"""Where the embedded server has its data and its socket, and which user runs it. Nothing is started here."""

import hashlib
import os
import pwd
import stat
from dataclasses import dataclass
from pathlib import Path

from dispatcher.errors import DatabaseError

PORT = 5432
SOCKET = f".s.PGSQL.{PORT}"
ROLE = "llmctl"
"""The database role of the owner, who is the superuser of this private server."""

SYSTEM_ACCOUNT = "llmctl"
"""The user that runs the server for root, because PostgreSQL refuses to run as root."""

SYSTEM_DIRECTORY = Path("/var/lib/llmctl")
"""Holds root's servers: the system account can reach it even if root's home is closed to others."""

_LONGEST_SOCKET_PATH = 107
"""Bytes; ``sun_path`` of unix(7) holds 108 with the final NUL."""


@dataclass(frozen=True)
class ServerPlace:
    """The place of the one server of an ``LLMCTL_HOME``, for the user who runs this program."""

    directory: Path
    account: str
    short_name: str

    @property
    def data(self) -> Path:
        return self.directory / "data"

    @property
    def lock(self) -> Path:
        return self.directory / "lock"

    @property
    def stopped(self) -> Path:
        """The file that is there while the server is stopped on purpose."""
        return self.directory / "stopped"

    def socket_directory(self) -> Path:
        """Return the directory of the running server's socket, or the one that the next server would use.

        Line 5 of the ``postmaster.pid`` of a running server has precedence, because the short directories depend on the
        environment: a login shell has ``XDG_RUNTIME_DIR``, and a cron job does not.
        """
        if _fits(self._usual_socket_directory):
            return self._usual_socket_directory
        lines = self.postmaster_lines()
        if len(lines) > 4 and lines[4]:
            return Path(lines[4])
        return self._short_socket_directory()

    def parameters(self, database: str) -> dict[str, str]:
        """Return what libpq needs to connect. ``requirepeer`` makes the client verify which user runs the server."""
        return {
            "host": str(self.socket_directory()),
            "hostaddr": "",  # otherwise PGHOSTADDR would point elsewhere
            "port": str(PORT),
            "user": ROLE,
            "dbname": database,
            "requirepeer": self.account,
            "gssencmode": "disable",
        }

    def new_socket_directory(self) -> Path:
        """Return the directory for the socket of a server that is about to start."""
        if _fits(self._usual_socket_directory):
            return self._usual_socket_directory
        return self._short_socket_directory()

    def postmaster_lines(self) -> list[str]:
        """Return ``postmaster.pid``: pid, data, start time, port, socket directory, addresses, memory key, state."""
        try:
            return (self.data / "postmaster.pid").read_text(errors="replace").splitlines()
        except OSError:
            return []

    @property
    def _usual_socket_directory(self) -> Path:
        return self.directory / "socket"

    def _short_socket_directory(self) -> Path:
        runtime = os.environ.get("XDG_RUNTIME_DIR")
        if runtime and Path(runtime).is_dir():
            candidate = Path(runtime) / self.short_name
            if _fits(candidate):
                return candidate
        # Not tempfile.gettempdir(): TMPDIR may differ between two commands, and may be long.
        return Path("/tmp") / f"llmctl-{os.geteuid()}-{self.short_name.removeprefix('llmctl-')}"  # noqa: S108


def place_of(home: Path) -> ServerPlace:
    """Return the place of the server of ``home``.

    Raises :class:`DatabaseError` when the user has no name, because PostgreSQL identifies its owner by name.
    """
    short_name = "llmctl-" + hashlib.sha256(os.fsencode(os.path.realpath(home))).hexdigest()[:12]
    if os.geteuid() == 0:
        return ServerPlace(SYSTEM_DIRECTORY / short_name, SYSTEM_ACCOUNT, short_name)
    return ServerPlace(home / "postgres", owner(), short_name)


def owner() -> str:
    """Return the name of the user who runs this program: only this user may connect."""
    uid = os.geteuid()
    try:
        return pwd.getpwuid(uid).pw_name
    except KeyError:
        raise DatabaseError(
            f"uid {uid} has no name in the password file, and PostgreSQL knows the owner of a socket by name;"
            " add the user, or point database.url to a server"
        ) from None


def require_private(directory: Path, uid: int) -> None:
    """Raise :class:`DatabaseError` if a directory is a link, belongs to another user or is open to others.

    In /tmp another user could have made it, together with a server.
    """
    found = directory.lstat()
    if not stat.S_ISDIR(found.st_mode) or found.st_uid != uid or found.st_mode & 0o077:
        raise DatabaseError(
            f"{directory} must be a directory of mode 0700 that belongs to uid {uid}, and not a link;"
            " another user made it, so remove it or set LLMCTL_HOME to a shorter path"
        )


def _fits(directory: Path) -> bool:
    """Return whether libpq and postgresql.conf can both name this directory: both split lists at commas."""
    path = str(directory / SOCKET)
    try:
        length = len(path.encode())
    except UnicodeEncodeError:
        return False
    return length <= _LONGEST_SOCKET_PATH and path.isprintable() and not set(path) & set(",'\"\\")
