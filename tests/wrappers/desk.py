"""A real CLI with what it needs to run prompts in a test."""

import contextlib
import os
import subprocess
import tempfile
import time
import uuid
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from dispatcher.run.preparation.config_home import newest_file
from tests.agents.real_agents import PATIENCE, Agents, Ran
from wrappers.base import Activity, Ending, Event, Invocation, Outcome, Parser, Request, Waits
from wrappers.command.settings import ToolSettings
from wrappers.modes import Permission
from wrappers.registry import BUILT_IN, configured

# claude checks nothing, codex warns of unknown models, gemini has special rules for some.
MODELS = {
    "claude": "claude-sonnet-4-5",
    "gemini": "gemini-2.5-flash",
    "opencode": "tests/test-model",
    "kilo": "tests/test-model",
    "droid": "custom:test-model",
    "gptme": "local/test-model",
    "aider": "openai/test-model",
}
MODEL = "test-model"
"""The model of all others."""


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


@dataclass(frozen=True)
class Run:
    """A run that has been started, and the files with its output."""

    process: "subprocess.Popen[bytes]"
    directory: Path
    report: Path

    @property
    def printed(self) -> bytes:
        return (self.directory / "stdout").read_bytes()

    @property
    def told(self) -> bytes:
        return (self.directory / "stderr").read_bytes()

    def ran(self) -> Ran:
        """Return what it came to, once it has ended."""
        ending = Ending(
            exit_code=self.process.returncode,
            stderr_tail=self.told[-4000:].decode(errors="replace"),
            report=self.report.read_bytes() if self.report.is_file() else b"",
        )
        return Ran(stdout=self.printed, ending=ending)


class Desk:
    """Runs prompts with one CLI, in one work directory, with one account."""

    def __init__(self, agents: Agents, cli: str, directory: Path, version: str | None = None) -> None:
        self.agents = agents
        self.cli = cli
        self.directory = directory
        self.work = directory / "work"
        self.work.mkdir()
        self.report_directory = ""
        """An empty directory for each run: that of the last."""
        self.is_untrusted = False
        self.takes_default_model = False
        """Whether the CLI chooses its model."""
        self.waits_for: float = PATIENCE
        """After how many seconds of waiting a run is stopped whose CLI says that it waits for its service."""
        self.account = agents.account(cli, directory / "home", key=f"sk-{uuid.uuid4().hex}")
        self.wrapper = configured({cli: ToolSettings(command=str(agents.program(cli, version)))})[cli]

        self.most_output = 2**30
        """After how many bytes on stdout a run is stopped: some go on for ever."""

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
        self, prompt: str, permission: Permission | None = None, resume: str | None = None
    ) -> tuple[Invocation, Path]:
        prompt_file = self.directory / "prompt"
        prompt_file.write_text(prompt)
        self.report_directory = tempfile.mkdtemp(prefix="report-", dir=self.directory)
        request = Request(
            run_id=str(uuid.uuid4()),
            prompt_file=str(prompt_file),
            prompt=prompt if self.wrapper.takes_prompt_as_argument else None,
            report_directory=self.report_directory,
            model=None if self.takes_default_model else self.model,
            permission=permission or self.usual_permission,
            resume=resume,
            config_home=str(self.account.config_home),
            is_untrusted=self.is_untrusted,
        )
        return self.wrapper.invocation(request), prompt_file

    @property
    def usual_permission(self) -> Permission:
        """Return the profile `edit`, or else the widest that the CLI can keep to."""
        return "edit" if "edit" in self.wrapper.permissions else self.wrapper.permissions[-1]

    @property
    def model(self) -> str:
        return MODELS.get(self.cli, MODEL)

    def run_raw(self, prompt: str, permission: Permission | None = None, resume: str | None = None) -> Ran:
        invocation, prompt_file = self.request(prompt, permission, resume)
        if self.cli in BUILT_IN:
            return self.agents.run(invocation, self.account, prompt_file, self.work)
        with self.started(invocation, prompt_file) as run:
            self.wait_for(run)
        return run.ran()

    @contextlib.contextmanager
    def started(self, invocation: Invocation, prompt_file: Path) -> Iterator[Run]:
        """A run whose output goes to files, as in a dispatcher's run."""
        with (
            (self.directory / "stdout").open("wb") as stdout,
            (self.directory / "stderr").open("wb") as stderr,
            self.agents.started(
                invocation, self.account, prompt_file, self.work, (stdout, stderr)
            ) as process,
        ):
            yield Run(
                process, self.directory, Path(self.report_directory, self.wrapper.report_file or "none")
            )

    def wait_for(self, run: Run) -> None:
        """Wait for the end of a run, and stop it as a dispatcher would when it waits for its service."""
        waits_since = None
        while run.process.returncode is None:
            try:
                run.process.wait(0.2)
            except subprocess.TimeoutExpired:
                parser = self.wrapper.parser()
                printed = run.printed
                events = [*parser.feed_stdout(printed), *parser.feed_stderr(run.told)]
                waits = any(isinstance(event, Waits) for event in events)
                if len(printed) > self.most_output:
                    run.process.send_signal(self.wrapper.stop.signal)
                waits_since = (waits_since or time.monotonic()) if waits else None
                if waits_since is not None and time.monotonic() > waits_since + self.waits_for:
                    run.process.send_signal(self.wrapper.stop.signal)

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

    def run(self, prompt: str, permission: Permission | None = None, resume: str | None = None) -> Story:
        """Run it, and run it again if this host was too busy for it, as a dispatcher would."""
        for _ in range(BUSY):
            story = self.read(self.run_raw(prompt, permission, resume))
            if story.outcome.error_class != "no_resources":
                break
        return story

    def read(self, ran: Ran) -> Story:
        """Return what the wrapper reads from a run."""
        parser = self.wrapper.parser()
        events = feed(parser, [ran.stdout], ran.ending, self.cli)
        wanted = parser.failure_file()
        failure_file = newest_file(self.account.config_home, wanted) if wanted else b""
        return Story(parser.finish(replace(ran.ending, failure_file=failure_file)), events)


def feed(parser: Parser, stdout: Sequence[bytes], ending: Ending, cli: str) -> list[Event]:
    """Give a parser what a run printed.

    Which line of stderr came between which lines of stdout is not known. What a run said there that succeeded was
    before its end, and what a run said there that failed may be why.
    """
    stderr = [] if cli in BUILT_IN else [ending.stderr_tail.encode()]
    before, after = (stderr, []) if ending.exit_code == 0 else ([], stderr)
    return [
        *(event for chunk in before for event in parser.feed_stderr(chunk)),
        *(event for chunk in stdout for event in parser.feed_stdout(chunk)),
        *(event for chunk in after for event in parser.feed_stderr(chunk)),
    ]


def prompt_of(length: int, mark: str) -> str:
    """Return a prompt of this many bytes; its lines differ, so no CLI takes them for a loop."""
    lines = "".join(f"line {number}\n" for number in range(length // 6))
    return f"{mark} [[say: read it]]\n{lines}"[:length]
