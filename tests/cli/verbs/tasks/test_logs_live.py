"""`llmctl logs -f` while a real dispatcher runs real agents."""

import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager

from tests.cli.conftest import ROOT
from tests.fixtures.dispatchers import Site


def following(site: Site, *arguments: str) -> AbstractContextManager[subprocess.Popen[bytes]]:
    """`llmctl logs -f` on a site."""
    return calling(site, "logs", "-f", *arguments)


@contextmanager
def calling(site: Site, *arguments: str) -> Iterator[subprocess.Popen[bytes]]:
    """`llmctl` on a site; its standard output is read unbuffered."""
    process = subprocess.Popen(
        [sys.executable, "-m", "cli.main", *arguments],
        stdout=subprocess.PIPE, stderr=subprocess.PIPE, bufsize=0, cwd=ROOT,
        env={
            "PATH": os.environ["PATH"], "HOME": str(site.directory), "LLMCTL_HOME": str(site.directory / "home"),
            "LLMCTL_CONFIG": str(site.write_config()), "LLMCTL_DATABASE_URL": site.url,
        },
    )  # fmt: skip
    try:
        yield process
    finally:
        process.kill()
        process.communicate()


def read(process: subprocess.Popen[bytes], size: int) -> bytes:
    """Read exactly so many bytes, as soon as they are there."""
    assert process.stdout is not None
    content = b""
    while len(content) < size and (piece := process.stdout.read(size - len(content))):
        content += piece
    return content


def test_following_shows_lines_as_they_come_and_ends_with_the_task(site: Site) -> None:
    gate, second_gate = site.gate(), site.gate("second")
    number = site.submit(f"echo one; {gate.pass_through}; echo two; {second_gate.pass_through}; printf three")
    site.start()
    site.wait_for("running", number)
    with following(site, str(number)) as logs:
        assert read(logs, 4) == b"one\n"
        gate.open()
        assert read(logs, 4) == b"two\n"
        second_gate.open()
        out, err = logs.communicate(timeout=30)
    assert (logs.returncode, out, err) == (0, b"three", b"")


def test_following_goes_on_over_a_retry(site: Site) -> None:
    gate = site.gate()
    number = site.submit(
        f"if [ -e $SITE/again ]; then echo second; else touch $SITE/again; echo first; {gate.pass_through}; exit 3; fi"
    )
    with following(site, str(number)) as logs:
        assert logs.stderr is not None
        assert logs.stderr.readline().decode() == f"task {number} is queued and has not started yet\n"
        site.start()
        assert read(logs, 6) == b"first\n"
        gate.open()
        out, err = logs.communicate(timeout=30)
    assert (logs.returncode, out) == (0, b"second\n")
    assert err.decode().splitlines() == [
        "run 1 failed: sh failed with exit code 3 and did not say why",
        "run 2:",
    ]


def test_following_survives_a_lost_connection(site: Site) -> None:
    gate = site.gate()
    number = site.submit(f"echo one; {gate.pass_through}; echo two")
    site.start()
    site.wait_for("running", number)
    with following(site, str(number)) as logs:
        assert read(logs, 4) == b"one\n"
        site.sql(
            "SELECT pg_terminate_backend(pid) FROM pg_stat_activity "
            "WHERE datname = current_database() AND starts_with(application_name, 'llmctl')"
        )
        assert logs.stderr is not None
        assert b"trying again" in logs.stderr.readline()
        gate.open()
        out, _ = logs.communicate(timeout=30)
    assert (logs.returncode, out) == (0, b"two\n")


def test_ctrl_c_ends_the_following_and_not_the_task(site: Site) -> None:
    gate = site.gate()
    number = site.submit(f"echo one; {gate.pass_through}; echo two")
    dispatcher = site.start("--until-empty")
    site.wait_for("running", number)
    with following(site, str(number)) as logs:
        assert read(logs, 4) == b"one\n"
        logs.send_signal(signal.SIGINT)
        _, err = logs.communicate(timeout=30)
    assert (logs.returncode, err) == (130, b"")
    gate.open()
    assert dispatcher.wait() == 0
    assert site.task(number)["status"] == "succeeded"


def test_submit_follow_prints_what_the_agent_prints_and_ends_as_it_does(site: Site) -> None:
    site.start()
    for script, code, remark in (("echo one", 0, ""), ("echo one; exit 3", 1, "run 1 failed")):
        with calling(site, "submit", "sh", script, "--follow", "-q", "--retries", "0") as submitting:
            out, err = submitting.communicate(timeout=30)
        assert (submitting.returncode, out) == (code, b"one\n")
        assert site.task(int(err.split()[0]))["prompt"] == script
        assert remark in err.decode()
