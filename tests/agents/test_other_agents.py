"""The CLIs that llmctl does not build in, started as their documentation says, against the model server."""

from collections.abc import Mapping, Sequence
from pathlib import Path

import pytest

from tests.agents.real_agents import OTHERS, Agents, Ran
from wrappers.base import Invocation

COMMANDS: Mapping[str, Sequence[str]] = {
    "opencode": ("run", "--format", "json"),
    "kilo": ("run", "--format", "json"),
    "copilot": ("--output-format", "json", "--no-auto-update", "--allow-all-tools"),
    "qwen": ("--output-format", "stream-json", "--approval-mode", "yolo"),
    "pi": ("--mode", "json", "-p"),
    "cline": ("--json", "--", "{prompt}"),
    "droid": ("exec", "-o", "stream-json", "--auto", "low", "-m", "custom:test-model"),
    "vibe": ("--output", "streaming", "--trust", "--auto-approve", "--prompt-file", "{file}"),
    "aider": ("--yes-always", "--message-file", "{file}"),
    "gptme": ("-n", "--output-format", "json", "-m", "local/test-model", "--tool-format", "tool"),
    "llm": ("-m", "test-model", "--json"),
}
"""What follows the name. The prompt is on stdin as well."""


def run(agents: Agents, cli: str, directory: Path, prompt: str) -> Ran:
    account = agents.account(cli, directory / "home")
    work = directory / "work"
    work.mkdir(exist_ok=True)
    prompt_file = directory / "prompt"
    prompt_file.write_text(prompt)
    arguments = [part.format(prompt=prompt, file=prompt_file) for part in COMMANDS[cli]]
    argv = (str(agents.program(cli)), *arguments)
    return agents.run(Invocation(argv=argv, env={}, stdin="prompt"), account, prompt_file, work)


@pytest.mark.parametrize("cli", OTHERS)
def test_it_answers_what_the_model_says(agents: Agents, cli: str, tmp_path: Path) -> None:
    ran = run(agents, cli, tmp_path, "[[say: hello]]")

    assert ran.ending.exit_code == 0, ran
    assert b"hello" in ran.stdout
