"""What the three protocols have in common."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Protocol

import msgspec

from tests.model_server.script import Failure, Reply

Json = Mapping[str, object]

# Texts that the CLIs themselves put into the conversation in the user's name.
CONTEXT = ("<system-reminder>", "<environment_context>", "<session_context>", "<user_instructions>")


@dataclass(frozen=True, slots=True, kw_only=True)
class Turn:
    """One request for a model's answer: the last prompt in it and how many tool results followed that."""

    prompt: str
    results: int
    model: str
    stream: bool


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


def server_sent(data: Json, event: str | None = None) -> str:
    name = f"event: {event}\n" if event else ""
    return f"{name}data: {msgspec.json.encode(data).decode()}\n\n"


def event(kind: str, **fields: object) -> str:
    """Return a server-sent event whose name is also its ``type``."""
    return server_sent({"type": kind, **fields}, kind)
