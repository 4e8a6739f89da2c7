"""What the four protocols have in common."""

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Protocol

import msgspec

from tests.model_server.script import Failure, Reply
from tests.model_server.tools import Tool

Json = Mapping[str, object]

# Texts that the CLIs themselves put into the conversation in the user's name.
CONTEXT = (
    "<system-reminder>",
    "<environment_context>",
    "<session_context>",
    "<user_instructions>",
    "<environment_details>",  # kilo
    "<system>",  # gptme: "No tool call detected in last message."
)

# What else they put around the user's words: copilot, gptme, aider.
AROUND = re.compile(
    r"""\A(?: <current_datetime>.*?</current_datetime>\s* | `{3,}stdin\n )
    | \n`{3,}\Z
    | \n\nTo\ suggest\ changes\ to\ a\ file\ you\ MUST\ return.*\Z""",
    re.DOTALL | re.VERBOSE,
)

# What stands in the system prompt of requests that a CLI makes for itself: titles of sessions, memory.
HELPERS = (
    "You are a title generator",  # opencode, kilo
    "Generate concise conversation titles.",  # gptme
    "You are now acting as the managed memory",  # qwen
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Turn:
    """One request for a model's answer: the last prompt in it and how many tool results followed that.

    ``helps`` says that the CLI asks for itself, so the prompt in it is no order. ``tools`` and ``directory``, the work
    directory as the CLI names it, are those of a dialect that is spoken by many CLIs.
    """

    prompt: str
    results: int
    model: str
    stream: bool
    helps: bool = False
    has_tools: bool = True
    tools: Sequence[Tool] = ()
    directory: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class ErrorAnswer:
    """A failed request. With ``event`` it fails after its beginning, by a server-sent event of that name."""

    status: int
    body: Json
    headers: Mapping[str, str] = field(default_factory=dict)
    event: str | None = None


class Dialect(Protocol):
    """One vendor's protocol, as pure functions. ``read`` raises msgspec.MsgspecError for a strange body."""

    def read(self, path: str, body: bytes) -> Turn: ...

    def stream(self, turn: Turn, reply: Reply) -> Sequence[str]:
        """Return the server-sent events that carry the reply."""
        ...

    def whole(self, turn: Turn, reply: Reply) -> Json:
        """Return the reply as one object."""
        ...

    def failure(self, failure: Failure) -> ErrorAnswer: ...


def is_prompt(text: str) -> bool:
    """Return whether a user text of the conversation came from the user."""
    return bool(text.strip()) and not text.lstrip().startswith(CONTEXT)


def is_helper(instructions: Iterable[str]) -> bool:
    """Return whether a request with these system prompts is one that the CLI makes for itself."""
    return any(helper in text for text in instructions for helper in HELPERS)


def own_words(text: str) -> str:
    """Return what the user said of a user text."""
    return AROUND.sub("", text)


def server_sent(data: Json, event: str | None = None) -> str:
    name = f"event: {event}\n" if event else ""
    return f"{name}data: {msgspec.json.encode(data).decode()}\n\n"


def event(kind: str, **fields: object) -> str:
    """Return a server-sent event whose name is also its ``type``."""
    return server_sent({"type": kind, **fields}, kind)
