"""The environment of an agent: variables on our allow-list, those of its group, and marks that identify its processes.

Nothing else is inherited, so no agent sees the database's address or the key of another account.
"""

import os
import stat
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path

from dispatcher.configuration.secret_references import holds_password, why_secret
from dispatcher.host import survivors
from dispatcher.host.host_trouble import SCARCE
from dispatcher.host.own_environment import GIVEN
from sql.rows.dispatchers import ClaimedRun
from wrappers.base import Wrapper

INHERITED = (
    "PATH", "HOME", "USER", "LOGNAME", "SHELL", "LANG", "LC_ALL", "LC_CTYPE", "TZ",
    "SSL_CERT_FILE", "SSL_CERT_DIR", "NODE_EXTRA_CA_CERTS",
    "HTTP_PROXY", "HTTPS_PROXY", "NO_PROXY", "http_proxy", "https_proxy", "no_proxy",
)  # fmt: skip
TEMPORARY = ("TMPDIR", "TMP", "TEMP")
"""The variables that name the directory for temporary files, in the order in which programs read them."""


class SecretError(Exception):
    """A reference in a group's variables cannot be resolved on this host. The message never contains a secret."""


SHORTEST_KEY = 8
"""Characters. A shorter value may be a key, but it may also be an ordinary word."""


@dataclass(frozen=True, slots=True)
class Environment:
    """The variables of one run, and the secret values among them, which must not be stored or logged.

    Every value of a reference counts as a secret, and so does an inherited address with a password in it. ``keys`` are
    the secrets that are certainly keys.
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
    """Return an agent's environment. ``group`` may hold references, which are resolved now.

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
    return for_account(claimed.env, wrapper, config_home, extra, marks_of(claimed.run_id, owner))


def marks_of(run_id: str, owner: str) -> dict[str, str]:
    """Return the variables by which the processes of a run are known."""
    return {survivors.RUN: run_id, survivors.OWNER: owner}


def for_account(
    env: Mapping[str, str],
    wrapper: Wrapper,
    config_home: str | None,
    extra: Mapping[str, str],
    marks: Mapping[str, str],
) -> Environment:
    """Return the environment of an agent of the group with the variables ``env``. Raises what :func:`build` does."""
    home = {wrapper.config_home_variable: config_home} if config_home and wrapper.config_home_variable else {}
    return build(env, {**extra, **home}, marks)


def passwords_among(variables: Mapping[str, str]) -> dict[str, str]:
    """Return the inherited variables that hold a password, as the address of a proxy may."""
    return {name: variables[name] for name in INHERITED if holds_password(variables.get(name, ""))}


def keys_among(secrets: Iterable[tuple[str, str]]) -> tuple[str, ...]:
    """Return the values that are keys, by the name of their variable or by how they look."""
    return tuple(
        value for name, value in secrets if len(value) >= SHORTEST_KEY and why_secret(name, value) is not None
    )


def resolve(name: str, value: str, inherited: Mapping[str, str] = GIVEN) -> str:
    """Resolve ``env:NAME`` and ``file:/path``; return any other value as it is.

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
        # Without O_NONBLOCK, a FIFO would block the whole dispatcher.
        descriptor = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)
        with os.fdopen(descriptor, encoding="utf-8") as file:
            mode = os.fstat(descriptor).st_mode
            if not stat.S_ISREG(mode):
                raise SecretError(f"{name}: {path} is not a regular file")
            if mode & (stat.S_IRWXG | stat.S_IRWXO):
                raise SecretError(
                    f"{name}: {path} can be read by others (mode {stat.S_IMODE(mode):04o}): chmod 600 it"
                )
            secret = file.read().strip()
            if "\0" in secret:
                raise SecretError(f"{name}: {path} contains a NUL byte, which no variable can hold")
            return secret
    except (OSError, RuntimeError, UnicodeError) as error:  # RuntimeError: no user has such a home directory
        if isinstance(error, OSError) and error.errno in SCARCE:
            raise  # the host is to blame, not the account
        why = getattr(error, "strerror", None) or error  # otherwise the path appears twice
        raise SecretError(f"{name}: cannot read {place}: {why}") from error
