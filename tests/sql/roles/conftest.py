"""Tokens, and a login through which they act as the HTTP API lets them."""

import secrets
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import LiteralString

import pytest

from tests.sql.client import Client
from tests.sql.conftest import LogIn


@dataclass(frozen=True)
class Token:
    """A token, and the session in which it acts: each call in a transaction of its own."""

    name: str
    hash: bytes
    login: Client

    @contextmanager
    def acting(self) -> Iterator[Client]:
        """One transaction as this token."""
        with self.login.connection.transaction():
            self.login.run("select * from act_as(%s)", self.hash)
            yield self.login

    def rows(self, query: LiteralString, *parameters: object) -> list[tuple[object, ...]]:
        with self.acting() as session:
            return session.rows(query, *parameters)

    def through(self, login: Client) -> "Token":
        """The same token in a session of another login."""
        return Token(self.name, self.hash, login)


MakeToken = Callable[..., Token]


@pytest.fixture
def api(log_in: LogIn) -> Client:
    """A session of a login through which tokens of every role may act."""
    return log_in("producer", "reader", "operator", "admin")


@pytest.fixture
def token(db: Client, api: Client) -> MakeToken:
    """Makes a token of that role; tenants None: all."""

    def make(
        role: str, tenants: Sequence[str] | None = None, *, name: str = "", expires_in_s: float | None = None
    ) -> Token:
        made = Token(name or f"{role}-{secrets.token_hex(4)}", secrets.token_bytes(32), api)
        confined = None if tenants is None else list(tenants)
        db.run("select add_token(%s, %s, %s, %s, %s)", made.name, made.hash, role, confined, expires_in_s)
        return made

    return make
