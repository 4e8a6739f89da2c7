"""What each permission profile lets each real CLI do: which tools the model is offered, and what really happens."""

import uuid
from collections.abc import Iterator, Mapping
from pathlib import Path

import msgspec
import pytest

from tests.agents.real_agents import Agents
from tests.model_server import RecordedRequest
from tests.wrappers.desk import Desk
from wrappers.base import is_among
from wrappers.modes import Permission

CONNECT = "import socket; socket.create_connection(('127.0.0.1', {port}), 5); open('connected', 'w')"

# codex alone has a sandbox of the operating system. gemini's file tools stay in the work directory even in full.
DONE: Mapping[tuple[str, Permission], set[str]] = {
    ("claude", "read"): set(),
    ("claude", "edit"): {"write", "command"},
    ("claude", "full"): {"write", "command", "write outside", "connect"},
    ("codex", "read"): set(),
    ("codex", "edit"): {"write", "command"},
    ("codex", "full"): {"write", "command", "write outside", "connect"},
    ("gemini", "read"): set(),
    ("gemini", "edit"): {"write"},
    ("gemini", "full"): {"write", "command", "connect"},
}
# The offered tools that write or run anything. codex always offers its shell, and its sandbox decides.
OFFERED: Mapping[tuple[str, Permission], set[str]] = {
    ("claude", "read"): {"Bash"},
    ("claude", "edit"): {"Bash", "Edit", "Write"},
    ("claude", "full"): {"Bash", "Edit", "Write"},
    ("codex", "read"): {"exec_command"},
    ("codex", "edit"): {"exec_command"},
    ("codex", "full"): {"exec_command"},
    ("gemini", "read"): set(),
    ("gemini", "edit"): {"replace", "write_file", "web_fetch"},
    ("gemini", "full"): {"replace", "write_file", "web_fetch", "run_shell_command"},
}
DANGEROUS = set().union(*OFFERED.values()) | {"NotebookEdit", "MultiEdit"}
# How much the CLI itself reports as denied. codex reports nothing, claude does not report a tool that it did not offer.
DENIED: Mapping[tuple[str, Permission], int] = {
    **dict.fromkeys(DONE, 0),
    ("claude", "read"): 2,
    ("claude", "edit"): 2,
    ("gemini", "read"): 4,
    ("gemini", "edit"): 3,
    ("gemini", "full"): 1,
}


@pytest.fixture
def outside() -> Iterator[Path]:
    """A file that is not below the work directory, nor in /tmp, where codex lets its commands write."""
    file = Path("/var/tmp") / f"llmctl-test-{uuid.uuid4().hex}"
    yield file
    file.unlink(missing_ok=True)


@pytest.mark.parametrize(("cli", "permission"), DONE)
def test_a_profile_offers_and_allows_what_it_says(
    agents: Agents, tmp_path: Path, outside: Path, cli: str, permission: Permission
) -> None:
    desk = Desk(agents, cli, tmp_path)
    if (cli, permission) == ("claude", "full"):  # refused as root, unless it is told that this is a sandbox
        desk.set_variables(IS_SANDBOX="1")
    connect = CONNECT.format(port=agents.url.rpartition(":")[2])
    mark = uuid.uuid4().hex
    story = desk.run(
        f"{mark} [[write written: x]] [[run: touch ran]] [[write {outside}: x]]"
        f' [[run: python3 -c "{connect}"]] [[say: that is all]]',
        permission,
    )

    assert story.outcome.final_text == "that is all"
    marks = {"write": "written", "command": "ran", "connect": "connected"}
    done = {what for what, name in marks.items() if (desk.work / name).exists()}
    done |= {"write outside"} if outside.exists() else set()
    assert done == DONE[cli, permission]
    assert offered(agents.requests(mark)[0]) & DANGEROUS == OFFERED[cli, permission]
    assert len(story.outcome.denials) == DENIED[cli, permission], story.outcome.denials


@pytest.mark.parametrize(
    ("cli", "path"),
    [
        ("claude", ".claude/settings.json"),
        ("claude", ".mcp.json"),
        ("gemini", ".gemini/.env"),
        ("gemini", ".env"),
    ],
)
def test_no_cli_lets_its_agent_write_what_would_steer_the_next_run(
    agents: Agents, tmp_path: Path, cli: str, path: str
) -> None:
    desk = Desk(agents, cli, tmp_path)
    story = desk.run(f"[[write {path}: x]] [[say: not allowed]]")

    assert is_among(desk.wrapper.steering_files, path)
    assert story.outcome.final_text == "not allowed"
    assert not (desk.work / path).exists()
    assert len(story.outcome.denials) == 1


class Tool(msgspec.Struct, rename="camel"):
    name: str = ""
    function_declarations: list["Tool"] = []


class Body(msgspec.Struct):
    tools: list[Tool] = []


def offered(request: RecordedRequest) -> set[str]:
    """The tools that a request offers to the model, in any of the three protocols."""
    tools = msgspec.json.decode(request.body, type=Body).tools
    return {one.name for tool in tools for one in (tool, *tool.function_declarations)}
