"""The settings in ``config.yaml``: one frozen struct for each section, with the defaults.

A length of time is text such as ``10m`` or a number of seconds; a size is text such as ``20MiB`` or a number of bytes.
Without a file all defaults hold: the embedded server, and one group for each agent CLI on PATH. :func:`load`
says where the file is searched for.
"""

import ipaddress
import os
import re
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Annotated, Literal

from msgspec import Meta, Struct, field, structs

from dispatcher.configuration import bounded_yaml, paths, strict_yaml
from dispatcher.configuration.secret_references import why_secret
from dispatcher.configuration.strict_yaml import READS
from dispatcher.durations import seconds_of
from dispatcher.errors import UsageError
from dispatcher.host import own_environment
from dispatcher.quantities import bytes_of
from wrappers.command.settings import ToolSettings
from wrappers.registry import names

LONGEST = 1e10
"""Seconds; 317 years. PostgreSQL and file systems fail above a thousand times as much."""
MOST_SLOTS = 2**31 - 1
"""The largest value of a PostgreSQL integer column."""
_SECONDS = "a length of time such as 10m, or a number of seconds such as 600"
_BYTES = "a size such as 20MiB, or a number of bytes such as 1048576"

PoolSize = Annotated[int, Meta(ge=1, le=1000)]
Bytes = Annotated[int, Meta(ge=1, le=2**50, description=_BYTES, extra={READS: bytes_of})]
Slots = Annotated[int, Meta(ge=1, le=MOST_SLOTS)]
Money = Annotated[float, Meta(gt=0, le=1e9, description="an amount in US dollars, such as 50")]
Seconds = Annotated[float, Meta(gt=0, le=LONGEST, description=_SECONDS, extra={READS: seconds_of})]
SecondsOrZero = Annotated[float, Meta(ge=0, le=LONGEST, description=_SECONDS, extra={READS: seconds_of})]
Name = Annotated[str, Meta(pattern=r"\A[A-Za-z0-9][A-Za-z0-9._-]{0,62}\Z")]
Line = Annotated[
    str, Meta(pattern=r"\A[^\x00-\x1f\x7f-\x9f\ud800-\udfff]{1,200}\Z", description="text without line ends")
]

Command = Annotated[
    str,
    Meta(
        min_length=1,
        max_length=32_000,
        pattern=r"\A[^\x00\ud800-\udfff]*\Z",
        description="a command for `sh -c`",
    ),
]

_CONTROL = re.compile(r"[\x00-\x1f\x7f-\x9f]")
_LIMIT_SCOPE = re.compile(r"(tool|model|tenant|queue):[^\x00-\x1f]+")
_VARIABLE = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")

# What stands below a field is its line in docs/configuration.md, which `just docs` writes.


class DatabaseSettings(Struct, frozen=True, forbid_unknown_fields=True):
    """Which PostgreSQL server to use."""

    url: str | None = None
    """A URI or a keyword string of libpq; the password can be in `~/.pgpass` or `PGPASSWORD` instead. Without it, the
    embedded server is used. `LLMCTL_DATABASE_URL` overrides it."""
    name: Annotated[str, Meta(min_length=1)] = "cli_worker"
    """Replaces only the database's name in `url`, so that the account, password and host of an existing server can be
    used again."""
    pool_size: PoolSize = 4
    """How many connections a dispatcher may hold, beside two for listening."""

    def __post_init__(self) -> None:
        # PostgreSQL would truncate a longer name and then not find the database again.
        if len(self.name.encode()) > 63 or _CONTROL.search(self.name):
            raise ValueError("name must have at most 63 bytes and no control character")

    def __repr__(self) -> str:
        """Leave out the URL: it may hold a password, and this text may be logged."""
        server = "embedded" if self.url is None else "external"
        return f"DatabaseSettings({server} server, name={self.name!r}, pool_size={self.pool_size})"


class DispatcherSettings(Struct, frozen=True, forbid_unknown_fields=True):
    """One dispatcher process."""

    host: Name | None = None
    """The name under which this machine is known; unless given, its own name."""
    groups: tuple[Line, ...] | None = None
    """The groups that this dispatcher serves; unless given, all that this host may serve."""
    heartbeat_interval: Seconds = 30.0
    """How often it proves to the database that it lives."""
    lease_interval: Seconds = 60.0
    """How long its runs are its own without another heartbeat; longer than `heartbeat_interval`."""
    grace: SecondsOrZero = 30.0
    """How long it waits for agents when it stops. Those that still run go on without it."""
    host_lost_after: Seconds = 3600.0
    """How long another host may be silent before its runs are given up and tried again elsewhere."""
    end_idle_after: Seconds | None = 60.0
    """How long somebody's idle transaction may hold up a report or a claim before its session is ended; null: never."""

    def __post_init__(self) -> None:
        if self.lease_interval <= self.heartbeat_interval:
            raise ValueError(
                "lease_interval must be longer than heartbeat_interval, otherwise every lease expires"
            )


class ExecutionSettings(Struct, frozen=True, forbid_unknown_fields=True):
    """Defaults for each run."""

    timeout: Seconds = 600.0
    """A run that takes longer is stopped, unless its task says otherwise."""
    stall_timeout: Seconds | None = None
    """A run that prints nothing for so long is stopped; unless given, it may be silent until `timeout`."""
    work_dir: str | None = None
    """The directory in which runs live, an absolute path on a local disk; unless given, `work` below `LLMCTL_HOME`."""
    cleanup: Literal["always", "on_success", "never"] = "always"
    """When the files of a run are removed from the work directory."""
    keep_sessions: SecondsOrZero = 86400.0
    """How long the directory of an agent with a session is kept after its run, whatever `cleanup` says, so that
    `llmctl reply` finds it."""
    setup_timeout: Seconds = 600.0
    """A setup command that takes longer is stopped, unless its task or repository says otherwise."""
    check_timeout: Seconds = 600.0
    """A check command that takes longer is stopped, unless its task or repository says otherwise."""
    max_output_bytes: Bytes = 100 * 2**20
    """The most that the declared output files of one run may hold."""
    max_log_bytes: Bytes = 20 * 2**20
    """The most that is stored of a run's stdout, and of its stderr. A run that prints ten times as much on both
    together is stopped."""

    def __post_init__(self) -> None:
        _require_absolute("work_dir", self.work_dir)

    def work_directory(self) -> Path:
        """Return the absolute path of the directory of all runs, without creating it. Raises :class:`UsageError`."""
        return paths.expanded(self.work_dir) if self.work_dir else paths.home() / "work"


class RetentionSettings(Struct, frozen=True, forbid_unknown_fields=True):
    """How long ended tasks and their output are kept, from the end of the task on; null keeps them for ever."""

    tasks: Seconds | None = None
    """Tasks with their runs, answers, files and keys."""
    output: Seconds | None = 30 * 86400.0
    """What agents printed (`llmctl logs`); the beginning of stdout and the end of stderr stay with the task."""
    interval: Seconds = 3600.0
    """How often the dispatcher deletes what is older."""


class SecuritySettings(Struct, frozen=True, forbid_unknown_fields=True):
    """What tasks may ask for."""

    allow_dangerous_flags: bool = False
    """Whether tasks may ask for `--permission full`."""
    enforce_path_whitelist: bool = True
    """Whether a task may choose to work only below `allowed_roots`."""
    allowed_roots: tuple[str, ...] = ()
    """Directories below which a task may choose to work (`--workdir`, `--repo`), absolute or with `~`."""
    allow_commands: bool | None = None
    """Whether tasks may bring commands (`--setup`, `--check`), which run with the rights of the dispatcher; unless
    given, only with the embedded server and without the API: then all tasks are your own."""

    def __post_init__(self) -> None:
        for root in self.allowed_roots:
            _require_absolute("allowed_roots", root)


class RepositorySettings(Struct, frozen=True, forbid_unknown_fields=True):
    """A git repository that tasks may work on by its name (`--repo NAME`), each in a clone of its own."""

    path: str
    """Where it is on the dispatcher's host, an absolute path or with `~`."""
    ref: Line | None = None
    """The branch, tag or commit to begin with, unless a task names one; unless given, its HEAD."""
    setup: Command | None = None
    """Runs in each new clone before the agent, unless a task says otherwise."""
    check: Command | None = None
    """Runs after the agent, whose work counts as a success only if it exits with 0, unless a task says otherwise."""
    setup_timeout: Seconds | None = None
    """Unless given, that of `execution`."""
    check_timeout: Seconds | None = None
    """Unless given, that of `execution`."""
    hooks: bool = False
    """Whether the hooks of the repository are copied into the clones, where the agent's own git runs them."""
    trusted: bool = False
    """Whether the settings of agent CLIs that it holds (`.claude/`, `.mcp.json`, `.gemini/`, `.env`) count in its
    clones, as in a checkout of your own; they may start programs."""
    push: Line | None = None
    """The remote of the repository to which `llmctl push` may push; unless given, none."""

    def __post_init__(self) -> None:
        _require_absolute("path", self.path)


class GroupSettings(Struct, frozen=True, forbid_unknown_fields=True):
    """One account of one tool, and how many agents it may run at a time.

    The two budgets work only with a CLI that reports its cost, as claude does. `~` is the home directory on the
    dispatcher's host.
    """

    tool: str
    """`claude`, `codex`, `gemini`, or one of `tools`."""
    account: Line = "default"
    """What `llmctl submit --account` calls it."""
    max_concurrent: Slots = 1
    """How many of its agents run at a time."""
    env: Mapping[str, str] = field(default_factory=dict)
    """Variables of its agents: plain values and references to secrets (`env:NAME`, `file:/path`), never a secret."""
    config_home: str | None = None
    """The directory of its CLI's login and settings, an absolute path; created if it is missing."""
    hosts: tuple[Line, ...] | None = None
    """The hosts whose dispatchers serve it; unless given, all."""
    failover: bool = True
    """Whether a task that the account's usage limit stopped may continue with another account of the tool."""
    daily_budget_usd: Money | None = None
    """Closes the group until midnight UTC when its runs of the day have cost that much."""
    task_budget_usd: Money | None = None
    """Ends a run that has cost that much."""

    def __post_init__(self) -> None:
        _require_absolute("config_home", self.config_home)
        for variable, value in self.env.items():
            if not _VARIABLE.fullmatch(variable):
                raise ValueError(
                    f"env.{variable} is not a valid variable name: expected letters, digits and '_'"
                )
            if reason := why_secret(variable, value):
                raise ValueError(
                    f"env.{variable} must not be written in plain text ({reason}); write "
                    f'"env:{variable}" and set that variable for the dispatcher, or "file:/path/to/secret"'
                )


class LoggingSettings(Struct, frozen=True, forbid_unknown_fields=True):
    """What `dispatcher run` writes to stderr."""

    level: Literal["debug", "info", "warning", "error"] = "info"
    """The least important entries that are written."""
    format: Literal["json", "text"] | None = None
    """Unless given, text on a terminal and JSON elsewhere."""


class ApiSettings(Struct, frozen=True, forbid_unknown_fields=True):
    """The HTTP API and the web page, which need the extra `llmctl[api]`."""

    enabled: bool = False
    """Whether `dispatcher run` starts them; `dispatcher serve` offers them in any case."""
    host: Line = "127.0.0.1"
    """The address. One that is not this machine's loopback needs `tls_certificate` and `tls_key`, or `behind_proxy`."""
    port: Annotated[int, Meta(ge=0, le=65535)] = 8000
    """0 takes any free one."""
    socket: str | None = None
    """A unix socket instead of `host` and `port`, an absolute path; only its owner may open it."""
    tls_certificate: str | None = None
    """A PEM file, an absolute path."""
    tls_key: str | None = None
    """A PEM file, an absolute path."""
    behind_proxy: bool = False
    """Whether a proxy in front of it speaks TLS."""
    allowed_hosts: tuple[Line, ...] = ()
    """Further names by which browsers may call the page."""
    max_request_bytes: Bytes = 64 * 2**20
    """The most that the body of a request may hold, with its files."""
    max_streams: Annotated[int, Meta(ge=1, le=10_000)] = 500
    """Live streams at a time."""

    def __post_init__(self) -> None:
        for key in ("socket", "tls_certificate", "tls_key"):
            _require_absolute(key, getattr(self, key))
        if (self.tls_certificate is None) != (self.tls_key is None):
            raise ValueError("tls_certificate and tls_key must be given together")
        if self.socket is None and not (self.tls_key or self.behind_proxy or is_loopback(self.host)):
            raise ValueError(
                f"host {self.host} can be reached from other machines: name tls_certificate and tls_key, "
                "or set behind_proxy: true if a proxy in front of it speaks TLS"
            )


class Settings(Struct, frozen=True, forbid_unknown_fields=True):
    """The whole of `config.yaml`."""

    database: DatabaseSettings = field(default_factory=DatabaseSettings)
    dispatcher: DispatcherSettings = field(default_factory=DispatcherSettings)
    execution: ExecutionSettings = field(default_factory=ExecutionSettings)
    retention: RetentionSettings = field(default_factory=RetentionSettings)
    security: SecuritySettings = field(default_factory=SecuritySettings)
    groups: Mapping[str, GroupSettings] = field(default_factory=dict)
    limits: Mapping[str, Annotated[int, Meta(ge=0, le=MOST_SLOTS)]] = field(default_factory=dict)
    """How many agents of a scope may run at a time, in addition to the slots of the groups: `tool:NAME`, `model:NAME`,
    `tenant:NAME` or `queue:NAME`."""
    tools: Mapping[str, ToolSettings] = field(default_factory=dict)
    repositories: Mapping[str, RepositorySettings] = field(default_factory=dict)
    logging: LoggingSettings = field(default_factory=LoggingSettings)
    api: ApiSettings = field(default_factory=ApiSettings)

    def __post_init__(self) -> None:
        known = {*names(), *self.tools}
        for scope in self.limits:
            if not _LIMIT_SCOPE.fullmatch(scope):
                raise ValueError(
                    f"limits.{scope} is not a valid scope: expected tool:NAME, model:NAME, tenant:NAME or queue:NAME"
                )
            kind, _, name = scope.partition(":")
            if kind == "tool" and name not in known:
                raise ValueError(_unknown_tool(f"limits.{scope}:", name, known))
        if self.retention.tasks is not None and self.retention.tasks < self.execution.keep_sessions:
            raise ValueError(
                "retention.tasks must not be less than execution.keep_sessions: otherwise directories are kept for "
                "replies to tasks that no longer exist"
            )
        owners: dict[tuple[str, str], str] = {}
        for name, group in self.groups.items():
            _require_name("groups", name)
            if group.tool not in known:
                raise ValueError(_unknown_tool(f"groups.{name}.tool", group.tool, known))
            other = owners.setdefault((group.tool, group.account), name)
            if other != name:
                raise ValueError(
                    f"groups.{name} and groups.{other} have the same account {group.account!r} of "
                    f"{group.tool}; give one of them another account, or make them one group"
                )
        for name in self.tools:
            _require_name("tools", name)
        for name in self.repositories:
            _require_name("repositories", name)


def load(file: Path | None = None) -> Settings:
    """Read the settings. Raises :class:`UsageError` with the file, the key and what is expected there.

    ``file`` is the one of the option ``--config``, see :func:`config_file`. ``LLMCTL_DATABASE_URL`` overrides
    ``database.url``.
    """
    found = config_file(file)
    settings = (
        Settings() if found is None else strict_yaml.build(Settings, bounded_yaml.read(found), str(found))
    )
    if url := own_environment.variable("LLMCTL_DATABASE_URL"):
        return structs.replace(settings, database=structs.replace(settings.database, url=url))
    return settings


def config_file(file: Path | None = None) -> Path | None:
    """Return the file that counts, or None where there is none.

    It is the first of these: ``file``, ``LLMCTL_CONFIG``, and those of
    :func:`dispatcher.configuration.paths.config_files` that exist. Raises :class:`UsageError` if one of the first two
    is named but does not exist, and if a place cannot be looked at.
    """
    named = os.environ.get("LLMCTL_CONFIG")
    if file is None and named:
        file = paths.expanded(named)
    if file is not None:
        if not _is_there(file):
            raise UsageError(f"there is no configuration file {file}")
        return file
    return next(filter(_is_there, paths.config_files()), None)


def is_loopback(host: str) -> bool:
    """Return whether only programs on this machine reach a server at this name or address."""
    if host == "localhost":
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


def _is_there(file: Path) -> bool:
    try:
        return file.exists()
    except OSError as error:  # such as a directory that this user may not enter
        raise UsageError(f"cannot read {file}: {error.strerror}") from error


def _require_absolute(key: str, path: str | None) -> None:
    if path is not None and not path.startswith(("/", "~")):
        raise ValueError(f"{key} must be an absolute path, not {path!r}")
    if path is not None and _CONTROL.search(path):
        raise ValueError(f"{key} must not hold a line end or another control character, as {path!r} does")


def _unknown_tool(where: str, tool: str, known: Iterable[str]) -> str:
    return f"{where} {tool!r} is not a known tool ({', '.join(sorted(known))}); describe it under tools"


def _require_name(section: str, name: str) -> None:
    if not re.fullmatch(r"[A-Za-z0-9][A-Za-z0-9._-]{0,62}", name):
        raise ValueError(f"{section}.{name} is not a valid name: expected letters, digits, '.', '_' and '-'")
