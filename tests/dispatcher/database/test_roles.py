"""A dispatcher whose login has only the rights of llmctl_dispatcher."""

import secrets
from pathlib import Path

import psycopg
from psycopg.sql import SQL, Identifier

from tests.fixtures.dispatchers import Site
from tests.fixtures.roles import acting_as


def new_role(site: Site, group: str) -> str:
    name = f"test_{secrets.token_hex(6)}"
    site.database.execute(
        SQL("create role {} login in role {}").format(Identifier(name), Identifier(f"llmctl_{group}"))
    )
    return name


def test_a_dispatcher_needs_no_more_than_its_role(site: Site) -> None:
    gate = site.gate()
    running = site.start(url=acting_as(site.url, new_role(site, "dispatcher")))
    running.wait_for("dispatcher started")
    good = site.submit(f"echo told; {gate.pass_through}; cat in.txt > out.txt; echo done",
                       input_files=[{"path": "in.txt", "content": "x"}], output_files=["out.txt"])  # fmt: skip
    bad = site.submit("exit 3", max_attempts=1)
    stopped = site.submit("sleep 1000")
    site.wait_for("running", good, stopped)
    site.cancel(stopped)
    site.wait_for("canceled", stopped)
    gate.open()
    site.wait_for("succeeded", good)
    site.wait_for("failed", bad)
    assert [entry for entry in running.log() if entry.get("level") == "error"] == []


def test_a_dispatcher_with_a_producers_login_says_what_it_lacks(site: Site) -> None:
    refused = site.start(url=acting_as(site.url, new_role(site, "producer")))
    assert refused.wait() == 4
    assert "the database does not permit this: permission denied for function" in refused.story()


def test_a_producer_names_no_directory_that_the_dispatcher_does_not_allow(site: Site, tmp_path: Path) -> None:
    closed = tmp_path / "not-yours"
    closed.mkdir()
    producer = new_role(site, "producer")
    site.sql("SELECT grant_tenant(%s, 'acme')", producer)
    assert site.url is not None
    with psycopg.connect(
        site.url, dbname=str(site.config["database"]["name"]), autocommit=True
    ) as connection:
        connection.execute(SQL("set session authorization {}").format(Identifier(producer)))
        submitted = connection.execute(
            "SELECT number FROM submit_task('sh', 'touch here', p_workdir => %s)", [str(closed)]
        ).fetchone()
    assert submitted is not None
    site.start()
    site.wait_for("failed", submitted[0])
    assert site.task(submitted[0])["error_class"] == "permission_denied"
    assert list(closed.iterdir()) == []
