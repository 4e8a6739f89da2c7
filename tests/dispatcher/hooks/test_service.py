"""Real dispatchers that tell a receiver on loopback, and commands."""

import json
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest
from standardwebhooks import Webhook

from tests.fixtures.dispatchers import Site

SECRET = "whsec_" + "bGxtY3RsIHRlc3RzIHRoaXMgc2VjcmV0"


class Receiver:
    """Answers with the statuses of ``answers`` in turn, then with 200. While ``hangs``, it answers nothing."""

    def __init__(self) -> None:
        self.heard: list[dict[str, Any]] = []
        self.answers: list[int] = []
        self.hangs = False
        self.arrived = threading.Semaphore(0)
        self.may_answer = threading.Event()
        receiver = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                body = self.rfile.read(int(self.headers["content-length"]))
                Webhook(SECRET).verify(body, dict(self.headers.items()))
                receiver.heard.append(json.loads(body))
                assert self.headers["webhook-id"] == receiver.heard[-1]["id"]
                receiver.arrived.release()
                if receiver.hangs:
                    receiver.may_answer.wait()
                self.send_response(receiver.answers.pop(0) if receiver.answers else 200)
                self.end_headers()

            def log_message(self, format: str, *args: object) -> None:  # noqa: A002
                pass

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self.server.server_port}/hear"
        threading.Thread(target=self.server.serve_forever, daemon=True).start()

    def next(self) -> dict[str, Any]:
        assert self.arrived.acquire(timeout=30), f"nothing more came after {self.heard}"
        return self.heard[-1]


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    receiver = Receiver()
    yield receiver
    receiver.may_answer.set()
    receiver.server.shutdown()


def hear(site: Site, receiver: Receiver, **more: object) -> None:
    hook = {"url": receiver.url, "secret": "env:HOOK_SECRET", "allow_private": True, **more}
    site.configure("hooks", tell={"events": ["task.started", "task.finished"], **hook})


def states(site: Site) -> list[str]:
    return [row["state"] for row in site.sql("SELECT state FROM hook_deliveries ORDER BY number")]


ENV = {"HOOK_SECRET": SECRET}


def test_a_webhook_hears_in_order_and_signed(site: Site, receiver: Receiver) -> None:
    hear(site, receiver)
    site.start(env=ENV)
    gate = site.gate()
    task = site.submit(f"{gate.pass_through}; echo done")
    events = [receiver.next()]
    gate.open()
    events.append(receiver.next())
    assert [event["type"] for event in events] == ["task.started", "task.finished"]
    assert all(event["data"]["task"]["number"] == task for event in events)
    site.wait_until(lambda: states(site) == ["delivered"] * 2)


def test_what_was_sent_when_the_dispatcher_was_killed_is_sent_again_with_the_same_id(
    site: Site, receiver: Receiver
) -> None:
    hear(site, receiver, events=["task.finished"])
    receiver.hangs = True
    killed = site.start(env=ENV)
    site.submit("echo done")
    first = receiver.next()
    killed.kill()
    receiver.hangs = False
    site.sql("UPDATE hook_deliveries SET due_at = now()")  # the lease is over
    site.start(env=ENV)
    assert receiver.next()["id"] == first["id"]
    site.wait_until(lambda: states(site) == ["delivered"])


def test_two_dispatchers_tell_each_event_once(site: Site, receiver: Receiver) -> None:
    hear(site, receiver, events=["task.canceled"])
    site.sql("SELECT set_limit('tool:sh', 0)")
    site.start(env=ENV)
    second = site.start(env=ENV, config=_with_another_directory(site))
    second.wait_for("dispatcher started")
    numbers = site.submit_many([{"tool": "sh", "prompt": "true"}] * 20)
    site.sql("SELECT * FROM act_on_tasks('cancel', %s)", json.dumps({"numbers": numbers}))
    site.wait_until(lambda: states(site) == ["delivered"] * 20)
    assert sorted(event["data"]["task"]["number"] for event in receiver.heard) == numbers


def _with_another_directory(site: Site) -> str:
    site.config["execution"]["work_dir"] = str(site.directory / "second")
    return "second.yaml"


def test_a_receiver_that_hangs_or_fails_holds_up_neither_tasks_nor_other_hooks(
    site: Site, receiver: Receiver
) -> None:
    receiver.hangs = True
    hear(site, receiver, events=["task.finished"])
    heard = site.directory / "heard"
    command = ["sh", "-c", f"echo $LLMCTL_EVENT $LLMCTL_TASK $EXTRA >> {heard}; cat > /dev/null"]
    site.configure(
        "hooks", run={"events": ["task.finished"], "command": command, "env": {"EXTRA": "env:WORD"}}
    )
    site.start(env={**ENV, "WORD": "word"})
    numbers = site.submit_many([{"tool": "sh", "prompt": "echo done"}] * 6)
    site.wait_for("succeeded", *numbers)
    site.wait_until(lambda: heard.exists() and len(heard.read_text().splitlines()) == 6)
    assert set(heard.read_text().splitlines()) == {f"task.finished {number} word" for number in numbers}
    assert len(receiver.heard) == 2


def test_a_hook_that_is_gone_is_disabled_and_what_failed_is_tried_again(
    site: Site, receiver: Receiver
) -> None:
    receiver.answers = [500, 410]
    hear(site, receiver, events=["task.finished"])
    dispatcher = site.start(env=ENV)
    site.submit("echo done")
    dispatcher.wait_for("a hook was not told", outcome="failed", why="HTTP 500")
    site.sql("UPDATE hook_deliveries SET due_at = now()")
    site.sql("UPDATE hooks SET resumes_at = NULL")
    site.sql("NOTIFY hook_ready")
    dispatcher.wait_for("a hook was not told", outcome="gone")
    site.wait_until(lambda: states(site) == ["dead"])
    site.sql("SELECT retry_hook('tell')")
    site.wait_until(lambda: states(site) == ["delivered"])
    assert len({event["id"] for event in receiver.heard}) == 1


def test_without_hooks_no_statement_asks_for_deliveries(site: Site) -> None:
    site.sql(
        "DO $$ BEGIN EXECUTE"
        " 'ALTER DATABASE ' || quote_ident(current_database()) || ' SET track_functions = pl'; END $$"
    )
    site.submit("echo done")
    site.run()
    called = {row["funcname"] for row in site.sql("SELECT funcname FROM pg_stat_user_functions")}
    assert "report_and_claim" in called
    assert "take_deliveries" not in called


def test_a_secret_that_cannot_be_read_is_said_without_it(
    site: Site, receiver: Receiver, tmp_path: Path
) -> None:
    secret = tmp_path / "secret"
    secret.write_text("whsec_a")
    secret.chmod(0o600)
    hear(site, receiver, events=["task.finished"], secret=f"file:{secret}")
    dispatcher = site.start()
    site.submit("echo done")
    entry = dispatcher.wait_for("a hook was not told")
    assert entry["why"] == "secret is not one of Standard Webhooks: expected whsec_ and base64"
