"""The hunt for secrets with the real CLIs: keys of their accounts, one from a variable and one from a file each."""

import os
import subprocess
import sys
from collections.abc import Iterator
from itertools import cycle
from pathlib import Path

import pytest

from tests.agents.real_agents import CLIS, Agents
from tests.fixtures.dispatchers import ROOT, Site
from tests.fixtures.hunting import Hunt, command_lines, hunting

OF_ENVIRONMENT = "sk-planted-0c9f53e1a7"
OF_FILE = "sk-planted-file-51d0aa93c4"
LONGEST = 120.0
ACCOUNTS = ("variable", "file")
MODELS = {"gemini": "gemini-2.5-flash"}


@pytest.fixture
def hunt(site: Site) -> Iterator[Hunt]:
    with hunting(site, OF_ENVIRONMENT, OF_FILE) as begun:
        yield begun


@pytest.fixture
def accounts(site: Site, agents: Agents, tmp_path: Path) -> None:
    """For each CLI, an account whose key is in a variable of the dispatcher, and one whose key is in a file."""
    file = tmp_path / "key"
    file.write_text(OF_FILE + "\n")
    file.chmod(0o600)
    groups: dict[str, object] = {}
    for cli in CLIS:
        for name, key, reference in (
            ("variable", OF_ENVIRONMENT, "env:PLANTED"),
            ("file", OF_FILE, f"file:{file}"),
        ):
            account = agents.account(cli, tmp_path / "homes" / f"{cli}-{name}", key)
            env = {variable: reference if value == key else value for variable, value in account.env.items()}
            if cli == "claude":
                env["IS_SANDBOX"] = "1"
            groups[f"{cli}-{name}"] = {
                "tool": cli, "account": name, "env": env, "config_home": str(account.config_home)
            }  # fmt: skip
    site.configure("tools", **{cli: {"command": str(agents.program(cli))} for cli in CLIS})
    site.configure("groups", **groups)
    site.configure("logging", level="debug")
    site.configure("execution", cleanup="never")
    site.configure("security", allow_dangerous_flags=True)


def submit_to_all(site: Site, prompt: str, **fields: object) -> list[int]:
    return [submit(site, prompt, cli, account, **fields) for cli in CLIS for account in ACCOUNTS]


def submit_to_each(site: Site, prompt: str, **fields: object) -> list[int]:
    """Queue it once for each CLI, with the kinds of accounts in turns."""
    return [
        submit(site, prompt, cli, account, **fields)
        for cli, account in zip(CLIS, cycle(ACCOUNTS), strict=False)
    ]


def submit(site: Site, prompt: str, cli: str, account: str, **fields: object) -> int:
    return site.submit(prompt, tool=cli, account=account, model=MODELS.get(cli), max_attempts=1, **fields)


def said_by_llmctl(site: Site, *numbers: int) -> Iterator[str]:
    """Yield what a person is shown of these tasks and of everything else."""
    of_all = (("ls", "-o", "json"), ("group", "ls", "-o", "json"), ("watch",), ("stats",), ("doctor",))
    of_one = (
        ("show", "-o", "json"),
        ("show",),
        ("runs", "-o", "json"),
        ("logs",),
        ("result",),
        ("files", "ls"),
    )
    calls = [*of_all, *((*words, str(number)) for number in numbers for words in of_one)]
    for arguments in calls:
        done = subprocess.run(
            [sys.executable, "-m", "cli.main", *arguments],
            cwd=ROOT,
            env={
                "PATH": os.environ["PATH"],
                "HOME": str(site.directory),
                "LLMCTL_CONFIG": str(site.write_config()),
                "LLMCTL_HOME": str(site.directory / "home"),
                "LLMCTL_DATABASE_URL": site.url,
                "PLANTED": OF_ENVIRONMENT,
            },
            capture_output=True,
            text=True,
            timeout=60,
            check=False,
        )
        yield done.stdout + done.stderr


def test_the_key_of_a_real_agent_is_nowhere_but_in_its_environment_and_its_requests(
    site: Site, agents: Agents, hunt: Hunt, accounts: None
) -> None:
    dispatcher = site.start(env={"PLANTED": OF_ENVIRONMENT})
    numbers = submit_to_all(
        site, "[[slow 4]] [[write report.md: x]] [[say: quiet]]", output_files=["report.md"]
    )
    running: list[bytes] = []

    def all_ended() -> bool:
        running.extend(command_lines())
        return all(site.task(number)["finished_at"] for number in numbers)

    site.wait_until(all_ended, LONGEST)

    site.wait_for("succeeded", *numbers)
    used = str([request.headers for request in agents.requests()])
    assert {OF_ENVIRONMENT, OF_FILE} == set(hunt.traces(used)), "the keys were really used"
    for cli in CLIS:
        assert any(cli.encode() in line for line in running)
    assert [line for line in running if hunt.traces(line)] == []
    hunt.assert_nowhere(dispatcher)
    hunt.assert_not_in_files()
    assert [text for text in said_by_llmctl(site, *numbers[:2]) if hunt.traces(text)] == []


def test_an_agent_that_prints_its_key_is_shown_with_stars(site: Site, hunt: Hunt, accounts: None) -> None:
    dispatcher = site.start(env={"PLANTED": OF_ENVIRONMENT})
    numbers = submit_to_each(
        site, "[[run: printenv | tee seen.txt]] [[say: told]]", permission="full", output_files=["seen.txt"]
    )
    site.wait_until(lambda: all(site.task(number)["finished_at"] for number in numbers), LONGEST)

    seen = {number: (site.workspace(number) / "work" / "seen.txt").read_text() for number in numbers}
    assert set(hunt.traces("".join(seen.values()))) == {OF_ENVIRONMENT, OF_FILE}, "it could see them"
    hunt.assert_nowhere(dispatcher)
    assert [text for text in said_by_llmctl(site, *numbers) if hunt.traces(text)] == []


def test_a_service_that_repeats_the_key_in_its_refusal_is_not_quoted(
    site: Site, hunt: Hunt, accounts: None
) -> None:
    dispatcher = site.start(env={"PLANTED": OF_ENVIRONMENT})
    numbers = submit_to_each(site, "[[fail echo]]")
    site.wait_until(lambda: all(site.runs(n) and site.runs(n)[0]["finished_at"] for n in numbers), LONGEST)

    messages = " ".join(str(site.runs(number)[0]["error_message"]) for number in numbers)
    assert "***" in messages
    hunt.assert_nowhere(dispatcher)
    assert [text for text in said_by_llmctl(site, *numbers) if hunt.traces(text)] == []
