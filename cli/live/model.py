"""The state of the live table's screen. It is a value: keys and snapshots make a new one, and a frame is made of it."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from cli.live.items import Fold, Item, Key, fits, folded, key_of, ordered
from cli.live.panes import Pane
from cli.live.snapshot import Snapshot
from sql.rows.people import TaskRow


@dataclass(frozen=True)
class Quit:
    pass


@dataclass(frozen=True)
class Open:
    """Fill the pane that shows this task, or its log."""

    number: int
    log: bool


@dataclass(frozen=True)
class Act:
    """Call an action for tasks."""

    action: str
    numbers: Sequence[int]


@dataclass(frozen=True)
class Steer:
    """Pause or resume a group."""

    group: str
    pause: bool


Command = Quit | Open | Act | Steer


@dataclass(frozen=True)
class Question:
    """What is asked before a command, with y or n."""

    text: str
    command: Command


@dataclass(frozen=True)
class Model:
    """``width`` and ``height`` are the window's. ``room`` is how many lines the list has; ``items`` stand in it.

    ``cursor`` is the item on which keys act, or None for the first one, as long as nobody has moved; ``place`` is its
    place among the items, and ``top`` that of the first that is seen. ``seconds`` is how old the snapshot is. ``said``
    is the outcome of the last command, and ``trouble`` what keeps the table from being up to date.
    """

    snapshot: Snapshot
    width: int = 80
    height: int = 24
    seconds: float = 0.0
    cursor: Key | None = None
    place: int = 0
    top: int = 0
    room: int = 10
    items: Sequence[Item] = ()
    marked: frozenset[int] = frozenset()
    opened: frozenset[str] = frozenset()
    filter: str = ""
    filtering: bool = False
    sort: str = "usual"
    failed_first: bool = False
    wide: bool = False
    question: Question | None = None
    pane: Pane | None = None
    said: str = ""
    trouble: str = ""

    @property
    def now(self) -> datetime:
        return self.snapshot.at + timedelta(seconds=self.seconds)

    @property
    def item(self) -> Item | None:
        """The item under the cursor."""
        return self.items[self.place] if self.items else None

    @property
    def chosen(self) -> Sequence[TaskRow]:
        """The tasks on which an action acts: those that are marked, or what is under the cursor."""
        if self.marked:
            return [task for task in self.snapshot.tasks if task.number in self.marked]
        if isinstance(self.item, Fold):
            return self.item.tasks
        return [] if self.item is None else [self.item]

    def settled(self, room: int) -> "Model":
        """Return the model with the items that stand in ``room`` lines, and the cursor on the item where it was.

        If that is gone, the cursor is on what took its place.
        """
        words = self.filter.lower().split()
        stopping = self.snapshot.stopping
        tasks = ordered(
            (task for task in self.snapshot.tasks if fits(task, words, stopping)),
            self.sort,
            failed_first=self.failed_first,
        )
        there = {task.number for task in self.snapshot.tasks}
        return replace(
            self,
            items=folded(tasks, room, self.opened),
            room=room,
            marked=self.marked & there,
        )._kept()

    def _kept(self) -> "Model":
        if self.cursor is None:
            return self.at_first()
        places = (place for place, item in enumerate(self.items) if _stands_for(item, self.cursor))
        return self.moved(next(places, self.place))

    def at_first(self) -> "Model":
        """Return the model with the cursor on the first item, whichever that is."""
        return replace(self, cursor=None, place=0, top=0)

    def moved(self, place: int) -> "Model":
        """Return the model with the cursor at that place, or as near as there are items."""
        place = max(0, min(place, len(self.items) - 1))
        room = max(1, self.room)
        top = max(min(self.top, place, len(self.items) - room), place - room + 1, 0)
        cursor = key_of(self.items[place]) if self.items else None
        return replace(self, cursor=cursor, place=place, top=top)

    def seen(self) -> Sequence[Item]:
        """Return the items that stand in the window."""
        return self.items[self.top : self.top + max(0, self.room)]


def _stands_for(item: Item, key: Key) -> bool:
    """Whether this is the item, or stands for the task that was one."""
    if key_of(item) == key:
        return True
    return isinstance(item, Fold) and not item.opened and any(task.number == key for task in item.tasks)
