"""What subscribers hear of the database, and how seldom they are woken."""

import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from functools import partial

import pytest
import trio

from dispatcher.api.live.changes import GRACE, SHORTEST_PAUSE, Changes, News, Subscription
from dispatcher.database.connection import connect
from tests.dispatcher.api.conftest import Site, one_postgres
from tests.dispatcher.api.live.following import PATIENCE

pytestmark = one_postgres

LISTENER = "changes of a test"


@asynccontextmanager
async def listening(site: Site, lease_s: float = 60) -> AsyncIterator[Changes]:
    """Run the listener, and wait until it listens."""
    changes = Changes(partial(connect, site.settings, application_name=LISTENER), lease_s)
    async with trio.open_nursery() as nursery:
        with changes.subscribe() as subscription:
            nursery.start_soon(changes.run)
            await heard(subscription)
        yield changes
        nursery.cancel_scope.cancel()


async def heard(subscription: Subscription) -> News:
    with trio.fail_after(PATIENCE):
        return await subscription.next()


def notify(site: Site, channel: str, payload: str) -> None:
    site.db.run("select pg_notify(%s, %s)", channel, payload)


async def test_each_subscriber_hears_of_its_task_alone(site: Site) -> None:
    async with listening(site) as changes:
        with changes.subscribe(1) as first, changes.subscribe(2) as second, changes.subscribe() as everything:
            notify(site, "task_event", '{"status": "running", "numbers": [1]}')
            assert 1 in (await heard(first)).tasks
            assert 1 in (await heard(everything)).tasks
            notify(site, "run_output", '{"numbers": [2]}')
            news = await heard(second)
            assert (2 in news.printed, bool(news.tasks)) == (True, False)
            assert not await first.next(until=trio.current_time())
            notify(site, "task_cancel", "1")
            assert 1 in (await heard(first)).tasks


async def test_an_event_about_too_many_tasks_may_be_about_any(site: Site) -> None:
    async with listening(site) as changes:
        with changes.subscribe(7) as one:
            notify(site, "task_event", '{"status": "canceled", "count": 5000}')
            assert 7 in (await heard(one)).tasks


async def test_what_others_notify_does_no_harm(site: Site) -> None:
    async with listening(site) as changes:
        with changes.subscribe(1) as one:
            for channel in ("task_event", "run_output", "task_cancel", "task_ready", "dispatcher_heartbeat"):
                for payload in ("", "x", "9" * 7000, "[]", '{"numbers": 5}', "\u0663"):
                    notify(site, channel, payload)
            notify(site, "task_event", '{"status": "running", "numbers": [1]}')
            assert 1 in (await heard(one)).tasks


async def test_a_storm_of_events_is_at_most_four_pieces_of_news_a_second(site: Site) -> None:
    async with listening(site) as changes:
        with changes.subscribe() as subscription:
            storm = "select pg_notify('task_event', json_build_object('status', 'queued', 'numbers', array[n])::text)"
            told: set[int] = set()
            pieces, began = 0, trio.current_time()
            for part in range(4):
                site.db.run(f"{storm} from generate_series({part * 500 + 1}, {part * 500 + 500}) as n")
                while len(told) < part * 500 + 500:
                    told |= (await heard(subscription)).tasks.known or set()
                    pieces += 1
            took = trio.current_time() - began
    assert told == set(range(1, 2001))
    assert pieces <= 1 + took / SHORTEST_PAUSE


async def test_agents_that_print_wake_whoever_watches_everything_seldom_but_in_the_end(site: Site) -> None:
    async with listening(site) as changes:
        with changes.subscribe() as subscription:
            notify(site, "task_ready", "")
            await heard(subscription)
            notify(site, "run_output", '{"numbers": [3]}')
            with trio.move_on_after(SHORTEST_PAUSE) as waiting:
                await subscription.next()
            assert waiting.cancelled_caught
            assert 3 in (await heard(subscription)).printed


async def test_after_a_lost_connection_anything_may_have_changed(site: Site) -> None:
    async with listening(site) as changes:
        with changes.subscribe(5) as one:
            site.db.run(
                "select pg_terminate_backend(pid) from pg_stat_activity where application_name = %s", LISTENER
            )
            news = await heard(one)
            assert 5 in news.tasks
            assert 5 in news.printed


async def test_a_dispatcher_that_falls_silent_is_told_and_the_connection_replaced(site: Site) -> None:
    listener = "select pid from pg_stat_activity where application_name = %s"
    async with listening(site, lease_s=0.2 - GRACE) as changes:
        before = site.db.value(listener, LISTENER)
        with changes.subscribe() as subscription:
            notify(site, "dispatcher_heartbeat", "a-dispatcher")
            assert (await heard(subscription)).site
            assert (await heard(subscription)).site
        assert site.db.value(f"{listener} and pid <> %s", LISTENER, before) != before


async def test_heartbeats_of_a_known_dispatcher_wake_nobody_and_its_end_does(site: Site) -> None:
    async with listening(site) as changes:
        changes.note_lease("known", 60)
        with changes.subscribe() as subscription, changes.subscribe(1) as one:
            notify(site, "dispatcher_heartbeat", "known")
            notify(site, "task_event", json.dumps({"numbers": [1]}))
            await heard(one)
            assert not (await heard(subscription)).site
            notify(site, "dispatcher_heartbeat", "closed known")
            assert (await heard(subscription)).site


@pytest.mark.parametrize("when", ["before", "after"])
async def test_the_end_is_told_at_once_and_to_those_who_come_later(site: Site, when: str) -> None:
    async with listening(site) as changes:
        if when == "before":
            changes.end()
        with changes.subscribe(1) as subscription:
            changes.end()
            assert (await heard(subscription)).ended
            assert (await heard(subscription)).ended
