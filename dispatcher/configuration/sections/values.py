"""The kinds of values that sections hold: lengths of time, sizes, names, lines and commands."""

import re
from collections.abc import Mapping
from typing import Annotated

from msgspec import Meta

from dispatcher.configuration.secret_references import why_secret
from dispatcher.configuration.strict_yaml import READS
from dispatcher.durations import seconds_of
from dispatcher.quantities import bytes_of

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

_VARIABLE = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")
CONTROL = re.compile(r"[\x00-\x1f\x7f-\x9f]")


def require_absolute(key: str, path: str | None) -> None:
    """Raise ValueError unless a path is absolute, begins with ``~`` or is None."""
    if path is not None and not path.startswith(("/", "~")):
        raise ValueError(f"{key} must be an absolute path, not {path!r}")
    if path is not None and CONTROL.search(path):
        raise ValueError(f"{key} must not hold a line end or another control character, as {path!r} does")


def require_name(section: str, name: str) -> None:
    """Raise ValueError unless a key of a section can be a name."""
    if not re.fullmatch(r"[A-Za-z0-9][A-Za-z0-9._-]{0,62}", name):
        raise ValueError(f"{section}.{name} is not a valid name: expected letters, digits, '.', '_' and '-'")


def require_no_secrets(env: Mapping[str, str]) -> None:
    """Raise ValueError for a variable whose name is none, and for one that seems to hold a secret."""
    for variable, value in env.items():
        if not _VARIABLE.fullmatch(variable):
            raise ValueError(f"env.{variable} is not a valid variable name: expected letters, digits and '_'")
        if reason := why_secret(variable, value):
            raise ValueError(
                f"env.{variable} must not be written in plain text ({reason}); write "
                f'"env:{variable}" and set that variable for the dispatcher, or "file:/path/to/secret"'
            )
