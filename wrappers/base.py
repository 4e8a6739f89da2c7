"""The interface between the dispatcher and an agent CLI.

A wrapper is sans I/O: it turns a :class:`Request` into an :class:`Invocation` and bytes of output into
:class:`Event` objects and one :class:`Outcome`. It opens nothing and starts nothing, so it is tested on
recorded output. The prompt never stands in an argument: the dispatcher connects the prompt file to stdin.
"""

import signal
from abc import ABC, abstractmethod
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Literal, Protocol

Permission = Literal["read", "edit", "full"]
AuthMode = Literal["key", "token", "login"]
"""How an agent proves who it is: by an API key, by a token, or by the login in its config home."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Request:
    """What one run asks of a CLI.

    ``run_id`` is a uuid that no other run has; CLIs that accept a session id of the caller's get it.
    ``resume`` is the id of a session to go on with. ``prompt_file`` and ``config_home`` are absolute paths.
    ``fallback_model`` is for when the model is overloaded, where :attr:`Wrapper.takes_fallback_model`; ``budget_usd``
    ends a run that costs more, where the CLI counts that.
    """

    run_id: str
    prompt_file: str
    model: str | None = None
    permission: Permission = "edit"
    resume: str | None = None
    config_home: str | None = None
    fallback_model: str | None = None
    budget_usd: float | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Invocation:
    """How to start the program: its arguments, of which the first is the program, and its extra environment.

    ``stdin`` tells whether the prompt file or nothing is connected to standard input.
    """

    argv: Sequence[str]
    env: Mapping[str, str] = field(default_factory=dict)
    stdin: Literal["prompt", "null"] = "prompt"


@dataclass(frozen=True, slots=True)
class PromptLimit:
    """The longest prompt that a CLI takes whole; it refuses a longer one, or, which is worse, cuts it off."""

    most: int
    unit: Literal["bytes", "characters", "UTF-16 units"]

    def length_of(self, prompt: str) -> int:
        """The length of a prompt as the CLI counts it."""
        match self.unit:
            case "bytes":
                return len(prompt.encode(errors="surrogatepass"))
            case "characters":
                return len(prompt)
            case "UTF-16 units":
                return len(prompt) + sum(character > "\uffff" for character in prompt)


@dataclass(frozen=True, slots=True, kw_only=True)
class Usage:
    """Tokens as the CLI itself counted them; ``input`` includes what came from a cache."""

    input: int = 0
    cached_input: int = 0
    output: int = 0

    @property
    def total(self) -> int:
        return self.input + self.output


@dataclass(frozen=True, slots=True)
class Activity:
    """A few words on what the agent does at the moment, for people (at most 200 characters)."""

    text: str


@dataclass(frozen=True, slots=True)
class Said:
    """What the agent said to its user, for people who follow it; pieces come as they are, with their line ends."""

    text: str


@dataclass(frozen=True, slots=True)
class SessionStarted:
    """The CLI named its session; with this id the conversation can be resumed."""

    session_id: str


@dataclass(frozen=True, slots=True)
class Finished:
    """The final event was seen: nothing of worth follows, even if the process lives on."""


@dataclass(frozen=True, slots=True)
class Waits:
    """The service asked the CLI to slow down, and it is going to wait for that by itself, in its slot.

    ``worked`` tells whether the agent has done anything yet that would be lost if it began anew.
    """

    worked: bool


Event = Activity | Said | SessionStarted | Finished | Waits


@dataclass(frozen=True, slots=True, kw_only=True)
class Ending:
    """How the process ended: its exit code, None when not known, and the end of what it wrote to stderr.

    ``evidence`` is the end of the file that :meth:`Parser.evidence` named, empty when there is none.
    """

    exit_code: int | None
    stderr_tail: str = ""
    evidence: bytes = b""


@dataclass(frozen=True, slots=True, kw_only=True)
class Outcome:
    """What the run came to.

    ``error_class`` is None exactly when the run succeeded: its final event was there, said so, and came
    with an answer. ``session_id`` is of a session that can be resumed. ``error_message`` is for people.
    ``cost_usd`` is None where the CLI does not tell.
    ``denials`` names what the agent wanted to do and was not allowed to, also in runs that succeeded.
    ``limit_resets_at`` (seconds since the epoch) or ``limit_lasts_s`` (seconds from the end of the run) comes with the
    class ``limit``, where the CLI tells.
    All texts are valid UTF-8 without NUL, so that a database takes them.
    """

    final_text: str = ""
    session_id: str | None = None
    usage: Usage | None = None
    cost_usd: float | None = None
    denials: Sequence[str] = ()
    error_class: str | None = None
    error_message: str | None = None
    limit_resets_at: float | None = None
    limit_lasts_s: float | None = None

    @property
    def succeeded(self) -> bool:
        return self.error_class is None


class Parser(ABC):
    """Reads one run's output. Chunks may end anywhere, also inside a character."""

    @abstractmethod
    def feed(self, chunk: bytes) -> Sequence[Event]:
        """Take the next bytes of standard output; never raises, whatever they are."""

    def hear(self, chunk: bytes) -> Sequence[Event]:  # noqa: ARG002
        """Take the next bytes of standard error, where some say that they wait; never raises, whatever they are."""
        return ()

    def evidence(self) -> str | None:
        """Name a file that may say more of a failure than the output, once all of that was fed.

        It is a glob relative to the config home; None where nothing more is to be known.
        """
        return None

    @abstractmethod
    def finish(self, ending: Ending) -> Outcome:
        """Say what the run came to, once all output was fed."""


@dataclass(frozen=True, slots=True)
class GentleStop:
    """The signal that lets a CLI end in order, and how long in seconds it deserves before SIGKILL."""

    signal: signal.Signals
    grace: float


class Wrapper(Protocol):
    """One agent CLI. ``name`` is the tool's name in the database, ``program`` what is looked up on PATH."""

    @property
    def name(self) -> str: ...

    @property
    def program(self) -> str: ...

    @property
    def install_hint(self) -> str:
        """The sentence that tells a person how to get the program."""
        ...

    @property
    def config_home_variable(self) -> str | None:
        """The environment variable that moves the CLI's configuration and login elsewhere."""
        ...

    @property
    def default_config_home(self) -> str | None:
        """Where these are without that variable, relative to the home directory; None where nobody knows."""
        ...

    @property
    def credentials(self) -> Mapping[str, AuthMode] | None:
        """The variables that prove who the agent is, the one that counts first; without any it is the login.

        None where nobody knows.
        """
        ...

    @property
    def takes_fallback_model(self) -> bool: ...

    @property
    def longest_prompt(self) -> PromptLimit | None:
        """What its standard input takes at most; None where nobody knows of a limit."""
        ...

    @property
    def stop(self) -> GentleStop: ...

    @property
    def steering_files(self) -> Sequence[str]:
        """What in a work directory tells the CLI itself what to do: with which service and key, and what to run.

        A name with a slash at its end is a directory anywhere, any other a file at the top.
        """
        ...

    def invocation(self, request: Request) -> Invocation: ...

    def new_home(self, variables: Collection[str]) -> Mapping[str, str]:
        """Settings for a config home that is made anew: texts by the names of their files, relative to it.

        ``variables`` are the names of those that the account has.
        """
        ...

    def parser(self) -> Parser: ...


def is_among(names: Sequence[str], path: str) -> bool:
    """Whether a path in a work directory is one that names such as those of :attr:`Wrapper.steering_files` mean."""
    *directories, _ = path.split("/")
    return path in names or any(f"{directory}/" in names for directory in directories)
