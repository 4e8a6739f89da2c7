"""The list of tasks: a filter, counts beside each choice, and pages that cost the same at any depth."""

from collections.abc import Mapping, Sequence
from urllib.parse import urlencode

from litestar import get
from litestar.response import Template
from msgspec import Struct, to_builtins
from multidict import MultiDict, MultiMapping

from dispatcher.api.caller import ApiRequest, Caller
from dispatcher.api.page.frame.words import STATES
from dispatcher.api.problems import problem_of
from dispatcher.api.selections import selection_of
from dispatcher.errors import UsageError
from sql import api_calls
from sql.api_rows import FacetCount

PAGE = 100
"""Tasks on one page."""
LIST = "/ui/tasks"
FILTERS = ("state", "tool", "tenant", "queue", "group", "name", "label", "since", "until")
"""The names of a selection in a query."""
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

    @property
    def states(self) -> Sequence[str]:
        return self.given.getall("state", [])

    @property
    def query(self) -> str:
        """The filter as a query, without what is empty."""
        return urlencode([(name, value) for name, value in self.given.items() if name in FILTERS and value])

    def address(self, **changes: str | None) -> str:
        """Return the address of the list with some filters changed, or taken away where they are None."""
        kept = [(name, value) for name, value in self.given.items() if name in FILTERS and value]
        pairs = [(name, value) for name, value in kept if name not in changes]
        pairs += [(name, value) for name, value in changes.items() if value]
        return f"{LIST}?{urlencode(pairs)}" if pairs else LIST


@get("/tasks")
async def list_page(request: ApiRequest, caller: Caller, before: int | None = None) -> Template:
    """Show one page of the tasks that fit; a filter that is not valid is shown with what is wrong about it."""
    filtered = Filter(MultiDict(request.query_params.multi_items()))
    context: dict[str, object] = {"filter": filtered, "before": before, "items": [], "next": None}
    try:
        select = selection_of(request.query_params)
        page = await caller.call(api_calls.list_page(select, before, PAGE))
        counts = await caller.call(api_calls.facets(to_builtins(select)))
    except UsageError as error:
        problem = problem_of(error)
        context |= {"problem": problem, "choices": {}, "states": _states([], filtered), "actions": ()}
        return Template("tasks.html", context=context, status_code=problem.status)
    context |= {
        "items": page.items,
        "next": page.next,
        "problem": None,
        "states": _states(counts, filtered),
        "choices": {name: _choices(counts, name, filtered.value(name)) for name in CHOICES},
        "actions": [verb for verb in ("cancel", "retry") if any(verb in one.actions for one in page.items)],
    }
    return Template("tasks.html", context=context)


def _states(counts: Sequence[FacetCount], filtered: Filter) -> list[Choice]:
    """Return the states that there are, in the order in which they interest people, and those chosen."""
    tasks = {one.value: one.tasks for one in counts if one.facet == "state"}
    shown = [state for state in STATES if not counts or tasks.get(state) or state in filtered.states]
    return [
        Choice(state, tasks.get(state, 0) if counts else None, state in filtered.states) for state in shown
    ]


def _choices(counts: Sequence[FacetCount], facet: str, chosen: str) -> list[Choice]:
    tasks: Mapping[str, int | None] = {one.value: one.tasks for one in counts if one.facet == facet}
    if chosen and chosen not in tasks:
        tasks = {**tasks, chosen: 0 if counts else None}
    return [Choice(value, number, value == chosen) for value, number in sorted(tasks.items())]


ROUTES = (list_page,)
