"""The first page: what runs, what waits and why, and what failed last."""

from litestar import get
from litestar.response import Template

from dispatcher.api.caller import Caller
from sql import calls


@get("/")
async def now_page(caller: Caller) -> Template:
    context = {"groups": await caller.call(calls.list_groups())}
    return Template("now.html", context=context)


ROUTES = (now_page,)
