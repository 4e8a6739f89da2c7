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
from wrappers.registry import BUILT_IN

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

_CONTROL = re.compile(r"[\x00-\x1f\x7f-\x9f]")
_LIMIT_SCOPE = re.compile(r"(tool|model|tenant|queue):[^\x00-\x1f]+")
_VARIABLE = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")


class DatabaseSettings(Struct, frozen=True, forbid_unknown_fields=True):
    """Which PostgreSQL server to use. Without ``url`` it is the embedded server.

    ``name`` replaces only the database's name in ``url``, so that the account, password and host of an existing server
    can be used again. ``url`` is a URI or a keyword string of libpq; the password can be in ``~/.pgpass`` instead.
    """

    url: str | None = None
    name: Annotated[str, Meta(min_length=1)] = "cli_worker"
    pool_size: PoolSize = 4

    def __post_init__(self) -> None:
        # PostgreSQL would truncate a longer name and then not find the database again.
        if len(self.name.encode()) > 63 or _CONTROL.search(self.name):
            raise ValueError("name must have at most 63 bytes and no control character")

    def __repr__(self) -> str:
        """Leave out the URL: it may hold a password, and this text may be logged."""
        server = "embedded" if self.url is None else "external"
        return f"DatabaseSettings({server} server, name={self.name!r}, pool_size={self.pool_size})"


class DispatcherSettings(Struct, frozen=True, forbid_unknown_fields=True):
    """One dispatcher process. ``host`` None is the machine's own name; ``groups`` None serves every group.

    ``host_lost_after``: how long another host may be silent before its runs are given up and tried again elsewhere.
    """

    host: Name | None = None
    groups: tuple[Line, ...] | None = None
    heartbeat_interval: Seconds = 30.0
    lease_interval: Seconds = 60.0
    grace: SecondsOrZero = 30.0
    host_lost_after: Seconds = 3600.0

    def __post_init__(self) -> None:
        if self.lease_interval <= self.heartbeat_interval:
            raise ValueError(
                "lease_interval must be longer than heartbeat_interval, otherwise every lease expires"
            )


class ExecutionSettings(Struct, frozen=True, forbid_unknown_fields=True):
    """Defaults for each run. With ``stall_timeout`` None an agent may be silent until ``timeout``.

    ``max_output_bytes`` limits the declared output files of one run. ``max_log_bytes`` limits what is stored of its
    stdout, and of its stderr; a run that prints ten times as much on both together is stopped. ``keep_sessions``: how
    long the directory of an agent with a session is kept after its run, whatever ``cleanup`` says, so that a reply
    finds it. ``work_dir`` None is ``work`` below our home directory.
    """

    timeout: Seconds = 600.0
    stall_timeout: Seconds | None = None
    work_dir: str | None = None
    cleanup: Literal["always", "on_success", "never"] = "always"
    keep_sessions: SecondsOrZero = 86400.0
    max_output_bytes: Bytes = 100 * 2**20
    max_log_bytes: Bytes = 20 * 2**20

    def __post_init__(self) -> None:
        _require_absolute("work_dir", self.work_dir)

    def work_directory(self) -> Path:
        """Return the absolute path of the directory of all runs, without creating it. Raises :class:`UsageError`."""
        return paths.expanded(self.work_dir) if self.work_dir else paths.home() / "work"


class RetentionSettings(Struct, frozen=True, forbid_unknown_fields=True):
    """How long ended tasks and their output are kept; None keeps them for ever.

    ``tasks`` is for tasks with their runs, answers and files. ``output`` is for what their agents printed; the
    beginning of stdout and the end of stderr stay with the task. Both count from the end of the task. Every
    ``interval`` the dispatcher deletes what is older.
    """

    tasks: Seconds | None = None
    output: Seconds | None = 30 * 86400.0
    interval: Seconds = 3600.0


class SecuritySettings(Struct, frozen=True, forbid_unknown_fields=True):
    """What tasks may ask for. ``allowed_roots``: directories below which a task may choose its workdir."""

    allow_dangerous_flags: bool = False
    enforce_path_whitelist: bool = True
    allowed_roots: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        for root in self.allowed_roots:
            _require_absolute("allowed_roots", root)


class GroupSettings(Struct, frozen=True, forbid_unknown_fields=True):
    """One account of one tool, and how many agents it may run at a time. ``hosts`` None: any host serves it.

    ``env`` holds plain values and references to secrets (``env:NAME``, ``file:/path``), never a secret. ``~``
    in ``config_home`` and in references is the home directory on the dispatcher's host. With ``failover`` a task
    that the account's usage limit stopped may continue with another account of the tool. ``daily_budget_usd`` closes
    the group until midnight UTC when its runs have cost that much; ``task_budget_usd`` ends a run that has. Both work
    only with a CLI that reports its cost, as claude does.
    """

    tool: str
    account: Line = "default"
    max_concurrent: Slots = 1
    env: Mapping[str, str] = field(default_factory=dict)
    config_home: str | None = None
    hosts: tuple[Line, ...] | None = None
    failover: bool = True
    daily_budget_usd: Money | None = None
    task_budget_usd: Money | None = None

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
    """What `dispatcher run` writes to stderr. ``format`` None is text on a terminal and JSON elsewhere."""

    level: Literal["debug", "info", "warning", "error"] = "info"
    format: Literal["json", "text"] | None = None


class ApiSettings(Struct, frozen=True, forbid_unknown_fields=True):
    """The HTTP API and the web page, which `dispatcher serve` offers and `dispatcher run` starts if ``enabled``.

    They are at ``host`` and ``port`` (0: any free one), or at the unix ``socket``, an absolute path, whose file only
    its owner may open. A host that is not this machine's loopback needs ``tls_certificate`` and ``tls_key`` (PEM
    files), or ``behind_proxy``: a proxy in front of it speaks TLS. ``allowed_hosts`` are further names by which
    browsers may call the page. ``max_request_bytes`` limits the body of a request; ``max_streams`` the live streams at
    a time.
    """

    enabled: bool = False
    host: Line = "127.0.0.1"
    port: Annotated[int, Meta(ge=0, le=65535)] = 8000
    socket: str | None = None
    tls_certificate: str | None = None
    tls_key: str | None = None
    behind_proxy: bool = False
    allowed_hosts: tuple[Line, ...] = ()
    max_request_bytes: Bytes = 64 * 2**20
    max_streams: Annotated[int, Meta(ge=1, le=10_000)] = 500

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
    """The whole of ``config.yaml``; ``limits`` maps scopes such as ``tenant:acme`` to slots."""

    database: DatabaseSettings = field(default_factory=DatabaseSettings)
    dispatcher: DispatcherSettings = field(default_factory=DispatcherSettings)
    execution: ExecutionSettings = field(default_factory=ExecutionSettings)
    retention: RetentionSettings = field(default_factory=RetentionSettings)
    security: SecuritySettings = field(default_factory=SecuritySettings)
    groups: Mapping[str, GroupSettings] = field(default_factory=dict)
    limits: Mapping[str, Annotated[int, Meta(ge=0, le=MOST_SLOTS)]] = field(default_factory=dict)
    tools: Mapping[str, ToolSettings] = field(default_factory=dict)
    logging: LoggingSettings = field(default_factory=LoggingSettings)
    api: ApiSettings = field(default_factory=ApiSettings)

    def __post_init__(self) -> None:
        known = {*BUILT_IN, *self.tools}
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
