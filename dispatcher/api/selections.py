"""Which tasks a request means: the names of a selection in a query, the same for lists, counts, events and the page."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Annotated, cast

import msgspec
from litestar.params import Parameter
from msgspec import structs
from multidict import MultiMapping

from dispatcher.errors import UsageError
from sql.selection import Selection, State, StateWord, WaitsFor

Tasks = Annotated[
    Sequence[str] | None,
    Parameter(
        query="task",
        description="A number, a range such as 61-70, or the beginning of a uuid. Repeatable: any of them.",
    ),
]
States = Annotated[
    Sequence[str] | None,
    Parameter(
        query="state",
        description="A status, what a queued task waits for, or waiting, starting, active or ended. "
        "Repeatable: any of them fits.",
    ),
]
Waiting = Annotated[
    str | None,
    Parameter(
        description="What the task waits for: slot, budget, limit, paused, no_group, dispatcher, scheduled, retry, "
        "dependency, held, question or approval."
    ),
]
Tool = Annotated[str | None, Parameter(description="The tool that runs the task.")]
Model = Annotated[str | None, Parameter(description="The model that the task asks for.")]
Tenant = Annotated[str | None, Parameter(description="The tenant of the task.")]
Queue = Annotated[str | None, Parameter(description="The queue of the task.")]
Workflow = Annotated[str | None, Parameter(description="The workflow that the task belongs to.")]
Group = Annotated[str | None, Parameter(description="The worker group that ran the task last.")]
Name = Annotated[
    str | None,
    Parameter(description="A part of the name of the task, or with * or ? a pattern of the whole name."),
]
Labels = Annotated[
    Sequence[str] | None,
    Parameter(query="label", description="KEY=VALUE. Repeatable: the task must have all of them."),
]
DATE_TIME = {"format": "date-time"}
Since = Annotated[
    str | None, Parameter(description="Created then or later: 2031-01-31T22:00:00Z.", schema_extra=DATE_TIME)
]
Until = Annotated[
    str | None, Parameter(description="Created before: 2031-01-31T22:00:00Z.", schema_extra=DATE_TIME)
]

_TEXTS = ("tool", "model", "tenant", "queue", "workflow", "group", "name", "waiting")
NAMES = ("task", "state", "label", *_TEXTS, "since", "until")
"""The names of a selection in a query."""


def selection_of(query: MultiMapping[str]) -> Selection:
    """Return the selection that a query names. Other names in it are left alone, and an empty value selects nothing.

    Raises :class:`UsageError`.
    """
    return _at_times(
        _selection(
            query.getall("task", []),
            query.getall("state", []),
            {name: query.get(name) for name in _TEXTS},
            query.getall("label", []),
        ),
        query.get("since"),
        query.get("until"),
    )


async def provide_timeless(
    tasks: Tasks = None,
    states: States = None,
    tool: Tool = None,
    model: Model = None,
    tenant: Tenant = None,
    queue: Queue = None,
    workflow: Workflow = None,
    group: Group = None,
    name: Name = None,
    labels: Labels = None,
    waiting: Waiting = None,
) -> Selection:
    """Return a selection by everything but the time of creation.

    A handler that injects it has the parameters in its description.
    """
    texts = {
        "tool": tool,
        "model": model,
        "tenant": tenant,
        "queue": queue,
        "workflow": workflow,
        "group": group,
        "name": name,
        "waiting": waiting,
    }
    return _selection(tasks or (), states or (), texts, labels or ())


async def provide_selection(timeless: Selection, since: Since = None, until: Until = None) -> Selection:
    """Return what :func:`selection_of` does, as :func:`provide_timeless` does."""
    return _at_times(timeless, since, until)


def _selection(
    tasks: Sequence[str], states: Sequence[str], texts: Mapping[str, str | None], labels: Sequence[str]
) -> Selection:
    # SQL says which states and reasons to wait there are.
    return Selection(
        tasks=[task for task in tasks if task] or None,
        states=cast("list[State | StateWord]", [state for state in states if state]) or None,
        waiting=cast("WaitsFor | None", texts["waiting"] or None),
        tool=texts["tool"] or None,
        model=texts["model"] or None,
        tenant=texts["tenant"] or None,
        queue=texts["queue"] or None,
        workflow=texts["workflow"] or None,
        group=texts["group"] or None,
        name=texts["name"] or None,
        labels=_labels([label for label in labels if label]),
    )


def _at_times(selection: Selection, since: str | None, until: str | None) -> Selection:
    return structs.replace(selection, since=moment("since", since), until=moment("until", until))


def _labels(given: Sequence[str]) -> Mapping[str, str] | None:
    for label in given:
        if not label.partition("=")[0] or "=" not in label:
            raise UsageError(f"label: {label!r} is not a valid label: expected KEY=VALUE")
    return {label.partition("=")[0]: label.partition("=")[2] for label in given} or None


def moment(name: str, given: str | None) -> datetime | None:
    """Return a time of a query; None for none. Raises :class:`UsageError` for one without its zone."""
    if not given:
        return None
    try:
        found = msgspec.convert(given, datetime)
    except msgspec.ValidationError:
        found = None
    if found is None or found.tzinfo is None:
        raise UsageError(
            f"{name}: {given!r} is not a valid time: expected one with its zone, such as 2031-01-31T22:00:00Z",
            hint="a + of a zone is written %2B in a query",
        )
    return found
