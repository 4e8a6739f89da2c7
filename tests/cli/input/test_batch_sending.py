"""A batch that the database refuses: the line of the task to blame is named, and the transaction can go on."""

from collections.abc import Iterator

import msgspec
import pytest
from psycopg.sql import SQL, Identifier

from cli.database.connection import Database
from cli.input.bulk.sending import send
from cli.input.bulk.spool import Batch
from dispatcher.database.connection import BoundedConnection
from dispatcher.errors import DatabaseError, DispatchError, UsageError
from tests.cli.conftest import one_postgres
from tests.fixtures.roles import MakeRole

pytestmark = one_postgres


@pytest.fixture
def db(database: str) -> Iterator[Database]:
    with BoundedConnection.connect(database, autocommit=True) as connection:
        yield Database(connection)


def batch(*tasks: dict[str, str]) -> Batch:
    """Tasks of the lines 10, 11, 12 and so on."""
    encoded = [msgspec.json.encode({"tool": "claude", "prompt": "x", **task}) for task in tasks]
    return Batch(list(range(10, 10 + len(tasks))), encoded)


@pytest.mark.parametrize("size", [1, 2, 3, 7, 64])
def test_the_first_bad_task_is_named_wherever_it_is(db: Database, size: int) -> None:
    for bad in range(size):
        tasks = [{"tool": "clade"} if position >= bad else {} for position in range(size)]
        with db.transaction():
            with pytest.raises(UsageError) as refused:
                send(db, batch(*tasks), "tasks.csv")
            assert str(refused.value).startswith(f"tasks.csv:{10 + bad}: unknown tool 'clade'")
            assert len(send(db, batch({}), "tasks.csv")) == 1
    [counted] = db.connection.execute("SELECT count(*) FROM tasks").fetchone() or ()
    assert counted == size


def as_producer(db: Database, name: str) -> None:
    db.connection.execute(SQL("SET SESSION AUTHORIZATION {}").format(Identifier(name)))


def test_a_task_for_a_tenant_that_is_not_ours_is_named(db: Database, role: MakeRole) -> None:
    name = role("llmctl_producer")
    db.connection.execute("SELECT grant_tenant(%s, 'acme')", [name])
    as_producer(db, name)
    with pytest.raises(DatabaseError) as refused:
        send(db, batch({}, {"tenant_id": "acme"}, {"tenant_id": "other"}, {}), "tasks.csv")
    assert str(refused.value).startswith("tasks.csv:12: the database does not permit this")
    assert refused.value.hint == "its tenants are acme"


def test_no_task_is_to_blame_for_what_a_role_may_not_do_at_all(db: Database, role: MakeRole) -> None:
    as_producer(db, role("llmctl_reader"))
    with pytest.raises(DispatchError, match=r"^the database does not permit this"):
        send(db, batch({}, {}), "tasks.csv")
