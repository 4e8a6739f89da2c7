"""`dispatcher run` with the API: one command suffices, and nothing that happens to the API touches work."""

import os
import select
import signal
import socket

import pytest

from tests.fixtures.api import api_process, client_of, enable
from tests.fixtures.dispatchers import PATIENCE, Dispatcher, Site


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


def cannot_start(dispatcher: Dispatcher, times: int = 1) -> None:
    """It says so once, and does not come back."""
    dispatcher.wait_for("the API cannot start, and is not tried again", times=times)
    assert dispatcher.log("the API has ended") == []


def test_an_api_without_its_extra_says_so_once(api_site: Site) -> None:
    hidden = api_site.directory / "hidden"
    hidden.mkdir()
    (hidden / "sitecustomize.py").write_text("import sys; sys.modules['litestar'] = None")
    dispatcher = api_site.start(env={"PYTHONPATH": str(hidden)})
    cannot_start(dispatcher)
    assert dispatcher.story().count("litestar is not installed") == 1
    api_site.submit("echo works")
    api_site.wait_for("succeeded", 1)

    (hidden / "sitecustomize.py").write_text("import sys; sys.modules['litestar.di'] = None")
    dispatcher.signal(signal.SIGHUP)
    cannot_start(dispatcher, times=2)
    assert "the API cannot be loaded" in dispatcher.story()

    (hidden / "sitecustomize.py").unlink()
    dispatcher.signal(signal.SIGHUP)
    assert client_of(api_site, dispatcher).get("/health")[0] == 200


def test_an_api_whose_configuration_is_wrong_is_tried_again_once_that_was_read_again(api_site: Site) -> None:
    key = api_site.directory / "key.pem"
    enable(api_site, tls_certificate=str(key), tls_key=str(key))
    dispatcher = api_site.start()
    cannot_start(dispatcher)
    enable(api_site)
    api_site.write_config()
    dispatcher.signal(signal.SIGHUP)
    assert client_of(api_site, dispatcher).get("/health")[0] == 200


def test_an_api_whose_port_is_taken_is_tried_again_by_itself(api_site: Site) -> None:
    with socket.socket() as other:
        other.bind(("127.0.0.1", 0))
        other.listen()
        enable(api_site, port=other.getsockname()[1])
        dispatcher = api_site.start()
        dispatcher.wait_for("the API has ended", exit_code=1)
    assert client_of(api_site, dispatcher).get("/health")[0] == 200


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
