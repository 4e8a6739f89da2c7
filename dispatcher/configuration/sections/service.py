"""The sections about the programs: database, dispatcher, logging and api."""

import ipaddress
import socket
from typing import Annotated, Literal

from msgspec import Meta, Struct

from dispatcher.configuration.sections.values import (
    CONTROL,
    Bytes,
    Line,
    Name,
    PoolSize,
    Seconds,
    SecondsOrZero,
    require_absolute,
)

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
        if len(self.name.encode()) > 63 or CONTROL.search(self.name):
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
    """A run of another host is given up, and its task tried again elsewhere, so long after that host was last heard and
    the run's `timeout` was over, whichever came last. Its agent may still be at work before that."""
    end_idle_after: Seconds | None = 60.0
    """How long somebody's idle transaction may hold up a report or a claim before its session is ended; null: never."""

    def __post_init__(self) -> None:
        if self.lease_interval <= self.heartbeat_interval:
            raise ValueError(
                "lease_interval must be longer than heartbeat_interval, otherwise every lease expires"
            )

    @property
    def name_of_host(self) -> str:
        """The name of this machine in the database."""
        return self.host or socket.gethostname()


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
            require_absolute(key, getattr(self, key))
        if (self.tls_certificate is None) != (self.tls_key is None):
            raise ValueError("tls_certificate and tls_key must be given together")
        if self.socket is None and not (self.tls_key or self.behind_proxy or is_loopback(self.host)):
            raise ValueError(
                f"host {self.host} can be reached from other machines: name tls_certificate and tls_key, "
                "or set behind_proxy: true if a proxy in front of it speaks TLS"
            )


def is_loopback(host: str) -> bool:
    """Return whether only programs on this machine reach a server at this name or address."""
    if host == "localhost":
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False
