"""`dispatcher serve`."""

import importlib.util
from typing import Annotated

import typer

from dispatcher.commands.options import settings_of
from dispatcher.errors import UsageError
from dispatcher.host import own_environment, standard_streams

MODULES = ("hypercorn", "jinja2", "litestar", "prometheus_client")
"""What the extra llmctl[api] installs."""


def serve(
    context: typer.Context,
    while_stdin_is_open: Annotated[
        bool, typer.Option(hidden=True, help="End when standard input ends, as `dispatcher run` needs it.")
    ] = False,
) -> None:
    """Serve the HTTP API and the web page until a signal ends it.

    It needs `api: {enabled: true}` in config.yaml, and the extra `api` of this package. `dispatcher run` starts it by
    itself then. On a terminal it prints a link with which you log in to the page once.
    """
    standard_streams.insist_on_utf8()
    own_environment.conceal()
    settings = settings_of(context)
    if not settings.api.enabled:
        raise UsageError("the API is off: write `api: {enabled: true}` into config.yaml, then try again")
    if missing := [name for name in MODULES if importlib.util.find_spec(name) is None]:
        raise UsageError(
            f"{missing[0]} is not installed: install llmctl with its extra, `pip install 'llmctl[api]'`"
        )
    try:
        from dispatcher.api import service
    except ImportError as error:
        raise UsageError(
            f"the API cannot be loaded: {error}", hint="install llmctl again, `pip install 'llmctl[api]'`"
        ) from error

    service.serve(settings, while_stdin_is_open=while_stdin_is_open)
