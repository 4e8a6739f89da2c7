"""The database's clock, replaced by one that a test sets."""

from datetime import datetime

from tests.sql.client import Client


class Clock:
    """From now on clock() stands still, for every session, and moves when the test says so."""

    def __init__(self, client: Client) -> None:
        self._client = client
        client.run("create table test_clock (now timestamptz)")
        client.run(
            "grant select on test_clock to public"
        )  # functions run as their owner, not as the superuser
        client.run("insert into test_clock values (date_trunc('second', now()))")
        client.run(
            "create or replace function clock() returns timestamptz language sql volatile"
            " as 'select now from test_clock'"
        )

    def passes(self, seconds: float) -> None:
        self._client.run("update test_clock set now = now + make_interval(secs => %s)", seconds)

    def now(self) -> datetime:
        at = self._client.value("select clock()")
        assert isinstance(at, datetime)
        return at
