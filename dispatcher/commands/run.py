"""`dispatcher run`."""

import gc
from typing import TYPE_CHECKING, Annotated

import typer

from dispatcher.commands.options import name_given, settings_of
from dispatcher.host import own_environment, standard_streams

if TYPE_CHECKING:
    from dispatcher.configuration.settings import Settings


def run(
    context: typer.Context,
    until_empty: Annotated[
        bool,
        typer.Option(
            help="Exit with code 0 as soon as no task runs and none is queued, except those that wait for a person."
        ),
    ] = False,
    groups: Annotated[
        str | None,
        typer.Option(help="Serve only these worker groups, separated by commas.", callback=name_given),
    ] = None,
    host_id: Annotated[
        str | None,
        typer.Option(help="Use this name for this host instead of the machine's own.", callback=name_given),
    ] = None,
) -> None:
    """Dispatch tasks to agents until a signal ends it.

    The first signal gives running agents up to `dispatcher.grace` to end. Agents that still run then keep
    running until the next start takes them over. A second signal stops the agents and queues their tasks again,
    with the attempt given back. SIGHUP reads tools, groups and limits from the configuration file again.
    """
    standard_streams.insist_on_utf8()  # first: it starts this program again, with the environment as it is
    own_environment.conceal()

    gc.disable()  # none of what is imported is garbage: to look for it is a tenth of the start
    from msgspec.structs import replace

    from dispatcher.database.connection import embedded_server
    from dispatcher.loop.service import serve

    gc.freeze()
    gc.enable()

    def read_settings() -> "Settings":
        settings = settings_of(context)
        served = tuple(name.strip() for name in groups.split(",")) if groups else settings.dispatcher.groups
        host = host_id or settings.dispatcher.host
        return replace(settings, dispatcher=replace(settings.dispatcher, groups=served, host=host))

    settings = read_settings()
    if settings.database.url is None:
        embedded_server().start()  # on purpose: also after `dispatcher db stop`
    serve(settings, read_settings, until_empty=until_empty, config_file=context.obj)
