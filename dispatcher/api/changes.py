"""What changes in the database, for any number of live streams: one connection listens for all of them.

Nothing is asked of the database here, so streams that wait cost it nothing.
"""

import math
from collections.abc import Iterator, Set
from contextlib import contextmanager

import trio
from psycopg import Notify

from dispatcher.database.event_payload import payload_of
from dispatcher.database.listener import Connect, Listener
from dispatcher.host.auto_reset_event import AutoResetEvent

CHANNELS = ("task_event", "run_output", "task_ready", "dispatcher_heartbeat")
SHORTEST_PAUSE = 0.25
"""Seconds between two pieces of news for one subscriber, however many events come."""
MOST_NUMBERS = 1_000
"""Tasks that one piece of news names. When more changed, any may have."""
GRACE = 5.0
"""Seconds after the end of a lease until we say that its dispatcher is away: its heartbeat may come late."""


class Numbers:
    """Numbers of tasks. It may also stand for all tasks: there were too many, or the connection was away."""

    def __init__(self, numbers: Set[int] | None = frozenset()) -> None:
        self._numbers = None if numbers is None or len(numbers) > MOST_NUMBERS else frozenset(numbers)

    def __contains__(self, number: int) -> bool:
        return self._numbers is None or number in self._numbers

    def __bool__(self) -> bool:
        return self._numbers is None or bool(self._numbers)

    def __or__(self, other: "Numbers") -> "Numbers":
        both = None if self._numbers is None or other._numbers is None else self._numbers | other._numbers
        return Numbers(both)

    @property
    def known(self) -> frozenset[int] | None:
        """The numbers, or None where any task may be meant."""
        return self._numbers


ALL = Numbers(None)
NONE = Numbers()


class News:
    """What changed since a subscriber looked last.

    ``tasks`` changed their state, ``printed`` has those whose agents printed something. ``site``: accounts, limits or
    dispatchers changed. ``ended``: the server ends, and so should the stream.
    """

    def __init__(
        self, tasks: Numbers = NONE, printed: Numbers = NONE, *, site: bool = False, ended: bool = False
    ) -> None:
        self.tasks = tasks
        self.printed = printed
        self.site = site
        self.ended = ended

    def joined(self, other: "News") -> "News":
        return News(
            self.tasks | other.tasks,
            self.printed | other.printed,
            site=self.site or other.site,
            ended=self.ended or other.ended,
        )


class Subscription:
    """The news of one subscriber, about one task or about everything but what agents print."""

    def __init__(self, number: int | None) -> None:
        self._number = number
        self._news = News()
        self._arrived = AutoResetEvent()
        self._not_before = -math.inf

    async def next(self, until: float = math.inf) -> News:
        """Wait for news, or until a moment on trio's clock; returns what came since the last call.

        Two calls return at least :data:`SHORTEST_PAUSE` apart, but the end of the server is told at once.
        """
        await self._arrived.wait(until)
        while not self._news.ended and trio.current_time() < self._not_before:
            await self._arrived.wait(self._not_before)
        self._not_before = trio.current_time() + SHORTEST_PAUSE
        news, self._news = self._news, News(ended=self._news.ended)
        return news

    def tell(self, news: News) -> None:
        """Note what changed, and wake the subscriber if that concerns it."""
        self._news = self._news.joined(news)
        if news.ended or self._concerned_by(news):
            self._arrived.set()

    def _concerned_by(self, news: News) -> bool:
        if self._number is None:
            return news.site or bool(news.tasks)
        return self._number in news.tasks or self._number in news.printed


class Changes:
    """Listens while :meth:`run` runs, and tells every subscription. ``lease_s`` is the dispatchers' lease interval."""

    def __init__(self, connect: Connect, lease_s: float) -> None:
        self._listener = Listener(connect, CHANNELS, self._missed_some, self._pass_on)
        self._subscriptions: set[Subscription] = set()
        self._lease_s = lease_s
        self._leases: dict[str, float] = {}
        """The ids of dispatchers, and until when (on trio's clock) each is alive without another heartbeat."""
        self._beat = AutoResetEvent()
        self._ended = False

    async def run(self) -> None:
        async with trio.open_nursery() as nursery:
            nursery.start_soon(self._watch_leases)
            await self._listener.run()

    @contextmanager
    def subscribe(self, number: int | None = None) -> Iterator[Subscription]:
        """Receive the news of one task, or of all. Subscribe first and read then, so that nothing is missed."""
        subscription = Subscription(number)
        if self._ended:
            subscription.tell(News(ended=True))
        self._subscriptions.add(subscription)
        try:
            yield subscription
        finally:
            self._subscriptions.discard(subscription)

    def end(self) -> None:
        """Tell all streams to end, also those that begin from now on."""
        self._ended = True
        self._tell(News(ended=True))

    def __len__(self) -> int:
        return len(self._subscriptions)

    def _tell(self, news: News) -> None:
        for subscription in self._subscriptions:
            subscription.tell(news)

    def _missed_some(self) -> None:
        """While nobody listened, notifications were missed."""
        self._tell(News(ALL, ALL, site=True))

    def _pass_on(self, notification: Notify) -> None:
        match notification.channel:
            case "task_event":
                self._tell(News(tasks=_numbers_of(notification)))
            case "run_output":
                self._tell(News(printed=_numbers_of(notification)))
            case "task_ready" if not notification.payload:
                self._tell(News(site=True))  # a claim's own events name a tool
            case "dispatcher_heartbeat":
                self._note_heartbeat(notification.payload)

    def _note_heartbeat(self, dispatcher: str) -> None:
        if dispatcher not in self._leases:
            self._tell(News(site=True))
        if dispatcher.startswith("closed "):
            self._leases.pop(dispatcher.removeprefix("closed "), None)
        else:
            self._leases[dispatcher] = trio.current_time() + self._lease_s + GRACE
            self._beat.set()

    async def _watch_leases(self) -> None:
        """Tell of a dispatcher that is silent, and listen anew: it may be us who hear nothing any more."""
        while True:
            await self._beat.wait(min(self._leases.values(), default=math.inf))
            silent = [one for one, until in self._leases.items() if until <= trio.current_time()]
            for dispatcher in silent:
                del self._leases[dispatcher]
            if silent:
                self._listener.replace()


def _numbers_of(notification: Notify) -> Numbers:
    numbers = payload_of(notification).numbers
    return ALL if numbers is None else Numbers(set(numbers))
