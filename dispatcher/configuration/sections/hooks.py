"""The section about hooks: who is told of what happens."""

import re
from collections.abc import Mapping
from typing import Annotated, Literal
from urllib.parse import SplitResult, urlsplit

from msgspec import Meta, Struct, field

from dispatcher.configuration.secret_references import is_reference
from dispatcher.configuration.sections.values import Line, require_no_secrets
from dispatcher.configuration.strict_yaml import READS
from dispatcher.durations import seconds_of

Event = Literal[
    "task.started", "task.finished", "task.failed", "task.canceled", "task.waiting", "task.question", "task.approval",
    "group.paused", "group.cooled", "budget.80", "workflow.done", "schedule.paused",
]  # fmt: skip
Argument = Annotated[
    str, Meta(max_length=32_000, pattern=r"\A[^\x00\ud800-\udfff]*\Z", description="text without NUL")
]
HookSeconds = Annotated[
    float,
    Meta(
        gt=0,
        le=600,
        description="a length of time of at most 10m, or a number of seconds",
        extra={READS: seconds_of},
    ),
]

_PRINTABLE = re.compile(r"[!-~]{1,4000}")

# What stands below a field is its line in docs/configuration.md, which `just docs` writes.


class HookSelection(Struct, frozen=True, forbid_unknown_fields=True):
    """What a hook hears of. It does not hear events that have none of a key: groups have a tool only."""

    tenant: Line | None = None
    """Only of this tenant."""
    queue: Line | None = None
    """Only of this queue."""
    workflow: Line | None = None
    """Only of this workflow."""
    tool: Line | None = None
    """Only of this tool."""
    labels: Mapping[str, str] = field(default_factory=dict)
    """Only of tasks with these labels."""

    def as_json(self) -> dict[str, object]:
        """Return the keys that are given, as put_hooks() takes them."""
        chosen = {name: value for name in self.__struct_fields__ if (value := getattr(self, name))}
        return dict(sorted(chosen.items()))


class HookSettings(Struct, frozen=True, forbid_unknown_fields=True):
    """Somebody to tell of what happens: a command with the event on stdin, or a webhook by Standard Webhooks."""

    events: tuple[Event, ...]
    """What it is told; `task.finished` is a success."""
    command: tuple[Argument, ...] | None = None
    """A program and its arguments; it has `LLMCTL_EVENT`, `LLMCTL_TASK` and what `env` says."""
    env: Mapping[str, str] = field(default_factory=dict)
    """Variables of the command: plain values and references to secrets (`env:NAME`, `file:/path`), never a secret."""
    url: str | None = None
    """An address to POST to, or a reference to it (`env:NAME`, `file:/path`) if it is secret."""
    secret: str | None = None
    """A reference to the secret of Standard Webhooks (`whsec_…`) that signs what is sent; without it, none."""
    allow_private: bool = False
    """Whether the address may be private or of this machine, and `http:`."""
    timeout: HookSeconds | None = None
    """How long a delivery may take, at most 10m; unless given, 15s for a webhook and 30s for a command."""
    select: HookSelection = field(default_factory=HookSelection)
    """`tenant`, `queue`, `workflow`, `tool`, `labels`: it hears only of what fits all of them."""
    hears: Literal["all", "named"] = "all"
    """`named`: only tasks that name it (`llmctl submit --hook`)."""
    content: bool = False
    """Whether it is told prompts, answers and questions, too."""

    def __post_init__(self) -> None:
        if not self.events:
            raise ValueError("events must name at least one event")
        if (self.command is None) == (self.url is None):
            raise ValueError("give command or url, and not both")
        if self.command is not None and not (self.command and self.command[0]):
            raise ValueError("command must begin with a program")
        if self.url is not None and not is_reference(self.url):
            parts_of(self.url, allow_private=self.allow_private)
        if self.secret is not None and not is_reference(self.secret):
            raise ValueError(
                'secret must be a reference: "env:NAME" or "file:/path", never the secret itself'
            )
        require_no_secrets(self.env)

    @property
    def kind(self) -> Literal["command", "webhook"]:
        return "webhook" if self.command is None else "command"

    @property
    def target(self) -> str:
        """The program, or the host of the address: more of an address may be secret."""
        if self.command is not None:
            return self.command[0]
        assert self.url is not None
        if is_reference(self.url):
            return self.url
        parts = urlsplit(self.url)
        return f"{parts.scheme}://{parts.netloc}"

    @property
    def time_limit(self) -> float:
        """Seconds that a delivery may take."""
        return self.timeout or (15.0 if self.command is None else 30.0)


class InboundHookSettings(Struct, frozen=True, forbid_unknown_fields=True):
    """A request of a forge, `POST /hooks/NAME` of the HTTP API, that queues a task; a signature proves who it is."""

    kind: Literal["github", "gitlab", "standard"]
    """How requests are signed: as GitHub or GitLab do, or by Standard Webhooks."""
    secret: str
    """A reference to the secret that the forge has, too (`env:NAME`, `file:/path`)."""
    task: Mapping[str, object]
    """The task under the keys of submit_tasks(), with `tool` and `prompt`. `{{a.b}}` in prompt, name and labels becomes
    that value of the body. Its permission is `read` unless given."""
    events: tuple[Line, ...] = ()
    """Only these events of GitHub or GitLab, such as `issues`; unless given, all."""
    when: Mapping[str, str] = field(default_factory=dict)
    """Only bodies with these values, such as `action: opened`; unless given, all."""

    def __post_init__(self) -> None:
        if not is_reference(self.secret):
            raise ValueError(
                'secret must be a reference: "env:NAME" or "file:/path", never the secret itself'
            )
        if missing := [key for key in ("tool", "prompt") if not isinstance(self.task.get(key), str)]:
            raise ValueError(f"task must have a {missing[0]}")
        if "idempotency_key" in self.task:
            raise ValueError("task must not have an idempotency_key: the id of the delivery is the key")
        if not isinstance(self.task.get("labels", {}), dict):
            raise ValueError("labels of task must be a map of names to texts")


def parts_of(url: str, *, allow_private: bool) -> SplitResult:
    """Return the parts of an address to POST to. Raises ValueError, without the address: it may be secret."""
    try:
        parts = urlsplit(url)
        is_whole = bool(parts.hostname) and parts.port != 0
    except ValueError:
        is_whole = False
    if not is_whole or not _PRINTABLE.fullmatch(url):
        raise ValueError("url is not a valid address: expected https://HOST/PATH")
    if parts.scheme != "https" and not (parts.scheme == "http" and allow_private):
        raise ValueError("url must begin with https: (or http: with allow_private: true)")
    if "@" in parts.netloc:
        raise ValueError("url must not hold a user or password")
    return parts
