"""`llmctl hook`, and `llmctl submit --hook`."""

from collections.abc import Iterator
from typing import Any

import pytest

from tests.cli.conftest import Llmctl, one_postgres
from tests.sql.client import Client
from tests.sql.hooks.conftest import Receiver

pytestmark = one_postgres

HOOK = (
    '[{"name": "tell", "kind": "webhook", "target": "https://example.com",'
    ' "events": ["task.canceled"], "named": true}]'
)


@pytest.fixture
def db(database: str) -> Iterator[Client]:
    with Client(database) as client:
        client.run("select put_hooks('here', %s)", HOOK)
        yield client


def test_a_task_names_a_hook_and_people_see_what_came_of_it(llmctl: Llmctl, db: Client) -> None:
    task = llmctl.submit("claude", "p", "--hook", "tell")
    assert db.value("select hooks from tasks where number = %s", task) == ["tell"]
    llmctl.ok("cancel", task)
    receiver = Receiver(db)
    [sent] = receiver.take()
    receiver.end(sent, "gone", detail="HTTP 410")
    listed: Any = llmctl("hook", "ls", "-o", "json").json()
    assert [(hook["name"], hook["dead"], hook["disabled_reason"]) for hook in listed] == [
        ("tell", 1, "HTTP 410")
    ]
    assert "disabled" in llmctl.ok("hook", "ls")
    assert "task.canceled" in llmctl.ok("hook", "show", "tell")
    assert (
        llmctl.ok("hook", "retry", "tell", "--event", sent.event)
        == "hook tell is on, and is told 1 event again"
    )
    assert [again.event for again in receiver.take()] == [sent.event]


def test_a_test_and_mistakes(llmctl: Llmctl, db: Client) -> None:
    assert "hook tell is told event" in llmctl.ok("hook", "test", "tell")
    assert [sent.type for sent in Receiver(db).take()] == ["test"]
    assert "'x' is not the id of an event" in llmctl("hook", "retry", "tell", "--event", "x").err
    unknown = llmctl("hook", "show", "other")
    assert (unknown.code, "there is no hook 'other'" in unknown.err) == (3, True)
    assert "is not a hook that a task may name" in llmctl("submit", "claude", "p", "--hook", "other").err


def test_without_hooks_the_list_says_where_they_come_from(llmctl: Llmctl, database: str) -> None:
    assert "name some under hooks in config.yaml" in (llmctl("hook", "ls").out + llmctl("hook", "ls").err)
