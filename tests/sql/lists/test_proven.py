"""A success that nothing shows is told from one that its tool or a check has shown."""

import pytest

from tests.sql.changes.reports import command
from tests.sql.client import Client


@pytest.mark.parametrize(
    ("is_proven", "error_class", "verdict", "proven"),
    [
        (True, None, None, True),
        (False, None, None, False),
        (False, None, "passed", True),
        (False, "auth", None, None),
        (True, "invalid_request", None, None),
    ],
)
def test_a_success_is_proven_by_its_tool_or_by_a_check(
    db: Client, is_proven: bool, error_class: str | None, verdict: str | None, proven: bool | None
) -> None:
    db.run("select put_tool('plain', p_is_proven => %s)", is_proven)
    db.group("plain-main", tool="plain")
    db.submit("p", "plain", check_command="true")
    assert db.value("select proven from list_tasks()") is None
    me = db.dispatcher()
    [run] = db.claim(me).runs
    commands = [command(verdict=verdict)] if verdict else []
    db.finish(me, run, error_class, final_text="done", commands=commands)

    assert db.value("select proven from list_tasks()") is proven
    assert db.value("select items -> 0 -> 'proven' from list_page()") is proven
    assert db.value("select show_task('1') -> 'proven'") is proven
