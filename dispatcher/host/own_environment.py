"""The environment that this process was given, and keeping it from agents.

Who runs as the same user can read `/proc/PID/environ` of a process, and so can root, as which agents may run. So a
dispatcher keeps its variables in memory, and takes out of its environment what no program of ours needs.
"""

import os
import re
from collections.abc import Mapping

GIVEN: Mapping[str, str] = dict(os.environ)
"""What we were started with: what references (``env:NAME``) of groups and of agents' environments mean."""

_NEEDED = re.compile(
    r"PATH|HOME|USER|LOGNAME|SHELL|LANG|LANGUAGE|LC_[A-Z]+|TZ|TERM|COLORTERM|NO_COLOR|FORCE_COLOR|TMPDIR|TMP|TEMP"
    r"|LLMCTL_HOME|LLMCTL_CONFIG|XDG_(RUNTIME_DIR|(CONFIG|DATA|STATE|CACHE)_(HOME|DIRS))"
    # Of libpq, whose names have no underscore, and of what it is linked with.
    r"|(?!PGPASSWORD$)PG[A-Z]+|KRB5[A-Z_]*|SSL_CERT_(FILE|DIR)|OPENSSL_CONF|LD_LIBRARY_PATH|PSYCOPG_[A-Z]+|PYTHON[A-Z]+"
)
"""Variables that we and our programs look at themselves, and that are no secrets."""

_concealed: dict[str, str] = {}


def variable(name: str) -> str | None:
    """Return a variable of our environment, also one that was taken out of it; None if it is not set."""
    return os.environ.get(name, _concealed.get(name))


def concealed(name: str) -> str | None:
    """Return a variable that was taken out of our environment, where C code such as libpq finds it no more."""
    return _concealed.get(name)


def conceal() -> None:
    """Close this process to others of its user, and take out of its environment what may be a secret.

    What a child process of ours inherits is then none. Called once, before there are threads: it writes over memory
    that C code may read.
    """
    from dispatcher.host import linux

    linux.make_undumpable()
    linux.blank_variables(lambda name: _NEEDED.fullmatch(name) is None)
    for name in [name for name in os.environ if _NEEDED.fullmatch(name) is None]:
        _concealed[name] = os.environ.pop(name)
