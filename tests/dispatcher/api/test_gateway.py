"""Calls for requests: with the rights of a token only, and never stuck after what went wrong."""

import hashlib
import logging
from collections.abc import AsyncIterator

import pytest
import trio

from dispatcher.api import gateway as module
from dispatcher.api.gateway import CONNECTIONS, Gateway, open_gateway
from dispatcher.database.connection import connect
from dispatcher.errors import DatabaseError, ForbiddenError, NotFoundError, UnauthorizedError
from sql import calls
from sql.call import OPTIONAL_TEXT, Call
from tests.dispatcher.api.conftest import Site, one_postgres

pytestmark = one_postgres

WHO = Call("current_user_of_test", {}, OPTIONAL_TEXT)


@pytest.fixture
async def gateway(site: Site) -> AsyncIterator[Gateway]:
    site.db.run(
        "create or replace function current_user_of_test() returns text language sql as 'select current_user::text'"
    )
    site.db.run("grant execute on function current_user_of_test() to public")
    async with open_gateway(site.settings) as opened:
        yield opened


def token(site: Site, role: str, *tenants: str) -> bytes:
    return hashlib.sha256(site.token(role, *tenants).encode()).digest()


async def test_a_call_has_the_rights_of_its_token_and_the_next_one_those_of_the_process(
    gateway: Gateway, site: Site
) -> None:
    own = await gateway.own_call(WHO)
    assert await gateway.call(token(site, "reader"), WHO) == "llmctl_reader"
    assert await gateway.own_call(WHO) == own != "llmctl_reader"


async def test_refusals_are_raised_as_what_they_are_and_spoil_no_connection(
    gateway: Gateway, site: Site, caplog: pytest.LogCaptureFixture
) -> None:
    """As often as it takes until the driver prepares statements."""
    call = calls.list_dispatchers()
    with caplog.at_level(logging.WARNING, "psycopg"):
        for _ in range(12):
            await gateway.call(token(site, "reader"), call)
            with pytest.raises(UnauthorizedError, match="unknown or was removed"):
                await gateway.call(b"x" * 32, call)
            with pytest.raises(NotFoundError):
                await gateway.call(token(site, "reader"), calls.log_state("99999999"))
            with pytest.raises(ForbiddenError):
                await gateway.call(token(site, "reader"), calls.list_tokens())
        assert await gateway.call(token(site, "reader"), calls.list_page(limit=1))
    assert caplog.records == []


async def test_calls_that_are_prepared_keep_the_rights_of_each_token(gateway: Gateway, site: Site) -> None:
    admin, reader = token(site, "admin"), token(site, "reader")
    for _ in range(12):
        assert await gateway.call(admin, calls.list_tokens())
        with pytest.raises(ForbiddenError):
            await gateway.call(reader, calls.list_tokens())


@pytest.mark.parametrize("before", range(8))
async def test_a_token_that_was_removed_spoils_no_call_of_others(
    gateway: Gateway, site: Site, before: int
) -> None:
    """At whichever call the driver begins to prepare it."""
    admin, gone = token(site, "admin"), hashlib.sha256(b"gone").digest()
    site.db.run("select add_token('gone', %s, 'reader')", gone)
    await gateway.call(gone, calls.list_dispatchers())
    for _ in range(before):
        await gateway.call(admin, calls.list_limits())
    site.db.run("select remove_token('gone')")
    for _ in range(2):
        with pytest.raises(UnauthorizedError):
            await gateway.call(gone, calls.list_limits())
    for _ in range(12):
        assert await gateway.call(admin, calls.list_limits())


async def test_a_restart_of_the_server_between_two_requests_costs_no_request(
    gateway: Gateway, site: Site
) -> None:
    await gateway.own_call(WHO)
    site.db.run(
        "select pg_terminate_backend(pid, 10000) from pg_stat_activity"
        " where datname = current_database() and application_name = 'dispatcher serve'"
    )
    assert await gateway.call(token(site, "reader"), WHO) == "llmctl_reader"


async def test_a_request_whose_connection_breaks_learns_it_and_the_next_one_works(
    gateway: Gateway, site: Site
) -> None:
    site.db.run(
        "create or replace function end_of_test() returns text language sql security definer"
        " as 'select pg_terminate_backend(pg_backend_pid())::text'"
    )
    breaks = Call("end_of_test", {}, OPTIONAL_TEXT)
    with pytest.raises(DatabaseError):
        await gateway.call(token(site, "reader"), breaks)
    assert await gateway.call(token(site, "reader"), WHO) == "llmctl_reader"


async def test_a_request_does_not_wait_for_ever_for_others(
    gateway: Gateway, site: Site, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "PATIENCE", 0.2)
    submit = calls.submit_tasks([{"tool": "claude", "prompt": "p", "idempotency_key": "busy"}])
    by = token(site, "producer")
    waiting = "select count(*) from pg_stat_activity where datname = current_database() and wait_event_type = 'Lock'"
    with connect(site.settings) as other:
        other.execute("begin")
        other.execute("lock table tasks in exclusive mode")
        async with trio.open_nursery() as nursery:
            for _ in range(CONNECTIONS):
                nursery.start_soon(gateway.call, by, submit)
            while site.db.value(waiting) != CONNECTIONS:
                await trio.lowlevel.checkpoint()
            with pytest.raises(DatabaseError, match="busy with other requests"):
                await gateway.call(by, submit)
            other.execute("rollback")
    assert await gateway.call(token(site, "reader"), WHO) == "llmctl_reader"
