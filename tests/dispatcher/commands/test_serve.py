"""`dispatcher serve`: where it serves, what stops it from starting, and how it ends."""

import os
import signal
import socket
import stat
import subprocess
import sys
from pathlib import Path

import pytest

from tests.fixtures.api import client_of, enable
from tests.fixtures.dispatchers import DISPATCHER, ROOT, Site


def refusal(site: Site, code: int = 2) -> str:
    """Return what it says; a reason that may pass has code 1, and `dispatcher run` tries again."""
    refused = site.command("serve")
    assert refused.returncode == code, refused.stderr
    assert "Traceback" not in refused.stderr
    return refused.stderr


def test_an_api_that_is_off_says_how_it_is_enabled(site: Site) -> None:
    assert "write `api: {enabled: true}` into config.yaml" in refusal(site)


@pytest.mark.parametrize("module", ["litestar", "hypercorn", "jinja2"])
def test_without_its_extra_it_says_what_to_install(site: Site, module: str) -> None:
    enable(site)
    hiding = f"import sys; sys.modules[{module!r}] = None; from dispatcher.commands.main import main; main()"
    refused = subprocess.run(
        [sys.executable, "-c", hiding, "--config", str(site.write_config()), "serve"],
        cwd=ROOT,
        env=site.variables(None),
        capture_output=True,
        text=True,
        check=False,
    )
    assert refused.returncode == 2
    assert f"{module} is not installed" in refused.stderr
    assert "pip install 'llmctl[api]'" in refused.stderr


def test_a_port_that_is_taken_is_named(site: Site) -> None:
    with socket.socket() as other:
        other.bind(("127.0.0.1", 0))
        other.listen()
        port = other.getsockname()[1]
        enable(site, port=port)
        assert f"cannot serve at 127.0.0.1:{port}: Address already in use" in refusal(site, 1)


def test_tls_files_that_cannot_be_used_are_named(site: Site) -> None:
    nonsense = site.directory / "nonsense.pem"
    nonsense.write_text("nonsense")
    enable(site, tls_certificate=str(nonsense), tls_key=str(nonsense))
    assert "api.tls_certificate and api.tls_key cannot be used" in refusal(site)


def test_it_serves_at_a_socket_that_only_its_owner_may_open_and_removes_it(site: Site) -> None:
    path = site.directory / "below" / "api.sock"
    enable(site, socket=str(path))
    serving = site.start(command="serve")
    client = client_of(site, serving)
    assert client.get("/health") == (200, b'{"status":"ok"}')
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert "cannot serve at" in refusal(site, 1)
    serving.signal(signal.SIGTERM)
    assert serving.wait() == 0
    assert not path.exists()


def test_the_socket_of_a_server_that_was_killed_is_replaced(site: Site) -> None:
    enable(site, socket=str(site.directory / "api.sock"))
    first = site.start(command="serve")
    client_of(site, first)
    first.kill()
    assert client_of(site, site.start(command="serve")).get("/health")[0] == 200


def test_it_speaks_tls(site: Site) -> None:
    certificate, key = site.directory / "cert.pem", site.directory / "key.pem"
    make = "openssl req -x509 -newkey rsa:2048 -nodes -subj /CN=localhost -days 2"
    subprocess.run(
        [*make.split(), "-keyout", str(key), "-out", str(certificate)], check=True, capture_output=True
    )
    enable(site, tls_certificate=str(certificate), tls_key=str(key))
    client = client_of(site, site.start(command="serve"))
    assert client.url.startswith("https://")
    assert client.get("/health")[0] == 200


@pytest.mark.parametrize(("behind_proxy", "status"), [(False, 200), (True, 403)])
def test_what_a_proxy_says_about_the_host_counts_only_behind_one(
    site: Site, behind_proxy: bool, status: int
) -> None:
    enable(site, behind_proxy=behind_proxy)
    client = client_of(site, site.start(command="serve"))
    assert client.get("/health", {"X-Forwarded-Host": "evil.example"})[0] == status


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_signal_ends_it_with_the_last_event_of_each_stream(site: Site, number: signal.Signals) -> None:
    enable(site)
    serving = site.start(command="serve")
    client = client_of(site, serving)
    with client.events("/events") as stream:
        assert next(stream).name == "state"
        serving.signal(number)
        [*_, last] = stream
        assert last.name == "bye"
    assert serving.wait() == 0
    assert "Traceback" not in serving.story()


def test_it_ends_with_its_standard_input(site: Site) -> None:
    enable(site)
    ours, theirs = os.pipe()
    process = subprocess.Popen(
        [*DISPATCHER, "--config", str(site.write_config()), "serve", "--while-stdin-is-open"],
        cwd=ROOT,
        env=site.variables(None),
        stdin=ours,
        stderr=subprocess.PIPE,
        text=True,
    )
    os.close(ours)
    assert process.stderr is not None
    assert "the API is served" in process.stderr.readline()
    os.close(theirs)
    assert process.wait(30) == 0


def test_the_database_may_restart(site: Site, tmp_path: Path) -> None:
    """Here its connections are cut; tests of faults kill the server itself."""
    enable(site)
    client = client_of(site, site.start(command="serve"))
    number = site.submit("true")
    cut = (
        "SELECT pg_terminate_backend(pid, 10000) FROM pg_stat_activity"
        " WHERE datname = current_database() AND application_name LIKE 'dispatcher serve%%'"
    )
    for _ in range(2):
        status, body = client.get(f"/tasks/{number}")
        assert status == 200, body
        site.sql(cut)
