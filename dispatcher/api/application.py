"""The ASGI application: routes, errors and description of the API, and the page."""

from litestar import Litestar, Router
from litestar.datastructures import State
from litestar.di import Provide
from litestar.exceptions import HTTPException
from litestar.handlers import HTTPRouteHandler
from litestar.openapi import OpenAPIConfig
from litestar.openapi.plugins import JsonRenderPlugin
from litestar.openapi.spec import Components, SecurityScheme
from litestar.types import ASGIApp, Method

from dispatcher import __version__
from dispatcher.api import problems
from dispatcher.api.answers import Answer, DescribedAmounts
from dispatcher.api.arrival import Arrivals
from dispatcher.api.browser_safety import BrowserSafety
from dispatcher.api.caller import provide_caller
from dispatcher.api.door import Door, admit
from dispatcher.api.gateway import Gateway
from dispatcher.api.live.changes import Changes
from dispatcher.api.live.streams import Streams
from dispatcher.api.metrics import route as metrics
from dispatcher.api.page.frame.rendering import TEMPLATE_CONFIG
from dispatcher.api.page.health import Checkup
from dispatcher.api.page.login import LoginLink
from dispatcher.api.page.site import PAGES
from dispatcher.api.requests import PathParts, StrictRequest, require_known, whole_names
from dispatcher.api.routes import (
    decisions,
    description,
    diff,
    events,
    files,
    groups,
    health,
    limits,
    logs,
    stats,
    submission,
    task_actions,
    tasks,
)
from dispatcher.api.routes.automation import hooks, inbound, schedules, workflows
from dispatcher.api.selections import provide_selection, provide_timeless
from dispatcher.api.session_cookie import SessionCookie
from dispatcher.configuration.settings import Settings
from dispatcher.errors import DispatchError

ROUTES = (
    *description.ROUTES,
    *health.ROUTES,
    *submission.ROUTES,
    *tasks.ROUTES,
    *task_actions.ROUTES,
    *decisions.ROUTES,
    *diff.ROUTES,
    *files.ROUTES,
    *groups.ROUTES,
    *limits.ROUTES,
    *schedules.ROUTES,
    *stats.ROUTES,
    *events.ROUTES,
    *logs.ROUTES,
    *workflows.ROUTES,
    *inbound.ROUTES,
    *hooks.ROUTES,
    *metrics.ROUTES,
)


def application(
    settings: Settings,
    gateway: Gateway,
    changes: Changes,
    login_link: LoginLink | None = None,
    database_id: str = "",
) -> ASGIApp:
    """Build the application. Handlers find what is given in the state of the app, and what is made here."""
    state = {
        "settings": settings,
        "gateway": gateway,
        "changes": changes,
        "login_link": login_link or LoginLink(),
        "cookie": SessionCookie.of(settings.api, database_id),
        "checkup": Checkup(),
        "door": Door(settings.api),
        "streams": Streams(changes, settings.api.max_streams),
    }
    app = Litestar(
        route_handlers=[Router("/", route_handlers=ROUTES, before_request=require_known), *PAGES],
        state=State(state),
        guards=[admit],
        middleware=[whole_names],
        request_class=StrictRequest,
        template_config=TEMPLATE_CONFIG,
        dependencies={
            "caller": Provide(provide_caller),
            "timeless": Provide(provide_timeless),
            "selection": Provide(provide_selection),
        },
        response_class=Answer,
        plugins=[DescribedAmounts()],
        exception_handlers={
            DispatchError: problems.respond_to_error,
            HTTPException: problems.respond_to_http_error,
            Exception: problems.respond_to_bug,
        },
        request_max_body_size=None,  # the door knows how much whose body may hold
        openapi_config=OpenAPIConfig(
            title="llmctl",
            version=__version__,
            path="/openapi",
            render_plugins=[JsonRenderPlugin()],
            components=Components(security_schemes={"token": SecurityScheme(type="http", scheme="bearer")}),
            security=[{"token": []}],
            use_handler_docstrings=True,
            operation_id_creator=_operation_id,
        ),
        logging_config=None,
    )
    return Arrivals(BrowserSafety(PathParts(app), settings.api))


def _operation_id(handler: HTTPRouteHandler, method: Method, _: object) -> str:
    return (
        handler.handler_name if len(handler.http_methods) == 1 else f"{handler.handler_name}_{method.lower()}"
    )
