"""What a task learns from an event that can happen again and again."""

import math

import pytest
import trio
from trio.testing import MockClock, wait_all_tasks_blocked

from dispatcher.host.auto_reset_event import AutoResetEvent


async def ends_at_once(event: AutoResetEvent) -> bool:
    with trio.move_on_after(1) as patience:
        await event.wait()
    return not patience.cancelled_caught


def test_what_was_set_before_ends_one_wait() -> None:
    async def scenario() -> None:
        event = AutoResetEvent()
        event.set()
        event.set()

        assert await ends_at_once(event)
        assert not await ends_at_once(event)

    trio.run(scenario, clock=MockClock(autojump_threshold=0))


def test_what_is_set_while_the_task_works_ends_its_next_wait() -> None:
    async def scenario() -> None:
        event = AutoResetEvent()
        wakes = 0

        async def work() -> None:
            nonlocal wakes
            while True:
                await event.wait()
                wakes += 1
                if wakes == 1:
                    event.set()

        async with trio.open_nursery() as nursery:
            nursery.start_soon(work)
            await wait_all_tasks_blocked()
            assert wakes == 0
            event.set()
            await wait_all_tasks_blocked()
            nursery.cancel_scope.cancel()
        assert wakes == 2

    trio.run(scenario, clock=MockClock(autojump_threshold=0))


@pytest.mark.parametrize("seconds", [5.0, 0.0, -math.inf])
def test_a_wait_ends_at_its_time_and_leaves_nothing_set(seconds: float) -> None:
    async def scenario() -> None:
        event = AutoResetEvent()
        began = trio.current_time()
        if seconds <= 0:
            event.set()

        await event.wait(until=began + seconds)

        assert trio.current_time() - began == pytest.approx(max(0.0, seconds))
        assert not event.is_set()

    trio.run(scenario, clock=MockClock(autojump_threshold=0))


def test_what_was_cleared_ends_no_wait() -> None:
    async def scenario() -> None:
        event = AutoResetEvent()
        event.set()
        event.clear()

        assert not await ends_at_once(event)

    trio.run(scenario, clock=MockClock(autojump_threshold=0))
