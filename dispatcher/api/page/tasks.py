"""The list of tasks: a filter, counts beside each choice, and pages that cost the same at any depth."""

from collections.abc import Mapping, Sequence
from http import HTTPStatus
from typing import Annotated, get_args
from urllib.parse import urlencode

from litestar import get
from litestar.params import Parameter
from litestar.response import Template
from msgspec import Struct
from multidict import MultiDict, MultiMapping

from dispatcher.api.caller import ApiRequest, Caller
from dispatcher.api.page.frame.words import STATES
from dispatcher.api.problems import Problem, problem_of
from dispatcher.api.selections import NAMES, selection_of
from dispatcher.errors import UsageError
from sql import api_calls, calls
from sql.rows.api import FacetCount
from sql.rows.people import TaskPage
from sql.selection import WaitsFor

Before = Annotated[int | None, Parameter(ge=1, le=2**63 - 1)]

PAGE = 100
"""Tasks on one page."""
LIST = "/ui/tasks"
ACTIONS = ("cancel", "retry", "hold", "release")
"""What may be done with many tasks at once."""
CHOICES = ("tool", "queue", "tenant")
"""What is chosen from a list of the values that there are."""


class Choice(Struct, frozen=True):
    """A value to filter by. ``tasks`` is how many there would be; None where nobody counts them."""

    value: str
    tasks: int | None
    chosen: bool


class Filter(Struct, frozen=True):
    """The filter as it was sent, for the form and for addresses."""

    given: MultiMapping[str]

    def value(self, name: str) -> str:
        return self.given.get(name, "")

    def has(self, *names: str) -> bool:
        return any(self.value(name) for name in names)

    @property
    def states(self) -> Sequence[str]:
        return self.given.getall("state", [])

    @property
    def query(self) -> str:
        """The filter as a query, without what is empty."""
        return urlencode([(name, value) for name, value in self.given.items() if name in NAMES and value])

    def address(self, **changes: str | None) -> str:
        """Return the address of the list with some filters changed, or taken away where they are None."""
        kept = [(name, value) for name, value in self.given.items() if name in NAMES and value]
        pairs = [(name, value) for name, value in kept if name not in changes]
        pairs += [(name, value) for name, value in changes.items() if value]
        return f"{LIST}?{urlencode(pairs)}" if pairs else LIST


@get("/tasks")
async def list_page(request: ApiRequest, caller: Caller, before: Before = None) -> Template:
    """Show one page of the tasks that fit; a filter that is not valid is shown with what is wrong about it."""
    filtered = Filter(MultiDict(request.query_params.multi_items()))
    page, counts = TaskPage((), None), list[FacetCount]()
    problem: Problem | None = None
    try:
        select = selection_of(request.query_params)
        page = await caller.call(calls.list_page(select, before, PAGE))
        counts = await caller.call(api_calls.facets(select))
    except UsageError as error:
        problem = problem_of(error)
    context = {
        "filter": filtered,
        "before": before,
        "problem": problem,
        "items": page.items,
        "next": page.next,
        "states": _states(counts, filtered),
        "choices": _choices(counts, filtered),
        "changes": any(one.check_verdict or one.changed_files is not None for one in page.items),
        "reasons": get_args(WaitsFor),
        "actions": [verb for verb in ACTIONS if any(verb in one.actions for one in page.items)],
    }
    return Template("tasks.html", context=context, status_code=problem.status if problem else HTTPStatus.OK)


def _states(counts: Sequence[FacetCount], filtered: Filter) -> list[Choice]:
    """Return the states that there are, in the order in which they interest people, and those chosen."""
    tasks = {one.value: one.tasks for one in counts if one.facet == "state"}
    shown = [state for state in STATES if not counts or tasks.get(state) or state in filtered.states]
    return [
        Choice(state, tasks.get(state, 0) if counts else None, state in filtered.states) for state in shown
    ]


def _choices(counts: Sequence[FacetCount], filtered: Filter) -> Mapping[str, list[Choice]]:
    """Return the values of each filter that is chosen from a list: those that there are, and the chosen one."""
    choices: dict[str, list[Choice]] = {name: [] for name in CHOICES}
    for name in CHOICES:
        chosen = filtered.value(name)
        tasks = {one.value: one.tasks for one in counts if one.facet == name}
        values = sorted({*tasks, chosen} - {""})
        choices[name] = [
            Choice(value, tasks.get(value, 0) if counts else None, value == chosen) for value in values
        ]
    return choices


ROUTES = (list_page,)
