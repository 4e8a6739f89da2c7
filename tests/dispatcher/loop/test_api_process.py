"""`dispatcher run` with the API: one command suffices, and nothing that happens to the API touches work."""

import os
import select
import signal

import pytest

from tests.fixtures.api import api_process, client_of, enable
from tests.fixtures.dispatchers import PATIENCE, Site


@pytest.fixture
def api_site(site: Site) -> Site:
    enable(site)
    return site


def wait_for_end(descriptor: int) -> None:
    ready, _, _ = select.select([descriptor], [], [], PATIENCE)
    os.close(descriptor)
    assert ready, "it did not end"


def test_one_command_dispatches_and_serves_and_a_signal_ends_both(api_site: Site) -> None:
    dispatcher = api_site.start()
    client = client_of(api_site, dispatcher)
    pidfd = os.pidfd_open(api_process(dispatcher))
    status, body = client.request("POST", "/tasks", {"tool": "sh", "prompt": "echo hello"})
    assert status == 201, body
    api_site.wait_for("succeeded", 1)
    with client.events("/tasks/1/runs/1/log/events") as stream:
        assert [event.name for event in stream] == ["output", "end"]
    dispatcher.signal(signal.SIGINT)
    assert dispatcher.wait() == 0
    wait_for_end(pidfd)
    assert "Traceback" not in dispatcher.story()


def test_an_api_that_was_killed_comes_back_and_a_hang_up_leaves_it(api_site: Site) -> None:
    dispatcher = api_site.start()
    first = api_process(dispatcher)
    dispatcher.signal(signal.SIGHUP)
    dispatcher.wait_for("configuration taken over")
    assert api_process(dispatcher) == first
    os.kill(first, signal.SIGKILL)
    dispatcher.wait_for("the API has ended", exit_code=-signal.SIGKILL)
    assert api_process(dispatcher, times=2) != first
    assert client_of(api_site, dispatcher, times=2).get("/health")[0] == 200


def test_a_dispatcher_that_was_killed_takes_its_api_along(api_site: Site) -> None:
    dispatcher = api_site.start()
    pidfd = os.pidfd_open(api_process(dispatcher))
    dispatcher.kill()
    wait_for_end(pidfd)


def test_an_api_that_hangs_delays_no_work_and_not_the_end(api_site: Site) -> None:
    blocker = api_site.gate()
    first = api_site.submit(f"{blocker.pass_through}; echo done")
    dispatcher = api_site.start("--until-empty")
    serving = api_process(dispatcher)
    pidfd = os.pidfd_open(serving)
    os.kill(serving, signal.SIGSTOP)
    second = api_site.submit("echo done")
    api_site.wait_for("succeeded", second)
    blocker.open()
    api_site.wait_for("succeeded", first)
    assert dispatcher.wait() == 0
    wait_for_end(pidfd)
