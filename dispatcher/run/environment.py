"""The environment of an agent: an allow-list of ours, its group's variables, and marks to find its processes by.

Nothing else is inherited, so no agent sees the database's address or the key of another account.
"""

import os
import stat
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path

from dispatcher.configuration.secret_references import holds_password, why_secret
from dispatcher.database.rows import ClaimedRun
from dispatcher.host import survivors
from dispatcher.host.host_trouble import SCARCE
from dispatcher.host.own_environment import GIVEN
from wrappers.base import Wrapper

INHERITED = (
    "PATH", "HOME", "USER", "LOGNAME", "SHELL", "LANG", "LC_ALL", "LC_CTYPE", "TZ",
    "SSL_CERT_FILE", "SSL_CERT_DIR", "NODE_EXTRA_CA_CERTS",
    "HTTP_PROXY", "HTTPS_PROXY", "NO_PROXY", "http_proxy", "https_proxy", "no_proxy",
)  # fmt: skip
TEMPORARY = ("TMPDIR", "TMP", "TEMP")
"""What programs ask, in this order, for where to put temporary files: each run has a place of its own."""


class SecretError(Exception):
    """A reference of a group's variables cannot be resolved on this host; the message never holds a secret."""


SHORTEST_KEY = 8
"""Characters. A shorter value may be a key all the same, but it may as well be a word that people use."""


@dataclass(frozen=True, slots=True)
class Environment:
    """The variables of one run, and the secret values among them, which must not be stored or logged.

    Whatever a reference stood for is taken for a secret, and so is an inherited address with a password in it; ``keys``
    are those that are keys beyond doubt.
    """

    variables: Mapping[str, str]
    secrets: tuple[str, ...]
    keys: tuple[str, ...] = ()


def build(
    group: Mapping[str, str],
    invocation: Mapping[str, str],
    marks: Mapping[str, str],
    inherited: Mapping[str, str] = GIVEN,
) -> Environment:
    """Put an agent's environment together; ``group`` may hold references, which are resolved here and now.

    Raises :class:`SecretError`, and OSError when this host has no room to read anything.
    """
    variables = {name: inherited[name] for name in INHERITED if name in inherited}
    variables |= {"TERM": "dumb", **invocation}
    secrets = passwords_among(variables)
    for name, value in group.items():
        variables[name] = resolve(name, value, inherited)
        if variables[name] != value and variables[name]:
            secrets[name] = variables[name]
    longest_first = sorted(secrets.values(), key=len, reverse=True)
    return Environment(variables | dict(marks), tuple(longest_first), keys_among(secrets.items()))


def for_run(
    claimed: ClaimedRun, wrapper: Wrapper, config_home: str | None, extra: Mapping[str, str], owner: str
) -> Environment:
    home = {wrapper.config_home_variable: config_home} if config_home and wrapper.config_home_variable else {}
    marks = {survivors.RUN: claimed.run_id, survivors.OWNER: owner}
    return build(claimed.env, {**extra, **home}, marks)


def passwords_among(variables: Mapping[str, str]) -> dict[str, str]:
    """Of an agent's variables those that it has from us and that hold a password, as the address of a proxy may."""
    return {name: variables[name] for name in INHERITED if holds_password(variables.get(name, ""))}


def keys_among(secrets: Iterable[tuple[str, str]]) -> tuple[str, ...]:
    """Of values of variables those that are keys, by the name of the variable or by how they look."""
    return tuple(
        value for name, value in secrets if len(value) >= SHORTEST_KEY and why_secret(name, value) is not None
    )


def resolve(name: str, value: str, inherited: Mapping[str, str] = GIVEN) -> str:
    """Resolve ``env:NAME`` and ``file:/path``; any other value stands for itself.

    Raises :class:`SecretError`, and OSError when this host has no room to read anything.
    """
    kind, _, place = value.partition(":")
    if kind == "env":
        if place not in inherited:
            raise SecretError(f"{name} is {value}, but the dispatcher has no variable {place}")
        return inherited[place]
    if kind == "file":
        return _read_secret(name, place)
    return value


def _read_secret(name: str, place: str) -> str:
    try:
        path = Path(place).expanduser()
        # Without O_NONBLOCK, a FIFO would hold up the whole dispatcher.
        descriptor = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)
        with os.fdopen(descriptor, encoding="utf-8") as file:
            mode = os.fstat(descriptor).st_mode
            if not stat.S_ISREG(mode):
                raise SecretError(f"{name}: {path} is no plain file")
            if mode & (stat.S_IRWXG | stat.S_IRWXO):
                raise SecretError(
                    f"{name}: {path} can be read by others (mode {stat.S_IMODE(mode):04o}): chmod 600 it"
                )
            secret = file.read().strip()
            if "\0" in secret:
                raise SecretError(f"{name}: {path} holds NUL, which no variable can")
            return secret
    except (OSError, RuntimeError, UnicodeError) as error:  # RuntimeError: nobody has such a home directory
        if isinstance(error, OSError) and error.errno in SCARCE:
            raise  # the account is not to blame
        why = getattr(error, "strerror", None) or error  # else the path is told twice
        raise SecretError(f"{name}: cannot read {place}: {why}") from error
