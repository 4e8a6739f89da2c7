"""Live streams: what they tell, when they end, and that they ask for nothing while nothing happens."""

import hashlib
from contextlib import AsyncExitStack

import pytest
import trio

from tests.dispatcher.api.conftest import Api, Site, one_postgres, problem
from tests.dispatcher.api.live.following import PATIENCE, following, own_api

pytestmark = one_postgres


def calls_of_show_task(site: Site) -> int:
    site.db.run("create extension if not exists pg_stat_statements")
    found = site.db.value(
        "select coalesce(sum(calls), 0)::integer from pg_stat_statements"
        " where dbid = (select oid from pg_database where datname = current_database())"
        " and strpos(query, 'FROM show_task') + strpos(query, 'SELECT show_task') > 0"
    )
    assert isinstance(found, int)
    return found


def numbers(state: dict[str, object]) -> list[int]:
    return [task["number"] for task in state["tasks"]]  # type: ignore[attr-defined]


async def test_a_stream_begins_with_the_present_state_and_tells_each_change(api: Api) -> None:
    first = await api.submit(queue="present")
    async with following(api, "/events?queue=present") as stream:
        state = (await stream.next("state")).data
        assert numbers(state) == [first]
        assert set(state) == {"tasks", "next", "counts", "groups", "dispatchers"}
        second = await api.submit(queue="present")
        assert numbers((await stream.next("state")).data) == [second, first]
    assert (stream.status, stream.headers["content-type"]) == (200, "text/event-stream")
    assert stream.headers["x-accel-buffering"] == "no"


async def test_a_stream_shows_no_task_of_another_tenant_and_no_secret_of_a_group(api: Api) -> None:
    await api.submit(tenant_id="acme", queue="private")
    async with following(api, "/events?queue=private", "reader", "other") as stream:
        state = (await stream.next("state")).data
    assert numbers(state) == []
    async with following(api, "/events", "admin") as stream:
        state = (await stream.next("state")).data
    assert "env_vars" not in str(state)


async def test_a_task_is_followed_to_its_end(api: Api) -> None:
    number = await api.submit(prompt="p" * 5000, priority=9)
    async with following(api, f"/tasks/{number}/events") as stream:
        state = (await stream.next("state")).data
        assert (state["status"], len(str(state["prompt"]))) == ("queued", 2000)
        assert await trio.to_thread.run_sync(api.site.run_next) == number
        while (await stream.next("state")).data["status"] != "succeeded":
            pass


async def test_a_request_to_cancel_is_told_before_the_task_ends(api: Api) -> None:
    number = await api.submit(priority=9)
    db = api.site.db
    dispatcher = db.dispatcher(host="cancels")
    [run] = db.claim(dispatcher, 1).runs
    db.start(dispatcher, run)
    assert run.number == number
    async with following(api, f"/tasks/{number}/events") as stream:
        assert (await stream.next("state")).data["cancel_requested_at"] is None
        db.run("select cancel_task(%s)", str(number))
        while (await stream.next("state")).data["cancel_requested_at"] is None:
            pass
    db.finish(dispatcher, run, "canceled")
    db.run("select close_dispatcher(%s)", dispatcher)


async def test_a_brief_stream_says_only_that_something_changed(api: Api) -> None:
    async with following(api, "/events?brief=true", "reader") as stream:
        assert (await stream.next("state")).data == {}
        await api.submit()
        assert (await stream.next("state")).data == {}


async def test_streams_of_other_tasks_ask_nothing_when_one_changes(site: Site) -> None:
    async with own_api(site) as api, AsyncExitStack() as open_streams:
        idle, busy = await api.submit(), await api.submit()
        for _ in range(20):
            stream = await open_streams.enter_async_context(following(api, f"/tasks/{idle}/events"))
            await stream.next("state")
        async with following(api, f"/tasks/{busy}/events") as stream:
            await stream.next("state")
            before = calls_of_show_task(site)
            assert before > 20
            site.db.run("select cancel_task(%s)", str(busy))
            assert (await stream.next("state")).data["status"] == "canceled"
            assert calls_of_show_task(site) == before + 1


async def test_a_stream_ends_when_its_token_is_removed(api: Api) -> None:
    secret = api.site.token("reader", "leaving")
    async with following(api, "/events?tenant=leaving", "reader", "leaving") as stream:
        await stream.next("state")
        digest = hashlib.sha256(secret.encode()).digest()
        api.site.db.run("select remove_token((select name from api_tokens where hash = %s))", digest)
        await api.submit(tenant_id="leaving")
        [*_, last] = await stream.rest()
    assert (last.name, last.data["type"]) == ("error", "urn:llmctl:LD401")


async def test_a_stream_ends_at_the_moment_at_which_its_token_expires(api: Api) -> None:
    secret = api.site.token("reader", "brief")
    digest = hashlib.sha256(secret.encode()).digest()
    expires = "update api_tokens set expires_at = clock() + interval '0.5 s' where hash = %s"
    api.site.db.run(expires, digest)
    async with following(api, "/events", "reader", "brief") as stream:
        [*_, last] = await stream.rest()
    assert (last.name, last.data["type"]) == ("error", "urn:llmctl:LD401")


async def test_more_streams_than_allowed_are_refused_until_one_ends(site: Site) -> None:
    async with own_api(site, max_streams=1) as api:
        async with following(api, "/events") as stream:
            await stream.next("state")
            problem(await api("GET", "/events"), 503, "too-many-streams")
        async with following(api, "/events") as stream:
            await stream.next("state")


async def test_a_stream_survives_the_loss_of_its_connections(api: Api) -> None:
    """As after a restart of the server: it says that the database is away, or nothing, and goes on."""
    number = await api.submit(queue="survives")
    async with following(api, "/events?queue=survives") as stream:
        await stream.next("state")
        api.site.db.run(
            "select pg_terminate_backend(pid) from pg_stat_activity"
            " where datname = current_database() and pid <> pg_backend_pid()"
        )
        another = await trio.to_thread.run_sync(
            lambda: int(
                str(api.site.db.value("select number from submit_task('claude', 'p', p_queue => 'survives')"))
            )
        )
        with trio.fail_after(PATIENCE):
            while numbers((await stream.next("state")).data) != [another, number]:
                pass


@pytest.mark.parametrize("path", ["/events?states=queued", "/events?since=yesterday", "/events?limit=0"])
async def test_a_stream_with_bad_parameters_is_refused(api: Api, path: str) -> None:
    assert (await api("GET", path)).status_code == 400


async def test_the_end_of_the_server_ends_each_stream_with_bye(site: Site) -> None:
    async with own_api(site) as api:
        async with following(api, "/events") as stream:
            await stream.next("state")
            api.changes.end()
            [*_, last] = await stream.rest()
            assert last.name == "bye"
        async with following(api, "/events") as stream:
            assert [event.name for event in await stream.rest()] == ["state", "bye"]
