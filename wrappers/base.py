"""The interface between the dispatcher and an agent CLI.

A :class:`Wrapper` is sans I/O: it turns a :class:`Request` into an :class:`Invocation`, and bytes of output into
:class:`Event` objects and one :class:`Outcome`. It opens nothing and starts nothing, so recorded output is enough
to test it. The dispatcher connects the prompt file to stdin, unless the wrapper says something else.
"""

import signal
from abc import ABC, abstractmethod
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Generic, Literal, TypeVar, get_args

from wrappers.modes import AuthMode, Permission

Stdin = Literal["prompt", "pipe", "null"]
Found = TypeVar("Found", covariant=True)


@dataclass(frozen=True, slots=True, kw_only=True)
class Request:
    """What one run asks of a CLI.

    ``run_id`` is a uuid that no other run has; CLIs that accept a session id from the caller get it.
    ``resume`` is the id of the session to continue. ``prompt_file`` and ``config_home`` are absolute paths.
    ``fallback_model`` is used when the model is overloaded, where :attr:`Wrapper.takes_fallback_model`; ``budget_usd``
    ends a run that costs more, where the CLI counts that. ``is_untrusted`` says that what the files of the work
    directory tell the CLI itself must not count, see :attr:`Wrapper.steering_clones`. ``prompt`` is the text of the
    prompt, where :attr:`Wrapper.takes_prompt_as_argument`. ``report_directory`` is the absolute path of an empty
    directory of the run, where the CLI may write what :attr:`Wrapper.report_file` names.
    """

    run_id: str
    prompt_file: str
    prompt: str | None = None
    report_directory: str | None = None
    model: str | None = None
    permission: Permission = "edit"
    resume: str | None = None
    config_home: str | None = None
    fallback_model: str | None = None
    budget_usd: float | None = None
    is_untrusted: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Invocation:
    """How to start the program: its arguments, of which the first is the program, and its extra environment.

    ``stdin`` says what is connected to standard input: the prompt file, a pipe from which the prompt comes, or nothing.
    """

    argv: Sequence[str]
    env: Mapping[str, str] = field(default_factory=dict)
    stdin: Stdin = "prompt"


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
    """What the agent said to its user, for people who follow it; pieces keep their line ends."""

    text: str


@dataclass(frozen=True, slots=True)
class SessionStarted:
    """The CLI named its session; with this id the conversation can be resumed."""

    session_id: str


@dataclass(frozen=True, slots=True)
class Finished:
    """The final event was seen: nothing that counts follows, even if the process lives on."""


@dataclass(frozen=True, slots=True)
class Waits:
    """The service asked the CLI to slow down, and the CLI is going to wait for that by itself, in its slot.

    ``worked`` says whether the agent has already done anything that a new start would lose.
    """

    worked: bool


@dataclass(frozen=True, slots=True)
class Asked:
    """The agent asked its user something, and the CLI goes on without an answer: what follows is made up."""


@dataclass(frozen=True, slots=True)
class Stuck:
    """The CLI asks its service for the same again and again, and would go on without an end."""


Event = Activity | Said | SessionStarted | Finished | Waits | Asked | Stuck


@dataclass(frozen=True, slots=True, kw_only=True)
class Ending:
    """How the process ended: its exit code, None when not known, and the end of what it wrote to stderr.

    ``failure_file`` is the end of the file that :meth:`Parser.failure_file` named, empty when there is none.
    ``report`` is the file :attr:`Wrapper.report_file`, empty when there is none or when it is too large.
    """

    exit_code: int | None
    stderr_tail: str = ""
    failure_file: bytes = b""
    report: bytes = b""


@dataclass(frozen=True, slots=True, kw_only=True)
class Outcome:
    """What the run came to.

    ``error_class`` is None exactly when the run succeeded: its final event was there, reported success, and came
    with an answer. ``session_id`` is a session that can be resumed. ``error_message`` is for people.
    ``cost_usd`` is None where the CLI does not report it.
    ``denials`` names what the agent tried to do and was not allowed to, also in runs that succeeded.
    ``limit_resets_at`` (seconds since the epoch) or ``limit_lasts_s`` (seconds from the end of the run) comes with the
    class ``limit``, where the CLI reports it. ``limit_is_of_model`` says that it is the limit of the model that the run
    asked for, and that the account may go on with others.
    ``question`` comes with the class ``question``: what the agent asked, and what to choose from, for people; at most
    4,000 characters.
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
    limit_is_of_model: bool = False
    question: str | None = None

    @property
    def succeeded(self) -> bool:
        return self.error_class is None


class Parser(ABC):
    """Reads one run's output. Chunks may end anywhere, also inside a character. No method ever raises."""

    @abstractmethod
    def feed_stdout(self, chunk: bytes) -> Sequence[Event]:
        """Take the next bytes of standard output."""

    def feed_stderr(self, chunk: bytes) -> Sequence[Event]:  # noqa: ARG002
        """Take the next bytes of standard error: some CLIs say only there that they wait."""
        return ()

    def failure_file(self) -> str | None:
        """Name a file that may say more about a failure than the output, once all output was fed.

        It is a glob relative to the config home; None when no file says more.
        """
        return None

    @abstractmethod
    def finish(self, ending: Ending) -> Outcome:
        """Return what the run came to, once all output was fed."""


@dataclass(frozen=True, slots=True)
class PromptLimit:
    """The longest prompt that a CLI takes whole; it refuses a longer one or, worse, cuts it off."""

    most: int
    unit: Literal["bytes", "characters", "UTF-16 units"]

    def length_of(self, prompt: str) -> int:
        """Return the length of a prompt as the CLI counts it."""
        match self.unit:
            case "bytes":
                return len(prompt.encode(errors="surrogatepass"))
            case "characters":
                return len(prompt)
            case "UTF-16 units":
                return len(prompt) + sum(character > "\uffff" for character in prompt)


@dataclass(frozen=True, slots=True)
class GentleStop:
    """The signal that lets a CLI end in order, and how many seconds it gets before SIGKILL."""

    signal: signal.Signals
    grace: float


@dataclass(frozen=True, slots=True)
class Versions:
    """The oldest version that was seen to work, and the version that was measured, as ``--version`` prints them.

    Of those in ``also`` the failures were recorded and are read alike.
    """

    oldest: str
    measured: str
    also: Sequence[str] = ()


@dataclass(frozen=True, slots=True)
class HomeFile(Generic[Found]):
    """A file of the config home, and a pure function of its text. The text is empty where the file is missing."""

    path: str
    find: Callable[[str], Found]


@dataclass(frozen=True, slots=True, kw_only=True)
class Login:
    """How an account of the CLI proves who it is. `dispatcher check` looks at it without a request to the service.

    ``variables``: each is a login by itself. Of several that are set the first one counts, and each of them goes
    before a stored login. ``suggested`` is the one to recommend.
    ``mistaken``: variables that people take for a key of this CLI, although it ignores them.
    ``key_named_in`` finds the name of a variable that a config file adds to these.
    ``status``: arguments with which the CLI ends with 0 exactly when it has a stored login. It must read files only.
    ``files``, relative to the config home: where the login of a CLI without such a command is stored.
    ``command`` is how a person logs in.
    """

    variables: Mapping[str, AuthMode]
    suggested: str
    command: str
    status: Sequence[str] = ()
    files: Sequence[str] = ()
    mistaken: Sequence[str] = ()
    key_named_in: HomeFile[str | None] | None = None


@dataclass(frozen=True, slots=True)
class NamespaceSandbox:
    """In the profiles read and edit the CLI makes a sandbox of user namespaces; the arguments ``trial`` try that."""

    trial: Sequence[str]


@dataclass(frozen=True, slots=True, kw_only=True)
class ContainerSandbox:
    """The CLI makes a sandbox with one of ``programs``, if a variable or its settings ask for one.

    ``key`` is the name of that setting, and ``setting`` finds its value, in the words of the variable.
    """

    programs: Sequence[str]
    variable: str
    key: str
    setting: HomeFile[str]


@dataclass(frozen=True, slots=True)
class Advice:
    """What is wrong with a file of settings, as a sentence that begins with its name, and what to do about it."""

    what: str
    remedy: str


def no_files(variables: Collection[str]) -> Mapping[str, str]:  # noqa: ARG001
    """Return no files: the CLI needs no settings in its config home."""
    return {}


def no_variables(request: Request) -> Mapping[str, str]:  # noqa: ARG001
    """Return no variables: no variable of the CLI depends on the run."""
    return {}


@dataclass(frozen=True, slots=True, kw_only=True)
class Wrapper:
    """Everything that the dispatcher knows about one agent CLI: data and pure functions. None: nobody knows.

    How it starts and stops: ``name`` is the tool's name in the database. ``program`` is looked up on PATH;
    ``install_hint`` tells a person how to get it. ``arguments`` returns the arguments of one run, and ``variables``
    those variables that depend on it, beside the constant ones of ``environment``. ``permissions`` are the profiles
    that the CLI can keep to. ``report_file`` is the name of a JSON file that it writes into
    :attr:`Request.report_directory`. ``models`` are all models that it takes, empty when nobody knows them all.
    ``prints_events`` says whether its output is for programs, so that a log shows people what the events tell.
    ``is_proven`` says whether its output tells a success from a failure. ``stall_timeout`` is how many seconds a run
    may print nothing if neither its task nor the configuration bounds that: for a CLI that waits silently.

    Its config home: ``config_home_variable`` moves it; without that variable it is ``default_config_home``, relative
    to HOME. ``new_home`` takes the names of the account's variables, and returns the settings for a new config home:
    texts by file name.

    What a task may give to it: ``steering_files`` in a work directory tell the CLI itself what to do, such as which
    service and key to use, and what to run. A name that ends with a slash means a directory anywhere, any other name
    a file at the top. ``steering_clones`` names those of them at the top of a repository from which ``arguments``
    cannot keep the CLI: it does not start there, unless the repository is trusted.

    What `dispatcher check` looks at: ``versions``, ``login`` and ``sandbox``. ``advice`` finds what is wrong with the
    settings of a config home. ``env_files`` hold variables that the CLI reads by itself: it takes the first of them
    that it finds in its directory, in the directories above it, and at last in its config home.
    """

    name: str
    program: str
    install_hint: str
    arguments: Callable[[Request], Iterable[str]]
    parser: Callable[[], Parser]
    environment: Mapping[str, str] = field(default_factory=dict)
    stdin: Stdin = "prompt"
    takes_prompt_as_argument: bool = False
    variables: Callable[[Request], Mapping[str, str]] = no_variables
    permissions: Sequence[Permission] = get_args(Permission)
    report_file: str | None = None
    models: Sequence[str] = ()
    is_proven: bool = True
    prints_events: bool = True
    stop: GentleStop = GentleStop(signal.SIGTERM, 5.0)

    config_home_variable: str | None = None
    default_config_home: str | None = None
    new_home: Callable[[Collection[str]], Mapping[str, str]] = no_files

    takes_fallback_model: bool = False
    longest_prompt: PromptLimit | None = None
    stall_timeout: float | None = None
    steering_files: Sequence[str] = ()
    steering_clones: Sequence[str] = ()

    versions: Versions | None = None
    login: Login | None = None
    sandbox: NamespaceSandbox | ContainerSandbox | None = None
    advice: HomeFile[Advice | None] | None = None
    env_files: Sequence[str] = ()
    refuses_full_as_root: bool = False

    def invocation(self, request: Request) -> Invocation:
        variable, home = self.config_home_variable, request.config_home
        moved = {variable: home} if variable and home else {}
        return Invocation(
            argv=(self.program, *self.arguments(request)),
            env={**self.environment, **moved, **self.variables(request)},
            stdin=self.stdin,
        )


def is_among(names: Sequence[str], path: str) -> bool:
    """Whether names such as those in :attr:`Wrapper.steering_files` mean this path in a work directory."""
    *directories, _ = path.split("/")
    return path in names or any(f"{directory}/" in names for directory in directories)
