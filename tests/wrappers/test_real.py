"""Each real CLI, started as its wrapper says, against the model server."""

import uuid
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.real_agents import CLIS, Account, Agents
from wrappers.base import Event, Outcome, Permission, Request
from wrappers.command import ToolSettings
from wrappers.registry import configured


@dataclass(frozen=True)
class Story:
    outcome: Outcome
    events: list[Event]
    work: Path
    request: Request


Tell = Callable[..., Story]


@pytest.fixture(params=CLIS)
def cli(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture
def tell(agents: Agents, cli: str, tmp_path: Path) -> Tell:
    """Runs a prompt with the CLI, through the wrapper."""
    wrapper = configured({cli: ToolSettings(command=str(agents.program(cli)))})[cli]
    account = agents.account(cli, tmp_path / "home", key=f"sk-{uuid.uuid4()}")
    work = tmp_path / "work"
    work.mkdir()

    def run(prompt: str, permission: Permission = "edit", resume: str | None = None) -> Story:
        prompt_file = tmp_path / "prompt"
        prompt_file.write_text(prompt)
        request = Request(
            run_id=str(uuid.uuid4()),
            prompt_file=str(prompt_file),
            model="gemini-2.5-flash" if cli == "gemini" else "test-model",
            permission=permission,
            resume=resume,
            config_home=str(account.config_home),
        )
        ran = agents.run(wrapper.invocation(request), account, prompt_file, work)
        parser = wrapper.parser()
        events = list(parser.feed(ran.stdout))
        return Story(parser.finish(ran.ending), events, work, request)

    return run
