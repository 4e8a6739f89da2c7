"""Errors by the SQLSTATE of our own class, which psycopg has no exception of its own for."""

import re
from collections.abc import Iterator
from contextlib import contextmanager

import psycopg
import pytest


@contextmanager
def refused(sqlstate: str, message: str = "") -> Iterator[pytest.ExceptionInfo[psycopg.Error]]:
    """Within this block a statement is refused with that state and with that text in one short message."""
    with pytest.raises(psycopg.Error, match=re.escape(message) or None) as caught:
        yield caught
    assert caught.value.sqlstate == sqlstate
    assert len(caught.value.diag.message_primary or "") < 300
