"""All pages, and the files that they need, below `/ui/`."""

from litestar import Router, get
from litestar.exceptions import NotFoundException
from litestar.response import Redirect

from dispatcher.api.page import (
    accounts,
    health,
    login,
    new_task,
    now,
    stats,
    tasks,
)
from dispatcher.api.page.frame import errors, static_files
from dispatcher.api.page.frame.addresses import START, go_to
from dispatcher.api.page.task import actions, editing, log, page


@get("/", include_in_schema=False, sync_to_thread=False)
def to_start() -> Redirect:
    return go_to(START)


@get("/{rest:path}", include_in_schema=False, sync_to_thread=False)
def no_such_page(rest: str) -> None:
    raise NotFoundException(f"there is no page {rest}")


PAGES = (
    to_start,
    Router(
        "/ui",
        route_handlers=[
            *static_files.ROUTES,
            *login.ROUTES,
            *now.ROUTES,
            *tasks.ROUTES,
            *actions.ROUTES,
            *page.ROUTES,
            *editing.ROUTES,
            *log.ROUTES,
            *new_task.ROUTES,
            *accounts.ROUTES,
            *stats.ROUTES,
            *health.ROUTES,
            no_such_page,
        ],
        exception_handlers=errors.HANDLERS,
        include_in_schema=False,
    ),
)
