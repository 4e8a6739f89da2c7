"""`dispatcher run` through PgBouncer: it works in session mode, and is refused with a reason in transaction mode."""

from tests.fixtures.dispatchers import Site
from tests.fixtures.pooler import StartPooler
from tests.fixtures.postgres import PostgresServer


def test_in_session_mode_a_dispatcher_works_as_on_the_server_itself(
    site: Site, start_pooler: StartPooler, dispatch_server: tuple[PostgresServer, str]
) -> None:
    pooler = start_pooler(dispatch_server[0], "session")
    gate = site.gate()
    ended = site.submit("echo heard")
    stopped = site.submit(f"{gate.pass_through}; echo never")
    dispatcher = site.start(url=pooler.url("postgres"))
    site.wait_for("succeeded", ended)
    site.wait_for("running", stopped)
    later = site.submit("echo later")
    site.wait_for("succeeded", later)
    site.cancel(stopped)
    site.wait_for("canceled", stopped)
    assert not dispatcher.log("the listening connection is deaf and is replaced")


def test_transaction_mode_is_refused_with_what_to_do(
    site: Site, start_pooler: StartPooler, dispatch_server: tuple[PostgresServer, str]
) -> None:
    pooler = start_pooler(dispatch_server[0], "transaction")
    number = site.submit("echo not here")
    dispatcher = site.start(url=pooler.url("postgres"))
    assert dispatcher.wait() == 4
    [line] = dispatcher.story().splitlines()
    assert f"PostgreSQL at {pooler.host}" in line
    assert "is a connection pooler (such as PgBouncer) in transaction mode" in line
    assert "point database.url to the server itself, or set pool_mode = session" in line
    assert site.task(number)["status"] == "queued"
    assert site.sql("SELECT FROM dispatchers") == []
