"""The secrets of an account appear in no table, notification, log, process list or workspace."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.fixtures.dispatchers import Dispatcher, Site
from tests.fixtures.hunting import Hunt, command_lines, hunting

OF_ENVIRONMENT = 'sk-planted-3f9a"b\\c1d7'
OF_FILE = "sk-planted-file-77c0ffee42"


@pytest.fixture
def hunt(site: Site) -> Iterator[Hunt]:
    with hunting(site, OF_ENVIRONMENT, OF_FILE) as begun:
        yield begun


@pytest.fixture
def dispatcher(site: Site, tmp_path: Path) -> Dispatcher:
    """A dispatcher whose account has one secret in its environment and one in a file."""
    file = tmp_path / "key"
    file.write_text(OF_FILE + "\n")
    file.chmod(0o600)
    env = {"A_KEY": "env:PLANTED", "B_TOKEN": f"file:{file}"}
    talker = {"argv": ["sh", "{prompt_file}"], "output": "json", "answer": "said", "session": "id"}
    site.configure("tools", talker=talker)
    site.configure("groups", talker={"tool": "talker", "env": {}})
    for tool in ("sh", "python", "talker"):
        site.configure("groups", **{tool: {"env": {**site_env(site, tool), **env}}})
    site.configure("logging", level="debug")
    site.configure("execution", cleanup="never")
    return site.start(env={"PLANTED": OF_ENVIRONMENT})


def site_env(site: Site, group: str) -> dict[str, str]:
    found = site.config["groups"][group]
    assert isinstance(found, dict)
    return dict(found["env"])


def test_an_agent_that_says_nothing_of_its_secrets_leaves_no_trace_of_them(
    site: Site, dispatcher: Dispatcher, hunt: Hunt
) -> None:
    gate = site.gate()
    number = site.submit(f'test "$A_KEY$B_TOKEN" != "" && {gate.pass_through} && echo it has them')
    site.wait_for("running", number)
    running = list(command_lines())
    gate.open()
    site.wait_for("succeeded", number)

    assert site.task(number)["result"]["text"] == "it has them"
    assert any(b"run" in line for line in running)
    assert [line for line in running if hunt.traces(line)] == []
    hunt.assert_nowhere(dispatcher)
    hunt.assert_not_in_files()


@pytest.mark.parametrize(
    "telling",
    [
        'printf "%s and %s" "$A_KEY" "$B_TOKEN"',
        'printf "%s and %s" "$A_KEY" "$B_TOKEN" >&2; exit 3',
        'printf %s "$B_TOKEN" | head -c 9; sleep 0.6; printf %s "$B_TOKEN" | tail -c +10; printf "\\n%s" "$A_KEY"',
        'exec "/$A_KEY/$B_TOKEN"',
    ],
    ids=["answer", "error", "in pieces", "program"],
)
def test_an_agent_that_tells_its_secrets_is_not_believed_by_anybody(
    site: Site, dispatcher: Dispatcher, hunt: Hunt, telling: str
) -> None:
    number = site.submit(telling, max_attempts=1)
    site.wait_until(lambda: site.task(number)["finished_at"])

    [run] = site.runs(number)
    assert "***" in f"{run['stdout_trunc']}{run['stderr']}"
    hunt.assert_nowhere(dispatcher)


def test_an_agent_that_names_its_session_by_a_secret_tells_nobody(
    site: Site, dispatcher: Dispatcher, hunt: Hunt
) -> None:
    number = site.submit("""printf '{"said": "hello", "id": "s-%s"}' "$B_TOKEN" """, tool="talker")
    site.wait_for("succeeded", number)

    assert site.task(number)["result"]["text"] == "hello"
    hunt.assert_nowhere(dispatcher)


def test_a_secret_that_cannot_be_resolved_is_named_and_not_shown(site: Site, hunt: Hunt) -> None:
    file = site.directory / "open-key"
    file.write_text(OF_FILE)
    file.chmod(0o644)
    site.configure("groups", sh={"env": {**site_env(site, "sh"), "B_TOKEN": f"file:{file}"}})
    dispatcher = site.start()
    number = site.submit("echo never", max_attempts=1)

    def why() -> str:
        [row] = site.sql("SELECT why_waiting(%s) AS why", str(number))
        return str(row["why"])

    site.wait_until(lambda: "can be read by others" in why())
    assert site.task(number)["status"] == "queued"
    hunt.assert_nowhere(dispatcher)
