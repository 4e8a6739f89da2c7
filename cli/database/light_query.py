"""One query through libpq alone, for the shell's completion.

Importing psycopg takes 130 ms on the machine where connecting and asking takes 15. A person who presses the tab key
notices that. So this module calls the libpq that psycopg brings along. It never starts a server.
"""

import ctypes
from collections.abc import Sequence
from importlib.util import find_spec
from pathlib import Path

_CONNECTED = 0
_ROWS = 2
_ADDRESS = ctypes.c_void_p


def rows_of(
    parameters: Sequence[tuple[str, str]], statement: bytes, arguments: Sequence[str]
) -> list[tuple[str | None, ...]]:
    """Return the rows of a statement with ``$1``, ``$2`` … as texts; none if the server cannot be asked.

    ``parameters`` are those of PQconnectdbParams(): the last one of a name counts, and the first ``dbname`` may be a
    URL. Raises :class:`OSError` if there is no libpq.
    """
    libpq = _libpq()
    names, values = (_array(texts) for texts in zip(*parameters, strict=True))
    connection = libpq.PQconnectdbParams(names, values, 1)
    try:
        if libpq.PQstatus(connection) != _CONNECTED:
            return []
        result = libpq.PQexecParams(
            connection, statement, len(arguments), None, _array(arguments), None, None, 0
        )
        if libpq.PQresultStatus(result) != _ROWS:
            return []
        width = range(libpq.PQnfields(result))
        return [
            tuple(_text(libpq, result, row, column) for column in width)
            for row in range(libpq.PQntuples(result))
        ]
    finally:
        libpq.PQfinish(connection)


def _text(libpq: ctypes.CDLL, result: object, row: int, column: int) -> str | None:
    if libpq.PQgetisnull(result, row, column):
        return None
    found: bytes = libpq.PQgetvalue(result, row, column)
    return found.decode(errors="replace")


def _array(texts: Sequence[str]) -> "ctypes.Array[ctypes.c_char_p]":
    return (ctypes.c_char_p * (len(texts) + 1))(*(text.encode() for text in texts), None)


def _libpq() -> ctypes.CDLL:
    """Load the libpq inside the wheel of psycopg, or else that of the system."""
    wheel = find_spec("psycopg_binary")
    beside = Path(wheel.origin).parents[1] / "psycopg_binary.libs" if wheel and wheel.origin else Path()
    library = next((str(path) for path in beside.glob("libpq-*.so*")), "libpq.so.5")
    libpq = ctypes.CDLL(library)
    libpq.PQconnectdbParams.restype = _ADDRESS
    libpq.PQexecParams.restype = _ADDRESS
    libpq.PQexecParams.argtypes = [
        *(_ADDRESS, ctypes.c_char_p, ctypes.c_int, _ADDRESS, ctypes.POINTER(ctypes.c_char_p)),
        *(_ADDRESS, _ADDRESS, ctypes.c_int),
    ]
    libpq.PQgetvalue.restype = ctypes.c_char_p
    libpq.PQgetvalue.argtypes = libpq.PQgetisnull.argtypes = [_ADDRESS, ctypes.c_int, ctypes.c_int]
    for takes_one in ("PQstatus", "PQfinish", "PQresultStatus", "PQnfields", "PQntuples"):
        getattr(libpq, takes_one).argtypes = [_ADDRESS]
    return libpq
