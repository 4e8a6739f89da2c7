"""`/ui/inbox`: what waits for a person, and how many that are, which each page tells."""

from litestar import get
from litestar.response import Template

from dispatcher.api.caller import ApiRequest, Caller, provide_caller
from sql import api_calls, change_calls
from sql.rows.changes import InboxRow

ENDED = ("failed", "over_budget")
"""The kinds of tasks that have ended: nothing of them waits, and nobody has to look."""
MOST_COUNTED = 99


@get("/inbox")
async def inbox_page(caller: Caller) -> Template:
    rows = await caller.call(change_calls.inbox())
    context = {
        "waiting": [row for row in rows if _waits(row)],
        "ended": [row for row in rows if not _waits(row)][::-1],
    }
    return Template("inbox.html", context=context)


async def count_waiting(request: ApiRequest) -> None:
    """Let the page of a request know how much waits for a person."""
    if request.method == "GET":
        caller = await provide_caller(request)
        count = await caller.call(api_calls.count_inbox(MOST_COUNTED + 1))
        request.state.inbox = f"{MOST_COUNTED}+" if count > MOST_COUNTED else str(count or "")


def _waits(row: InboxRow) -> bool:
    return row.number is None or row.kind not in ENDED


ROUTES = (inbox_page,)
