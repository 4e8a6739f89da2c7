"""The environment of a dispatcher stays in its memory, where no other process can read it."""

import os
import shutil
import signal
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.fixtures.dispatchers import Site
from tests.fixtures.hunting import Hunt, hunting
from tests.fixtures.users import needs_root

KEY, LATER, PASSWORD, UNUSED = "sk-planted-1c9e", "sk-planted-77aa", "planted-password", "planted-elsewhere"
SECRETS = {"PLANTED": KEY, "OTHER": LATER, "PGPASSWORD": PASSWORD, "AWS_SECRET_ACCESS_KEY": UNUSED}


@pytest.fixture
def hunt(site: Site) -> Iterator[Hunt]:
    with hunting(site, *SECRETS.values()) as begun:
        yield begun


def environ(pid: int) -> bytes:
    return Path(f"/proc/{pid}/environ").read_bytes()


def give_key(site: Site, reference: str) -> None:
    site.configure("groups", sh={"env": {"SITE": str(site.directory), "A_KEY": reference}})


@needs_root
def test_not_even_root_finds_a_secret_in_the_environment_of_a_dispatcher(site: Site, hunt: Hunt) -> None:
    give_key(site, "env:PLANTED")
    url = site.url + f"&application_name={UNUSED}"

    dispatcher = site.start(url=url, env={**SECRETS, "PGAPPNAME": "kept"})
    dispatcher.wait_for("dispatcher started")

    given = environ(dispatcher.pid)
    assert hunt.traces(given) == []
    assert f"LLMCTL_HOME={site.directory}/home".encode() in given.split(b"\0")
    assert b"PGAPPNAME=kept" in given.split(b"\0")


@pytest.mark.skipif(os.geteuid() == 0, reason="root may look at every process")
def test_no_ordinary_user_may_look_at_the_environment_of_a_dispatcher(site: Site) -> None:
    dispatcher = site.start()
    dispatcher.wait_for("dispatcher started")

    with pytest.raises(PermissionError):
        environ(dispatcher.pid)


def test_a_reload_reads_variables_that_are_in_no_environment_any_more(site: Site) -> None:
    give_key(site, "env:PLANTED")
    dispatcher = site.start(env={**SECRETS, "NAME_OF_ACCOUNT": "work"})
    site.wait_for("succeeded", site.submit(f'test "$A_KEY" = {KEY} && echo yes'))
    env = {"SITE": str(site.directory), "A_KEY": "env:OTHER"}
    site.config["groups"]["sh"] = {"tool": "sh", "account": "${NAME_OF_ACCOUNT}", "env": env}
    site.write_config()

    dispatcher.signal(signal.SIGHUP)
    dispatcher.wait_for("configuration taken over")
    number = site.submit(f'test "$A_KEY" = {LATER} && echo yes', account="work")

    site.wait_for("succeeded", number)


def test_programs_that_a_dispatcher_starts_inherit_no_secret(site: Site, hunt: Hunt, tmp_path: Path) -> None:
    """`rm`, which deletes workspaces, tells what it was given."""
    rm = tmp_path / "bin" / "rm"
    rm.parent.mkdir()
    rm.write_text(f'#!/bin/sh\nenv >>{tmp_path}/given\nexec {shutil.which("rm")} "$@"\n')
    rm.chmod(0o755)
    site.configure("dispatcher", heartbeat_interval=0.1)

    site.start(env={**SECRETS, "PATH": f"{rm.parent}:{os.environ['PATH']}"})
    number = site.submit("echo done")
    site.wait_for("succeeded", number)
    trash = site.workspace(number).parent / "trash"
    site.wait_until(lambda: (tmp_path / "given").exists() and not list(trash.iterdir()))

    given = (tmp_path / "given").read_bytes()
    assert b"PATH=" in given
    assert hunt.traces(given) == []
    assert b"LLMCTL_DATABASE_URL" not in given
