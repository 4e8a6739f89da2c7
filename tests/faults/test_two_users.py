"""Separate accounts, as docs/security.md describes: a dispatcher and a user for each, on one database."""

import encodings.ascii
import encodings.idna
import json
import os
import pwd
import signal
import sys
import tempfile
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, replace
from pathlib import Path

import psycopg
import pytest
from psycopg.sql import SQL, Identifier, Literal

from dispatcher.commands import main as command_line
from dispatcher.database.migrate import migrate
from dispatcher.loop import service
from dispatcher.workspaces.lock_holder import find_lock_holder
from tests.fixtures.dispatchers import TOOLS, Gate, Site
from tests.fixtures.postgres import PostgresServer, serving
from tests.fixtures.users import NOBODY, as_user, needs_root, running_as

pytestmark = needs_root

PRELOADED = (encodings.ascii, encodings.idna, service)
"""Python may be installed below a home that others cannot enter, so everything is imported before the fork."""

ALICE, BOB = NOBODY, pwd.getpwnam("games")


@dataclass(frozen=True)
class Account:
    """One account of `sh`, whose dispatcher and agents run as a separate user."""

    site: Site
    user: pwd.struct_passwd
    socket: Path
    home: Path
    gives_password: bool = True

    @property
    def key(self) -> str:
        return f"sk-planted-of-{self.user.pw_name}"

    @property
    def story(self) -> Path:
        return self.site.directory / f"story-of-{self.user.pw_name}"

    @property
    def password(self) -> str:
        return f"password-of-{self.user.pw_name}"

    def set_up(self, server: PostgresServer) -> None:
        """Make a login for the dispatcher, the account's key, and a configuration."""
        name = f"llm_{self.user.pw_name}"
        with psycopg.connect(server.embedded.url("postgres"), autocommit=True) as connection:
            connection.execute(
                SQL("create role {} login password {} in role llmctl_dispatcher").format(
                    Identifier(name), Literal(self.password)
                )
            )
        self.write("key", self.key)
        self.configure({"A_KEY": f"file:{self.home}/key"})

    def configure(self, env: dict[str, str]) -> None:
        name = self.user.pw_name
        group = {"tool": "sh", "account": name, "max_concurrent": 4}
        config = {
            "database": {"url": f"host={self.socket} user=llm_{name}", **self.site.config["database"]},
            "dispatcher": {"groups": [f"sh-{name}"], "heartbeat_interval": 0.1},
            "execution": {"work_dir": f"{self.home}/work"},
            "tools": TOOLS,
            "groups": {f"sh-{name}": {**group, "env": {"SITE": str(self.site.directory), **env}}},
            "logging": {"format": "json"},
        }
        self.write("config.yaml", json.dumps(config))

    @contextmanager
    def dispatching(self) -> Iterator[int]:
        """Run `dispatcher run` as the user; return its pid."""
        places = dict.fromkeys(("HOME", "LLMCTL_HOME"), str(self.home))
        env = {"PATH": os.environ["PATH"], **places}
        if self.gives_password:
            env["PGPASSWORD"] = self.password

        def dispatch() -> None:
            sys.argv = ["dispatcher", "run"]
            command_line.main()

        self.story.touch(mode=0o666)
        self.story.chmod(0o666)
        with running_as(self.user, dispatch, env, self.story) as pid:
            try:
                self.site.wait_until(lambda: "dispatcher started" in self.story.read_text())
            except AssertionError:
                raise AssertionError(self.story.read_text()) from None
            yield pid

    def submit(self, prompt: str) -> int:
        return self.site.submit(prompt, account=self.user.pw_name, max_attempts=1)

    def said(self, prompt: str) -> str:
        """Return the answer of an agent of this account."""
        number = self.submit(prompt)
        self.site.wait_for("succeeded", number)
        return str(self.site.task(number)["result"]["text"])

    def write(self, name: str, text: str) -> None:
        file = self.home / name
        file.write_text(text)
        file.chmod(0o600)
        os.chown(file, self.user.pw_uid, self.user.pw_gid)


@pytest.fixture(scope="module")
def shared(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[PostgresServer, Path]]:
    """A server to which other users of the system log in with passwords, and the directory of its socket for them."""
    with tempfile.TemporaryDirectory(prefix="llmctl-test-", dir="/tmp") as directory, ExitStack() as stack:
        server = stack.enter_context(serving(tmp_path_factory.mktemp("home")))
        data = server.embedded.place.data
        os.chown(directory, data.stat().st_uid, data.stat().st_gid)
        Path(directory).chmod(0o755)
        with psycopg.connect(server.embedded.url("postgres"), autocommit=True) as connection:
            row = connection.execute("show unix_socket_directories").fetchone()
            assert row is not None
            both = SQL(", ").join(map(Literal, (row[0], directory)))
            connection.execute(SQL("alter system set unix_socket_directories = {}").format(both))
            connection.execute("alter system set unix_socket_permissions = '0777'")
        server.embedded.stop()
        server.embedded.start()
        rules = data / "pg_hba.conf"
        rules.write_text(f"local all +llmctl_dispatcher scram-sha-256\n{rules.read_text()}")
        with psycopg.connect(server.embedded.url("postgres"), autocommit=True) as connection:
            connection.execute("select pg_reload_conf()")
        yield server, Path(directory)


@pytest.fixture
def accounts(shared: tuple[PostgresServer, Path]) -> Iterator[tuple[Account, Account]]:
    server, socket = shared
    name = server.create()
    migrate(server.settings(name))
    with tempfile.TemporaryDirectory(prefix="llmctl-test-", dir="/tmp") as directory:
        Path(directory).chmod(0o755)
        (Path(directory) / "board").mkdir()
        (Path(directory) / "board").chmod(0o1777)
        site = Site(Path(directory), server.settings(name))
        both = []
        for user in (ALICE, BOB):
            home = Path(directory) / user.pw_name
            home.mkdir(mode=0o700)
            os.chown(home, user.pw_uid, user.pw_gid)
            both.append(Account(site, user, socket, home))
            both[-1].set_up(server)
        yield both[0], both[1]
        site.close()
        with psycopg.connect(server.embedded.url("postgres"), autocommit=True) as connection:
            for user in (ALICE, BOB):
                connection.execute(SQL("drop role {}").format(Identifier(f"llm_{user.pw_name}")))
    server.drop(name)


def waiting(account: Account, and_then: str = "echo done") -> tuple[int, Gate]:
    """Start an agent that waits at a gate; its pid is on the board."""
    gate = account.site.gate()
    (account.site.directory / "gate").chmod(0o644)
    number = account.submit(f"echo $$ >$SITE/board/pid; {gate.pass_through}; {and_then}")
    account.site.wait_for("running", number)
    account.site.wait_until((account.site.directory / "board" / "pid").exists)
    return number, gate


def test_an_agent_of_one_user_finds_nothing_of_another_users_account(
    accounts: tuple[Account, Account],
) -> None:
    alice, bob = accounts
    look = "cat /proc/[0-9]*/environ 2>/dev/null | tr '\\0' '\\n' | grep -c '[A]_KEY=sk-planted-of-{}'; true"
    cat = "cat {} 2>&1 >/dev/null | grep -c 'Permission denied'"
    with alice.dispatching(), bob.dispatching():
        waiting(alice)

        assert bob.said(look.format(alice.user.pw_name)) == "0"
        assert int(bob.said(look.format(bob.user.pw_name))) >= 1, "its own is there to be found"
        assert (
            bob.said(cat.format(f"/proc/$(cat $SITE/board/pid)/environ {alice.home}/key {alice.home}/work"))
            == "3"
        )
        assert int(alice.said("tr '\\0' '\\n' </proc/$(cat $SITE/board/pid)/environ | grep -c A_KEY")) == 1, (
            "agents of one user can read each other: docs/security.md says so"
        )


def test_each_dispatcher_serves_its_own_account_alone(accounts: tuple[Account, Account]) -> None:
    alice, bob = accounts
    with alice.dispatching(), bob.dispatching():
        assert alice.said("id -un") == alice.user.pw_name
        assert bob.said("id -un") == bob.user.pw_name


def test_an_agent_cannot_look_into_the_dispatcher_of_its_own_user(accounts: tuple[Account, Account]) -> None:
    alice, _ = accounts
    with alice.dispatching() as pid:
        looks = "; ".join(
            f"ls /proc/{pid}/{name} 2>&1; cat /proc/{pid}/{name} 2>&1" for name in ("fd", "fdinfo")
        )
        reads = "; ".join(
            f"cat /proc/{pid}/{name} 2>&1 | head -c 200" for name in ("environ", "mem", "auxv", "maps")
        )
        said = alice.said(f"{looks}; {reads}; cat /proc/$$/environ >/dev/null && echo open to itself")

    *refusals, own = said.splitlines()
    assert own == "open to itself"
    assert len(refusals) == 8
    assert [line for line in refusals if not line.endswith(("Permission denied", "Is a directory"))] == []


def test_who_may_stop_a_dispatcher_finds_it_although_it_cannot_look_into_it(
    accounts: tuple[Account, Account],
) -> None:
    alice, _ = accounts
    with alice.dispatching() as pid:
        alice.said("echo done")
        [lock] = (alice.home / "work").glob("*/.lock")

        def find() -> int:
            holder = find_lock_holder(lock.parent)
            assert holder is not None
            holder.signal(signal.SIGTERM)
            holder.wait()
            return holder.pid

        assert as_user(alice.user, find) == pid


def test_a_dispatcher_of_an_ordinary_user_looks_into_its_agents(accounts: tuple[Account, Account]) -> None:
    """It reads their environment: to kill what they leave, and to know the key of an adopted run."""
    alice, _ = accounts
    site = alice.site
    with alice.dispatching():
        alice.said("setsid sleep 1000 >/dev/null 2>&1 & echo done")
        site.wait_until(lambda: not site.agents())
        number, gate = waiting(alice, 'echo "my key is $A_KEY"')
    alice.configure({})
    with alice.dispatching():
        site.wait_until(lambda: "run adopted" in alice.story.read_text())
        gate.open()
        site.wait_for("succeeded", number)

    assert site.task(number)["result"]["text"] == "my key is ***"


def test_a_dispatcher_finds_its_password_in_the_home_of_its_user(accounts: tuple[Account, Account]) -> None:
    _, bob = accounts
    name = bob.user.pw_name
    bob.write(".pgpass", f"{bob.socket}:*:*:llm_{name}:{bob.password}\n")

    with replace(bob, gives_password=False).dispatching():
        assert bob.said("echo done") == "done"
