"""The environment that this process was given, and how agents are kept from reading it.

A process of the same user can read `/proc/PID/environ`, and so can root, and agents may run as either. So a dispatcher
keeps its variables in memory, and removes from its environment what our programs do not need.
"""

import os
import re
from collections.abc import Mapping

GIVEN: Mapping[str, str] = dict(os.environ)
"""The variables that we were started with. References (``env:NAME``) of groups are resolved from it."""

_NEEDED = re.compile(
    r"PATH|HOME|USER|LOGNAME|SHELL|LANG|LANGUAGE|LC_[A-Z]+|TZ|TERM|COLORTERM|NO_COLOR|FORCE_COLOR|COLUMNS|LINES|CI|TMPDIR|TMP|TEMP"
    r"|LLMCTL_HOME|LLMCTL_CONFIG|XDG_(RUNTIME_DIR|(CONFIG|DATA|STATE|CACHE)_(HOME|DIRS))"
    # Variables of libpq, whose names have no underscore, and of the libraries that it uses.
    r"|(?!PGPASSWORD$)PG[A-Z]+|KRB5[A-Z_]*|SSL_CERT_(FILE|DIR)|OPENSSL_CONF|LD_LIBRARY_PATH|PSYCOPG_[A-Z]+|PYTHON[A-Z]+"
)
"""Variables that we and our programs read themselves, and that are not secrets."""

_concealed: dict[str, str] = {}


def variable(name: str) -> str | None:
    """Return a variable of our environment, including one that was removed from it. None if it is not set."""
    return os.environ.get(name, _concealed.get(name))


def concealed(name: str) -> str | None:
    """Return a variable that was removed from our environment, so that C code such as libpq does not find it."""
    return _concealed.get(name)


def whole() -> Mapping[str, str]:
    """Return our environment with what was removed from it, for a program of the user that must have all of it."""
    return {**_concealed, **os.environ}


def conceal() -> None:
    """Close this process to others of its user, and remove from its environment what may be a secret.

    Then child processes inherit no secret. Call it once, before threads start: it overwrites memory that C code may
    read.
    """
    from dispatcher.host import linux, spawn

    spawn.make_undumpable()
    linux.blank_variables(lambda name: _NEEDED.fullmatch(name) is None)
    for name in [name for name in os.environ if _NEEDED.fullmatch(name) is None]:
        _concealed[name] = os.environ.pop(name)
