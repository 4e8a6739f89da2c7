"""The first page: what runs, what waits and why, and what failed last."""

from litestar import get
from litestar.response import Template
from msgspec import Struct

from dispatcher.api.caller import Caller
from dispatcher.api.page.frame.words import STATES, WAITING
from sql import api_calls, calls
from sql.rows.people import TaskRow
from sql.selection import Selection, State

MOST_RUNNING = 50
LAST_FAILURES = 5


class Waiting(Struct, frozen=True):
    """How many tasks wait for one reason, and the last of them, whose sentence stands for all."""

    state: str
    tasks: int
    example: TaskRow | None


@get("/")
async def now_page(caller: Caller) -> Template:
    counted = {one.state: one.tasks for one in await caller.call(calls.count_tasks())}
    context = {
        "counts": [(state, counted[state]) for state in STATES if state in counted],
        "groups": await caller.call(api_calls.list_groups_in_public()),
        "active": await _newest(caller, Selection(states=["leased", "running"]), MOST_RUNNING),
        "waiting": [await _waiting(caller, state, counted[state]) for state in WAITING if state in counted],
        "failures": await _newest(caller, Selection(states=["failed"]), LAST_FAILURES),
        "dispatchers": await caller.call(calls.list_dispatchers()),
    }
    return Template("now.html", context=context)


async def _waiting(caller: Caller, state: State, tasks: int) -> Waiting:
    examples = await _newest(caller, Selection(states=[state]), 1)
    return Waiting(state, tasks, examples[0] if examples else None)


async def _newest(caller: Caller, select: Selection, most: int) -> list[TaskRow]:
    page = await caller.call(calls.list_page(select, limit=most))
    return list(page.items)


ROUTES = (now_page,)
