"""The API in process, on trio, in front of a real database with real tokens. Each module has a database of its own."""

import hashlib
import secrets
from collections.abc import AsyncIterator, Iterator, Mapping
from dataclasses import dataclass, field
from functools import partial
from typing import Any

import httpx
import pytest
import trio
from litestar.types import ASGIApp

from dispatcher.api.application import application
from dispatcher.api.gateway import open_gateway
from dispatcher.api.live.changes import Changes
from dispatcher.api.session_cookie import SessionCookie
from dispatcher.configuration.sections.repositories import RepositorySettings
from dispatcher.configuration.sections.service import ApiSettings
from dispatcher.configuration.settings import Settings
from dispatcher.database.connection import connect
from dispatcher.tokens import hashed_session, new_session
from tests.fixtures.postgres import PostgresServer
from tests.sql.client import Client

one_postgres = pytest.mark.parametrize(
    "postgres_server", [None], ids=["embedded"], indirect=True, scope="session"
)
"""One PostgreSQL is enough here: what differs between them is in the SQL, which has tests of its own."""

ROLES = ("producer", "reader", "operator", "admin")


@dataclass
class Site:
    """A database with the groups `main` and `other` of claude, and what tests do in it by hand."""

    settings: Settings
    db: Client
    _tokens: dict[tuple[str, ...], str] = field(default_factory=dict)

    def token(self, role: str, *tenants: str) -> str:
        """Return a token of a role, for some tenants or for all."""
        if (role, *tenants) not in self._tokens:
            secret = f"llmctl_{secrets.token_urlsafe(32)}"
            digest = hashlib.sha256(secret.encode()).digest()
            name = self.name_of(role, *tenants)
            self.db.run("select add_token(%s, %s, %s, %s)", name, digest, role, list(tenants) or None)
            self._tokens[(role, *tenants)] = secret
        return self._tokens[(role, *tenants)]

    def session(self, role: str, *tenants: str) -> str:
        """Start a session of that token, as logging in does, and return its id."""
        token = hashlib.sha256(self.token(role, *tenants).encode()).digest()
        session = new_session()
        self.db.run("select start_session(%s, %s)", hashed_session(session), token)
        return session

    @property
    def cookie(self) -> str:
        """The name of the cookie with a session."""
        return SessionCookie.of(self.settings.api, "").name

    def name_of(self, role: str, *tenants: str) -> str:
        """Return the name of the token that :meth:`token` returns."""
        return "-".join(("token", role, *tenants))

    def run_next(self, error_class: str | None = None, **report: object) -> int:
        """Play the dispatcher for the next task: claim it, start it, and let it end. Returns its number."""
        dispatcher = self.db.dispatcher(host=secrets.token_hex(4))
        [run] = self.db.claim(dispatcher, 1).runs
        self.db.start(dispatcher, run)
        if error_class is None:
            report = {"final_text": "the answer", "result": {"text": "the answer"}, **report}
        self.db.finish(dispatcher, run, error_class, **report)
        self.db.run("select close_dispatcher(%s)", dispatcher)
        return run.number


@dataclass
class Api:
    """Sends requests to the application, with a token of a role."""

    app: ASGIApp
    site: Site
    client: httpx.AsyncClient
    changes: Changes

    async def __call__(
        self,
        method: str,
        path: str,
        role: str | None = "admin",
        *tenants: str,
        headers: Mapping[str, str] | None = None,
        **more: object,
    ) -> httpx.Response:
        token = {} if role is None else {"Authorization": f"Bearer {self.site.token(role, *tenants)}"}
        return await self.client.request(method, path, headers={**token, **(headers or {})}, **more)  # type: ignore[arg-type]

    async def submit(self, **fields: object) -> int:
        answer = await self("POST", "/tasks", json={"tool": "claude", "prompt": "p", **fields})
        assert answer.status_code == 201, answer.text
        return int(answer.json()["number"])


@pytest.fixture(scope="module")
def anyio_backend() -> str:
    return "trio"


@pytest.fixture(scope="module")
def site(postgres_server: PostgresServer, migrated_template: str) -> Iterator[Site]:
    name = postgres_server.create(migrated_template)
    settings = Settings(
        database=postgres_server.settings(name).database,
        api=ApiSettings(max_request_bytes=2**20),
        repositories={name: RepositorySettings(path=f"/src/{name}") for name in ("shop", "docs")},
    )
    with Client(postgres_server.embedded.url(name)) as db:
        db.group("main", slots=100)
        db.group("other", slots=100)
        yield Site(settings, db)
    postgres_server.drop(name)


@pytest.fixture(scope="module")
async def api(site: Site) -> AsyncIterator[Api]:
    changes = Changes(partial(connect, site.settings), lease_s=60)
    async with open_gateway(site.settings) as gateway, trio.open_nursery() as nursery:
        nursery.start_soon(changes.run)
        app = application(site.settings, gateway, changes)
        transport = httpx.ASGITransport(app)  # type: ignore[arg-type]
        async with httpx.AsyncClient(transport=transport, base_url="http://127.0.0.1:8000") as client:
            yield Api(app, site, client, changes)
        nursery.cancel_scope.cancel()


def problem(answer: httpx.Response, status: int, kind: str) -> str:
    """Check that an answer is such a problem, and return its sentence."""
    assert answer.status_code == status, answer.text
    assert answer.headers["content-type"] == "application/problem+json"
    assert answer.json()["type"] == f"urn:llmctl:{kind}", answer.text
    assert answer.json()["status"] == status
    return str(answer.json()["detail"])


def described() -> dict[str, Any]:
    """Return the description of the API, which needs no database."""

    async def fetch() -> dict[str, Any]:
        app = application(Settings(), None, None)  # type: ignore[arg-type]
        async with httpx.AsyncClient(transport=httpx.ASGITransport(app)) as client:  # type: ignore[arg-type]
            description: dict[str, Any] = (await client.get("http://localhost/openapi.json")).json()
            return description

    return trio.run(fetch)
