"""Which task of a batch is to blame for its refusal."""

import psycopg
import pytest
from psycopg.types.json import Jsonb

from tests.sql.client import Client
from tests.sql.refused import refused

GOOD = {"tool": "claude", "prompt": "p"}


def explained(db: Client, tasks: object) -> tuple[str | None, str | None, str | None, str | None]:
    """SQLSTATE, message, hint and detail of the error."""
    with pytest.raises(psycopg.Error) as error:
        db.run("select explain_refusal(%s)", Jsonb(tasks))
    diag = error.value.diag
    return error.value.sqlstate, diag.message_primary, diag.message_hint, diag.message_detail


@pytest.mark.parametrize("size", [1, 2, 3, 5, 8])
def test_the_first_refused_task_is_named_by_its_place_wherever_it_is(db: Client, size: int) -> None:
    for bad in range(size):
        tasks = [{**GOOD, "tool": "clade"} if place in (bad, size - 1) else GOOD for place in range(size)]
        state, message, hint, place = explained(db, tasks)
        assert (state, place) == ("LD400", str(bad + 1))
        assert message is not None
        assert message.startswith("unknown tool 'clade'")
        assert hint is not None
        assert "config.yaml" in hint
    assert db.value("select count(*) from tasks") == 0


def test_errors_of_all_kinds_are_found_in_the_order_of_the_tasks(db: Client) -> None:
    late = {**GOOD, "scheduled_at": "someday"}
    wrong = {**GOOD, "priority": 12}
    assert explained(db, [GOOD, late, wrong])[3] == "2"
    assert explained(db, [GOOD, wrong, late])[1:4:2] == (
        "priority must be a number from 1 to 9 (9 is first), not 12",
        "2",
    )


def test_what_is_not_refused_is_not_queued_either(db: Client) -> None:
    db.run("select explain_refusal(%s)", Jsonb([GOOD] * 5))
    db.run("select explain_refusal('[]')")
    assert db.value("select count(*) from tasks") == 0


def test_what_is_no_batch_has_no_refused_task(db: Client) -> None:
    db.run("select explain_refusal('{}')")
    with refused("LD400"):
        db.run("select submit_tasks('{}')")
