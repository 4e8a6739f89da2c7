"""Each test has a database of its own, with nothing in it but the seeded tools and limits."""

from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack

import pytest
from psycopg.sql import SQL, Identifier

from tests.fixtures.roles import MakeRole
from tests.sql.client import Client
from tests.sql.clock import Clock

LogIn = Callable[..., Client]


@pytest.fixture
def db(database: str) -> Iterator[Client]:
    """A session in a fresh database; ``db.another()`` opens more of them."""
    with Client(database) as client:
        yield client


@pytest.fixture
def time(db: Client) -> Clock:
    """The time of day in that database stands still until the test moves it."""
    return Clock(db)


@pytest.fixture
def log_in(db: Client, role: MakeRole) -> Iterator[LogIn]:
    """Opens a session of a new role that is in these group roles and has these tenants."""
    with ExitStack() as sessions:

        def opened(*groups: str, tenants: Sequence[str] = ()) -> Client:
            name = role(*(f"llmctl_{group}" for group in groups))
            for tenant in tenants:
                db.run("select grant_tenant(%s, %s)", name, tenant)
            session = sessions.enter_context(Client(db.database))
            session.connection.execute(SQL("set session authorization {}").format(Identifier(name)))
            return session

        yield opened


@pytest.fixture
def acme(db: Client, log_in: LogIn) -> Client:
    """A session of a producer for the tenant acme, in a database that also holds a task of another tenant: task 1."""
    db.group("main", account="main")
    db.run(
        "select put_group('main', 'claude', 'main', 1, '{\"ANTHROPIC_API_KEY\": \"env:KEY\"}', '/logins/main')"
    )
    db.submit("secret of other", tenant_id="other", idempotency_key="night", output_files=["plan.md"],
              input_files=[{"path": "in.txt", "content": "their file"}])  # fmt: skip
    return log_in("producer", tenants=["acme"])


@pytest.fixture
def wide(db: Client) -> Client:
    """Plenty of slots, so that only what a test sets is a limit."""
    db.group("main", slots=1000)
    db.limit("tool:claude", 1000)
    return db
