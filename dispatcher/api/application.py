"""The ASGI application: routes, errors and description of the API, and the page."""

from litestar import Litestar
from litestar.datastructures import State
from litestar.di import Provide
from litestar.exceptions import HTTPException
from litestar.openapi import OpenAPIConfig
from litestar.openapi.plugins import JsonRenderPlugin
from litestar.openapi.spec import Components, SecurityScheme
from litestar.types import ASGIApp

from dispatcher import __version__
from dispatcher.api import problems
from dispatcher.api.browser_safety import BrowserSafety
from dispatcher.api.caller import provide_caller
from dispatcher.api.changes import Changes
from dispatcher.api.gateway import Gateway
from dispatcher.api.metrics import route as metrics
from dispatcher.api.routes import description, health, tasks
from dispatcher.configuration.settings import Settings
from dispatcher.errors import DispatchError

ROUTES = (*description.ROUTES, *health.ROUTES, *metrics.ROUTES, *tasks.ROUTES)


def application(settings: Settings, gateway: Gateway, changes: Changes) -> ASGIApp:
    """Build the application. Handlers find ``gateway``, ``changes`` and ``settings`` in the state of the app."""
    app = Litestar(
        route_handlers=ROUTES,
        state=State({"settings": settings, "gateway": gateway, "changes": changes}),
        dependencies={"caller": Provide(provide_caller)},
        exception_handlers={
            DispatchError: problems.respond_to_error,
            HTTPException: problems.respond_to_http_error,
            Exception: problems.respond_to_bug,
        },
        request_max_body_size=settings.api.max_request_bytes,
        openapi_config=OpenAPIConfig(
            title="llmctl",
            version=__version__,
            path="/openapi",
            render_plugins=[JsonRenderPlugin()],
            components=Components(security_schemes={"token": SecurityScheme(type="http", scheme="bearer")}),
            security=[{"token": []}],
        ),
        logging_config=None,
    )
    return BrowserSafety(app, settings.api)
