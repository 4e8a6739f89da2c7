"""The config home of a test account of each agent CLI, a module for each family.

A module's function writes the files of the home that point the CLI at the model server, and returns the variables that
go with them. The key is in one variable and in no file, so an account is logged out by taking that variable away. Each
CLI is set to ask nobody else (no telemetry, no updates, no list of models), and to repeat a failed request as seldom as
its settings allow.
"""

from collections.abc import Callable, Mapping
from pathlib import Path

from tests.agents.homes import aider, built_in, cline, copilot, droid, gptme, llm, opencode, pi, qwen, vibe

Prepare = Callable[[Path, str, str], Mapping[str, str]]
"""Called with the home, the address of the model server and the key."""

BUILT_IN: Mapping[str, Prepare] = {
    "claude": built_in.claude,
    "codex": built_in.codex,
    "gemini": built_in.gemini,
}
OTHERS: Mapping[str, Prepare] = {
    "opencode": opencode.opencode,
    "kilo": opencode.kilo,
    "copilot": copilot.copilot,
    "qwen": qwen.qwen,
    "pi": pi.pi,
    "cline": cline.cline,
    "droid": droid.droid,
    "vibe": vibe.vibe,
    "aider": aider.aider,
    "gptme": gptme.gptme,
    "llm": llm.llm,
}
