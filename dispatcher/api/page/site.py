"""All pages, and the files that they need, below `/ui/`."""

from litestar import Router, get
from litestar.exceptions import NotFoundException
from litestar.response import Redirect

from dispatcher.api.page import (
    accounts,
    health,
    hooks,
    inbox,
    login,
    new_task,
    now,
    schedules,
    stats,
    tasks,
    workflows,
)
from dispatcher.api.page.frame import errors, static_files
from dispatcher.api.page.frame.addresses import START, go_to
from dispatcher.api.page.task import actions, decisions, editing, log, page


@get("/", include_in_schema=False, sync_to_thread=False)
def to_start() -> Redirect:
    return go_to(START)


@get("/{rest:path}", include_in_schema=False, sync_to_thread=False)
def no_such_page(rest: str) -> None:
    raise NotFoundException(f"there is no page {rest}")


WITH_FRAME = [
    *now.ROUTES,
    *inbox.ROUTES,
    *tasks.ROUTES,
    *actions.ROUTES,
    *page.ROUTES,
    *editing.ROUTES,
    *decisions.ROUTES,
    *new_task.ROUTES,
    *accounts.ROUTES,
    *stats.ROUTES,
    *health.ROUTES,
    *workflows.ROUTES,
    *schedules.ROUTES,
    *hooks.ROUTES,
]
PAGES = (
    to_start,
    Router(
        "/ui",
        route_handlers=[
            *static_files.ROUTES,
            *login.ROUTES,
            *log.ROUTES,
            Router("/", before_request=inbox.count_waiting, route_handlers=WITH_FRAME),
            no_such_page,
        ],
        exception_handlers=errors.HANDLERS,
        include_in_schema=False,
    ),
)
