"""The real agent CLIs for tests: they can reach a model server and nothing else.

One process holds a network namespace that has only loopback, and serves the model there. A small script enters that
namespace and starts the CLI, so a dispatcher under test can start it like any program.
"""

import contextlib
import os
import shlex
import shutil
import signal
import subprocess
import sys
import tempfile
import threading
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import IO, NoReturn

import msgspec
import pytest

from tests.agents import homes
from tests.model_server import RecordedRequest
from wrappers.base import Ending, Invocation, Stdin

CLIS = tuple(homes.BUILT_IN)
OTHERS = tuple(homes.OTHERS)
INSTALLED = Path(__file__).parent
HOW_TO_INSTALL = "see tests/agents/README.md"

# A run of a real CLI takes one to three seconds, ten times that on a busy machine.
PATIENCE = 120

SHIM = """\
#!/bin/sh
# Runs {program} in the network namespace of process {holder}, and nowhere else.
PATH={node}:$PATH exec nsenter --target {holder} --net {user} -- /bin/sh -c '
if [ "$(readlink /proc/self/ns/net)" != "{namespace}" ]; then
    echo "the namespace of the tests is gone" >&2
    exit 125
fi
exec "$0" "$@"' {program} "$@"
"""


def find(cli: str) -> str | None:
    """Return the path of a real CLI: from the tests' own installation, or else from PATH."""
    installed = installation()
    places = (installed / "node_modules" / ".bin", installed / ".venvs" / cli / "bin")
    return shutil.which(cli, path=os.pathsep.join(map(str, places))) or shutil.which(cli)


def installation() -> Path:
    """Return the directory of the tests' own installation."""
    return Path(os.environ.get("LLMCTL_TEST_AGENTS", INSTALLED))


def found_versions() -> Iterator[tuple[str, str]]:
    """Yield the versions beside the pinned ones that are installed: the name of a shim, and its program.

    A shim is named like `claude@2.1.197`.
    """
    for place in sorted((installation() / "versions").glob("*@*")):
        program = place / "node_modules" / ".bin" / place.name.partition("@")[0]
        if program.exists():
            yield place.name, str(program)


def node_directory() -> Path:
    """Return the directory that holds the Node of the tests' own installation, and nothing else."""
    return installation() / "node_modules" / "node" / "bin"


def unavailable(reason: str) -> NoReturn:
    """Skip the test, or fail it if the real CLIs are required."""
    if os.environ.get("LLMCTL_REQUIRE_AGENTS") == "1":
        pytest.fail(reason)
    pytest.skip(reason)


@dataclass(frozen=True, slots=True, kw_only=True)
class Account:
    """A config home that points a CLI at the model server, and the variables that go with it.

    ``key`` is the dummy API key; the server records it with each request.
    """

    cli: str
    config_home: Path
    key: str
    env: Mapping[str, str]


@dataclass(frozen=True, slots=True, kw_only=True)
class Ran:
    """The result of a run of a CLI."""

    stdout: bytes
    ending: Ending


@dataclass(frozen=True, slots=True, kw_only=True)
class Agents:
    """The real CLIs, and the model server that they talk to.

    ``url`` is the server's address in their namespace; ``bin`` holds the scripts that start them, and may
    stand in front on PATH.
    """

    url: str
    bin: Path
    journal: Path

    def program(self, cli: str, version: str | None = None) -> Path:
        """Return the program to start instead of the CLI. Skip or fail the test if the CLI is not installed.

        With a version, it is that one instead of the pinned one.
        """
        name = cli if version is None else f"{cli}@{version}"
        shim = self.bin / name
        if not shim.exists():
            unavailable(f"{name} is not installed ({HOW_TO_INSTALL})")
        return shim

    def requests(self, containing: str = "") -> list[RecordedRequest]:
        """Return the requests so far that have this text in the prompt, in their order."""
        lines = self.journal.read_bytes().splitlines()
        recorded = (msgspec.json.decode(line, type=RecordedRequest) for line in lines)
        return [request for request in recorded if containing in request.prompt]

    def account(self, cli: str, home: Path, key: str = "sk-dummy") -> Account:
        """Prepare ``home`` as the config home of an account."""
        home.mkdir(parents=True, exist_ok=True)
        variables = {**homes.BUILT_IN, **homes.OTHERS}[cli](home, self.url, key)
        return Account(cli=cli, config_home=home, key=key, env={"HOME": str(home), **variables})

    @contextlib.contextmanager
    def started(
        self,
        invocation: Invocation,
        account: Account,
        prompt_file: Path,
        cwd: Path,
        output: tuple[IO[bytes] | int, IO[bytes] | int] = (subprocess.PIPE, subprocess.PIPE),
    ) -> Iterator[subprocess.Popen[bytes]]:
        """A wrapper's invocation, running in an environment that holds only what is listed here.

        The program is given PATIENCE to come to its end in the context, and is killed then. ``output`` is where its
        stdout and stderr go.
        """
        env = {
            "PATH": os.environ["PATH"],
            "LANG": "C.UTF-8",
            "TERM": "dumb",
            "TMPDIR": str(account.config_home),
            **account.env,
            **invocation.env,
        }
        with (
            standard_input(invocation.stdin, prompt_file) as prompt,
            subprocess.Popen(
                invocation.argv,
                cwd=cwd,
                env=env,
                stdin=prompt,
                stdout=output[0],
                stderr=output[1],
                start_new_session=True,
            ) as process,
        ):
            last_resort = threading.Timer(PATIENCE, os.killpg, (process.pid, signal.SIGKILL))
            last_resort.start()
            try:
                yield process
            finally:
                last_resort.cancel()
                with contextlib.suppress(ProcessLookupError):
                    os.killpg(process.pid, signal.SIGKILL)

    def run(self, invocation: Invocation, account: Account, prompt_file: Path, cwd: Path) -> Ran:
        """Run a wrapper's invocation to its end.

        Its output goes to files, as in a dispatcher's run. With a pipe, gemini loses at its end what nobody has read by
        then.
        """
        with tempfile.TemporaryFile() as stdout, tempfile.TemporaryFile() as stderr:
            with self.started(invocation, account, prompt_file, cwd, (stdout, stderr)) as process:
                process.wait()
            stdout.seek(0)
            stderr.seek(0)
            stderr_tail = stderr.read()[-4000:].decode(errors="replace")
            ending = Ending(exit_code=process.returncode, stderr_tail=stderr_tail)
            return Ran(stdout=stdout.read(), ending=ending)


@contextlib.contextmanager
def standard_input(stdin: Stdin, prompt_file: Path) -> Iterator[IO[bytes]]:
    """What an invocation has on its standard input: the prompt file, a pipe that holds the prompt, or nothing."""
    if stdin == "pipe":
        with subprocess.Popen(["cat", prompt_file], stdout=subprocess.PIPE) as cat:
            assert cat.stdout is not None
            yield cat.stdout
    else:
        with (prompt_file if stdin == "prompt" else Path(os.devnull)).open("rb") as file:
            yield file


@contextlib.contextmanager
def serving(directory: Path) -> Iterator[Agents]:
    """The real CLIs that are installed, while the context lasts; ``directory`` takes all files of it."""
    journal = directory / "requests.jsonl"
    journal.touch()
    shims = directory / "bin"
    shims.mkdir()
    with (directory / "server.log").open("w+") as log, start_server(journal, log.fileno()) as server:
        assert server.stdin is not None
        assert server.stdout is not None
        with server.stdin, server.stdout:
            url = server.stdout.readline().strip()
            if not url:
                log.seek(0)
                unavailable(log.read().strip() or "the model server did not start")
            write_shims(shims, server.pid)
            yield Agents(url=url, bin=shims, journal=journal)


def start_server(journal: Path, log: int) -> subprocess.Popen[str]:
    """Start the model server in a namespace. It ends when its standard input is closed."""
    python = (sys.executable, "-m")
    return subprocess.Popen(
        [
            *(*python, "tests.fixtures.loopback_only"),
            *(*python, "tests.model_server", "--while-stdin-is-open", "--record", str(journal)),
        ],
        cwd=Path(__file__).parents[2],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=log,
        text=True,
    )


def write_shims(directory: Path, holder: int) -> None:
    if shutil.which("nsenter") is None:
        unavailable("nsenter (util-linux) is not installed")
    pinned = ((cli, find(cli)) for cli in (*CLIS, *OTHERS))
    for name, program in (*pinned, *found_versions()):
        if program is not None:
            shim = directory / name
            shim.write_text(
                SHIM.format(
                    program=shlex.quote(program),
                    node=shlex.quote(str(node_directory())),
                    holder=holder,
                    user="" if os.geteuid() == 0 else "--user --preserve-credentials",
                    namespace=Path(f"/proc/{holder}/ns/net").readlink(),
                )
            )
            shim.chmod(0o755)


@pytest.fixture(scope="session")
def agents(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Agents]:
    """The real agent CLIs in a network namespace of their own, with a model server."""
    with serving(tmp_path_factory.mktemp("agents")) as running:
        yield running


def summary() -> str | None:
    """Return a line for the end of a test run in which a CLI was missing."""
    missing = [cli for cli in (*CLIS, *OTHERS) if find(cli) is None]
    if not missing:
        return None
    return f"agent CLIs not found, so their tests did not run: {', '.join(missing)} ({HOW_TO_INSTALL})"
