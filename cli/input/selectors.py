"""Which tasks a verb is about: the same arguments and options for each verb."""

import functools
import re
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, field, fields, replace
from datetime import datetime
from enum import StrEnum
from inspect import Parameter, signature
from typing import TYPE_CHECKING, Annotated, Any, TypeVar

import typer

from cli.input.completers import Completer, live
from cli.input.times import parse_past
from dispatcher.errors import UsageError
from dispatcher.task_rows.values import labels

if TYPE_CHECKING:
    from sql.selection import Selection

Returned = TypeVar("Returned")

_RANGE = re.compile(r"\d+-\d+", re.ASCII)


class State(StrEnum):
    """A state of count_tasks(), or a word for several of them."""

    WAITING = "waiting"
    STARTING = "starting"
    ACTIVE = "active"
    ENDED = "ended"
    QUEUED = "queued"
    SCHEDULED = "scheduled"
    RETRY = "retry"
    LIMIT = "limit"
    DEPENDENCY = "dependency"
    HELD = "held"
    QUESTION = "question"
    APPROVAL = "approval"
    BUDGET = "budget"
    LEASED = "leased"
    RUNNING = "running"
    SUCCEEDED = "succeeded"
    FAILED = "failed"
    CANCELED = "canceled"


class Waiting(StrEnum):
    """What a queued task can wait for."""

    SLOT = "slot"
    BUDGET = "budget"
    LIMIT = "limit"
    PAUSED = "paused"
    NO_GROUP = "no_group"
    DISPATCHER = "dispatcher"
    SCHEDULED = "scheduled"
    RETRY = "retry"
    DEPENDENCY = "dependency"
    HELD = "held"
    QUESTION = "question"
    APPROVAL = "approval"


@dataclass(frozen=True, slots=True)
class Selector:
    """What was typed to select tasks; all of it must fit. ``all_`` selects every task where nothing else is given."""

    tasks: Sequence[str] = ()
    states: Sequence[str] = ()
    group: str | None = None
    labels: Mapping[str, str] = field(default_factory=dict)
    tool: str | None = None
    model: str | None = None
    tenant: str | None = None
    queue: str | None = None
    workflow: str | None = None
    name: str | None = None
    since: datetime | None = None
    until: datetime | None = None
    waiting: str | None = None
    all_: bool = False

    @property
    def is_empty(self) -> bool:
        """Whether nothing was typed, not even ``--all``."""
        return self == Selector()

    @property
    def names_only(self) -> bool:
        """Whether nothing but numbers and uuids of single tasks was typed."""
        return (
            bool(self.tasks)
            and replace(self, tasks=()).is_empty
            and not any(map(_RANGE.fullmatch, self.tasks))
        )

    def selection(self) -> "Selection":
        """Return the selection for SQL; of an empty selector it is every task."""
        import msgspec

        from sql.selection import Selection

        return msgspec.convert(self.keys(), Selection)

    def required(self) -> "Selection":
        """Return the selection for a verb that acts. Raises UsageError where nothing was typed."""
        if self.is_empty:
            raise UsageError(
                "no task is selected: expected numbers of tasks, or options that select some",
                hint="such as 61-70, -s failed or -l KEY=VALUE; --all selects every task",
            )
        return self.selection()

    def keys(self) -> dict[str, object]:
        """Return the keys of a selection that were typed."""
        given = {one.name: getattr(self, one.name) for one in fields(self) if one.name != "all_"}
        return {key: value for key, value in given.items() if value is not None and value not in ((), {})}


def _selector(
    tasks: Sequence[str] | None,
    *,
    state: Sequence[State] | None = None,
    failed: bool = False,
    label: Sequence[str] | None = None,
    waiting: Waiting | None = None,
    **others: Any,
) -> Selector:
    states = [one.value for one in state or ()] + [State.FAILED.value] * failed
    return Selector(
        tasks=tuple(tasks or ()),
        states=tuple(dict.fromkeys(states)),
        labels={key: str(value) for key, value in labels(list(label or ())).items()},
        waiting=None if waiting is None else waiting.value,
        **others,
    )


def _given(text: str) -> str:
    """Return the text. An empty one is a mistake, such as a variable of the shell that has no value."""
    if not text:
        raise typer.BadParameter("the value is empty")
    return text


def _text(help_: str, completer: Completer, *names: str, metavar: str = "NAME") -> object:
    return Annotated[
        str | None,
        typer.Option(*names, parser=_given, metavar=metavar, help=help_, autocompletion=completer),
    ]


def _past(help_: str) -> object:
    return Annotated[datetime | None, typer.Option(parser=parse_past, metavar="WHEN", help=help_)]


OPTIONS: Mapping[str, tuple[object, object]] = {
    "state": (
        Annotated[
            list[State] | None,
            typer.Option(
                "-s",
                "--state",
                metavar="STATE",
                help=f"Select tasks in this state: {', '.join(State)}. Repeatable.",
            ),
        ],
        None,
    ),
    "failed": (
        Annotated[bool, typer.Option("--failed", help="Select failed tasks, as -s failed does.")],
        False,
    ),
    "waiting": (
        Annotated[
            Waiting | None,
            typer.Option(metavar="REASON", help=f"Select tasks that wait for this: {', '.join(Waiting)}."),
        ],
        None,
    ),
    "group": (
        _text("Select tasks that this worker group runs or ran.", live("group"), "-g", "--group"),
        None,
    ),
    "label": (
        Annotated[
            list[str] | None,
            typer.Option(
                "-l",
                "--label",
                metavar="KEY=VALUE",
                help="Select tasks with this label. Repeatable: with all of them.",
                autocompletion=live("label"),
            ),
        ],
        None,
    ),
    "tool": (_text("Select tasks of this tool.", live("tool")), None),
    "model": (_text("Select tasks that ask for this model.", live("model")), None),
    "tenant": (_text("Select tasks of this tenant.", live("tenant")), None),
    "queue": (_text("Select tasks of this queue.", live("queue")), None),
    "workflow": (_text("Select tasks of this workflow.", live("workflow")), None),
    "name": (
        _text(
            "Select tasks whose name (or else first line of the prompt) contains this or, with * or ?, matches it.",
            live("name"),
            metavar="GLOB",
        ),
        None,
    ),
    "since": (_past("Select tasks submitted since 2h, 30d, … ago or since 2031-01-31T22:00."), None),
    "until": (_past("Select tasks submitted before this."), None),
    "all_": (Annotated[bool, typer.Option("--all", help="Select every task.")], False),
}
"""The options of :func:`selecting` with their defaults, in the order of the help."""

TASKS = Annotated[
    list[str] | None,
    typer.Argument(
        metavar="[TASK]…",
        help="Numbers of tasks, ranges such as 61-70, or beginnings of uuids.",
        show_default=False,
        autocompletion=live("task"),
    ),
]


def selecting(
    *, without: Collection[str] = (), arguments: object = TASKS
) -> Callable[[Callable[..., Returned]], Callable[..., Returned]]:
    """Give a verb the arguments ``TASK…`` and the :data:`OPTIONS`; its parameter ``selector`` receives a Selector.

    ``without`` names options that the verb has no use for, or that mean something else there. ``arguments`` is for
    a verb whose arguments are not tasks alone.
    """

    def with_options(verb: Callable[..., Returned]) -> Callable[..., Returned]:
        options = {name: option for name, option in OPTIONS.items() if name not in without}

        @functools.wraps(verb)
        def selects(*, tasks: list[str] | None, **given: Any) -> Returned:
            typed = {name: given.pop(name) for name in options}
            return verb(selector=_selector(tasks, **typed), **given)

        own = [one for one in signature(verb).parameters.values() if one.name != "selector"]
        vars(selects)["__signature__"] = signature(verb).replace(
            parameters=[
                Parameter("tasks", Parameter.KEYWORD_ONLY, default=None, annotation=arguments),
                *(one.replace(kind=Parameter.KEYWORD_ONLY) for one in own),
                *(
                    Parameter(name, Parameter.KEYWORD_ONLY, default=default, annotation=annotation)
                    for name, (annotation, default) in options.items()
                ),
            ]
        )
        return selects

    return with_options
