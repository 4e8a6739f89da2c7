"""What changes in the database, for any number of live streams: one connection listens for all of them.

Nothing is asked of the database here, so streams that wait cost it nothing.
"""

import math
from collections.abc import Iterable, Iterator, Set
from contextlib import contextmanager
from dataclasses import dataclass

import trio
from psycopg import Notify

from dispatcher.database.event_payload import payload_of
from dispatcher.database.listener import Connect, Listener
from dispatcher.host.auto_reset_event import AutoResetEvent

CHANNELS = ("task_event", "task_cancel", "run_output", "task_ready", "dispatcher_heartbeat")
SHORTEST_PAUSE = 0.25
"""Seconds between two pieces of news for one subscriber, however many events come."""
ACTIVITY_PAUSE = 2.0
"""Seconds between two pieces of news for a subscriber of everything that only say that agents print something."""
GATHERING = 0.05
"""Seconds for which notifications are gathered: 1,000 a second become 20 for each subscriber."""
MOST_NUMBERS = 1_000
"""Tasks that one piece of news names. When more changed, any may have."""
GRACE = 5.0
"""Seconds after the end of a lease until we say that its dispatcher is away: its heartbeat may come late."""


class Numbers:
    """Numbers of tasks. It may also stand for all tasks: there were too many, or the connection was away."""

    def __init__(self, numbers: Set[int] | None = frozenset()) -> None:
        self.known = None if numbers is None or len(numbers) > MOST_NUMBERS else numbers
        """The numbers, or None where any task may be meant."""

    def __contains__(self, number: int) -> bool:
        return self.known is None or number in self.known

    def __bool__(self) -> bool:
        return self.known is None or bool(self.known)

    def __or__(self, other: "Numbers") -> "Numbers":
        if not other:
            return self
        if not self:
            return other
        return Numbers(None if self.known is None or other.known is None else self.known | other.known)


ALL = Numbers(None)
NONE = Numbers()


@dataclass(frozen=True)
class News:
    """What changed since a subscriber looked last.

    ``tasks`` changed their state, ``printed`` has those whose agents printed something. ``site``: accounts, limits or
    dispatchers changed. ``ended``: the server ends, and so should the stream.
    """

    tasks: Numbers = NONE
    printed: Numbers = NONE
    site: bool = False
    ended: bool = False

    def __bool__(self) -> bool:
        return self.site or self.ended or bool(self.tasks) or bool(self.printed)

    def joined(self, other: "News") -> "News":
        return News(
            self.tasks | other.tasks,
            self.printed | other.printed,
            self.site or other.site,
            self.ended or other.ended,
        )

    def of(self, number: int) -> "News":
        """Return what concerns one task."""
        return News(
            Numbers({number}) if number in self.tasks else NONE,
            Numbers({number}) if number in self.printed else NONE,
            ended=self.ended,
        )


class Subscription:
    """The news of one subscriber, about one task or about everything."""

    def __init__(self, number: int | None) -> None:
        self._number = number
        self._news = News()
        self._arrived = AutoResetEvent()
        self._due = math.inf
        self._last = -math.inf

    async def next(self, until: float = math.inf, pause: float = SHORTEST_PAUSE) -> News:
        """Wait for news, or until a moment on trio's clock; returns what came since the last call.

        It returns at least ``pause`` seconds after the last call returned, but the end of the server is told at once.
        That agents print something ends a wait for everything only after :data:`ACTIVITY_PAUSE`.
        """
        await trio.lowlevel.checkpoint()
        while not self._news.ended:
            due = max(min(until, self._due), self._last + pause)
            if trio.current_time() >= due:
                break
            await self._arrived.wait(due)
        self._last, self._due = trio.current_time(), math.inf
        news, self._news = self._news, News(ended=self._news.ended)
        return news

    def tell(self, news: News) -> None:
        """Note what changed, and wake the subscriber when that concerns it."""
        if self._number is not None:
            news = news.of(self._number)
        if not news:
            return
        self._news = self._news.joined(news)
        only_printed = self._number is None and not (news.site or news.ended or news.tasks)
        self._due = min(self._due, self._last + ACTIVITY_PAUSE if only_printed else -math.inf)
        self._arrived.set()


class Changes:
    """Listens while :meth:`run` runs, and tells every subscription. ``lease_s`` is the dispatchers' lease interval."""

    def __init__(self, connect: Connect, lease_s: float) -> None:
        self._listener = Listener(connect, CHANNELS, self._missed_some, self._pass_on, GATHERING)
        self._subscriptions: dict[int | None, set[Subscription]] = {}
        """By the number of their task; None are those of everything."""
        self._lease_s = lease_s
        self._leases: dict[str, float] = {}
        """The ids of dispatchers, and until when (on trio's clock) each is alive without another heartbeat."""
        self._beat = AutoResetEvent()
        self._gathered = News()
        self._arrived = AutoResetEvent()
        self._ended = False

    async def run(self) -> None:
        async with trio.open_nursery() as nursery:
            nursery.start_soon(self._watch_leases)
            nursery.start_soon(self._spread)
            await self._listener.run()

    @contextmanager
    def subscribe(self, number: int | None = None) -> Iterator[Subscription]:
        """Receive the news of one task, or of all. Subscribe first and read then, so that nothing is missed."""
        subscription = Subscription(number)
        if self._ended:
            subscription.tell(News(ended=True))
        alike = self._subscriptions.setdefault(number, set())
        alike.add(subscription)
        try:
            yield subscription
        finally:
            alike.discard(subscription)
            if not alike and self._subscriptions.get(number) is alike:
                del self._subscriptions[number]

    def note_lease(self, dispatcher: str, left_s: float) -> None:
        """Learn from the database that a dispatcher lives, whose heartbeat was perhaps never heard."""
        if left_s > 0 and dispatcher not in self._leases:
            self._leases[dispatcher] = trio.current_time() + left_s + GRACE
            self._beat.set()

    def end(self) -> None:
        """Tell all streams to end, also those that begin from now on."""
        self._ended = True
        for alike in self._subscriptions.values():
            for subscription in alike:
                subscription.tell(News(ended=True))

    def __len__(self) -> int:
        return sum(map(len, self._subscriptions.values()))

    def _gather(self, news: News) -> None:
        if self._subscriptions:
            self._gathered = self._gathered.joined(news)
            self._arrived.set()

    async def _spread(self) -> None:
        """Tell everybody what the listener heard at once."""
        while True:
            await self._arrived.wait()
            news, self._gathered = self._gathered, News()
            for number in self._concerned(news):
                for subscription in self._subscriptions.get(number, ()):
                    subscription.tell(news)

    def _concerned(self, news: News) -> Iterable[int | None]:
        numbers = (news.tasks | news.printed).known
        return self._subscriptions if numbers is None else {None, *numbers}

    def _missed_some(self) -> None:
        """While nobody listened, notifications were missed."""
        self._gather(News(ALL, ALL, site=True))

    def _pass_on(self, notification: Notify) -> None:
        match notification.channel:
            case "task_event":
                self._gather(News(tasks=_numbers_of(notification)))
            case "task_cancel":
                self._gather(News(tasks=_number_of(notification)))
            case "run_output":
                self._gather(News(printed=_numbers_of(notification)))
            case "task_ready" if not notification.payload:
                self._gather(News(site=True))  # a claim's own events name a tool
            case "dispatcher_heartbeat":
                self._note_heartbeat(notification.payload)

    def _note_heartbeat(self, payload: str) -> None:
        """Hear a heartbeat, or that a dispatcher is draining, closed or gone: a word before its id says that."""
        word, _, dispatcher = payload.rpartition(" ")
        if word or dispatcher not in self._leases:
            self._gather(News(site=True))
        if word in ("closed", "gone"):
            self._leases.pop(dispatcher, None)
        elif not word:
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


def _number_of(notification: Notify) -> Numbers:
    """Read the number of a task. One that is not ours says nothing: everybody can notify."""
    number = notification.payload
    return Numbers({int(number)}) if number.isdecimal() and len(number) < 20 else NONE
