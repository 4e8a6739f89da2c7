"""A real CLI with what it needs to run prompts in a test."""

import os
import uuid
from dataclasses import dataclass, replace
from pathlib import Path

from dispatcher.run.preparation.config_home import newest_file
from tests.agents.real_agents import Agents, Ran
from wrappers.base import Activity, Event, Invocation, Outcome, Permission, Request
from wrappers.command.settings import ToolSettings
from wrappers.registry import configured

# claude checks nothing, codex warns of unknown models, gemini has special rules for some.
MODELS = {"claude": "claude-sonnet-4-5", "codex": "test-model", "gemini": "gemini-2.5-flash"}


BUSY = 5
"""How often gemini is started again when it does not get its prompt in time."""


@dataclass(frozen=True)
class Story:
    """One run, from its prompt to its outcome."""

    outcome: Outcome
    events: list[Event]

    @property
    def activities(self) -> list[str]:
        return [event.text for event in self.events if isinstance(event, Activity)]


class Desk:
    """Runs prompts with one CLI, in one work directory, with one account."""

    def __init__(self, agents: Agents, cli: str, directory: Path) -> None:
        self.agents = agents
        self.cli = cli
        self.directory = directory
        self.work = directory / "work"
        self.work.mkdir()
        self.is_untrusted = False
        self.account = agents.account(cli, directory / "home", key=f"sk-{uuid.uuid4().hex}")
        self.wrapper = configured({cli: ToolSettings(command=str(agents.program(cli)))})[cli]

    def set_variables(self, **variables: str) -> None:
        self.account = replace(self.account, env={**self.account.env, **variables})

    def log_out(self) -> None:
        """Take the key from the account."""
        keyless = {name: value for name, value in self.account.env.items() if value != self.account.key}
        self.account = replace(self.account, env=keyless)

    def subscribe(self) -> None:
        """Give claude a subscription instead of its key."""
        self.log_out()
        self.set_variables(CLAUDE_CODE_OAUTH_TOKEN="oauth")

    def request(
        self, prompt: str, permission: Permission = "edit", resume: str | None = None
    ) -> tuple[Invocation, Path]:
        prompt_file = self.directory / "prompt"
        prompt_file.write_text(prompt)
        request = Request(
            run_id=str(uuid.uuid4()),
            prompt_file=str(prompt_file),
            model=MODELS[self.cli],
            permission=permission,
            resume=resume,
            config_home=str(self.account.config_home),
            is_untrusted=self.is_untrusted,
        )
        return self.wrapper.invocation(request), prompt_file

    def run_raw(self, prompt: str, permission: Permission = "edit", resume: str | None = None) -> Ran:
        invocation, prompt_file = self.request(prompt, permission, resume)
        return self.agents.run(invocation, self.account, prompt_file, self.work)

    def run_without_prompt(self) -> Ran:
        """Run it on a FIFO that is held open and never written: the prompt does not arrive in time."""
        invocation, prompt_file = self.request("never read")
        prompt_file.unlink()
        os.mkfifo(prompt_file)
        writer = os.open(prompt_file, os.O_RDWR)
        try:
            return self.agents.run(invocation, self.account, prompt_file, self.work)
        finally:
            os.close(writer)
            prompt_file.unlink()

    def run(self, prompt: str, permission: Permission = "edit", resume: str | None = None) -> Story:
        """Run it, and run it again if this host was too busy for it, as a dispatcher would."""
        for _ in range(BUSY):
            story = self.read(self.run_raw(prompt, permission, resume))
            if story.outcome.error_class != "no_resources":
                break
        return story

    def read(self, ran: Ran) -> Story:
        """Return what the wrapper reads from a run."""
        parser = self.wrapper.parser()
        events = list(parser.feed_stdout(ran.stdout))
        wanted = parser.failure_file()
        failure_file = newest_file(self.account.config_home, wanted) if wanted else b""
        return Story(parser.finish(replace(ran.ending, failure_file=failure_file)), events)


def prompt_of(length: int, mark: str) -> str:
    """Return a prompt of this many bytes; its lines differ, so no CLI takes them for a loop."""
    lines = "".join(f"line {number}\n" for number in range(length // 6))
    return f"{mark} [[say: read it]]\n{lines}"[:length]
