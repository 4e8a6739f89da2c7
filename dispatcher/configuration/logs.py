"""Structured logs on stderr: coloured text for a person at a terminal, one JSON object a line for machines."""

import contextlib
import logging
import sys
from collections.abc import Callable, MutableMapping
from typing import Any

import structlog

from dispatcher import terminal
from dispatcher.configuration.sections.service import LoggingSettings


class _Logger:
    """Writes to standard error. It raises nothing: a full disk or a reader that has gone must not end us."""

    def msg(self, message: str) -> None:
        with contextlib.suppress(OSError):
            sys.stderr.write(f"{message}\n")
            sys.stderr.flush()

    debug = info = warning = error = msg


def _harmless(_logger: object, _method: str, event: MutableMapping[str, Any]) -> MutableMapping[str, Any]:
    """Keep text of agents, tasks and servers from controlling the terminal and from looking like a line of ours."""
    for key, value in event.items():
        if key == "exception":
            event[key] = terminal.harmless(str(value))
        elif not isinstance(value, bool | int | float | None):
            event[key] = terminal.one_line(value if isinstance(value, str) else repr(value))
    return event


def configure(settings: LoggingSettings) -> None:
    """Set up logging for this process and its libraries (the connection pool logs when it connects again)."""
    level = logging.getLevelNamesMapping()[settings.level.upper()]
    as_text = settings.format == "text" or (settings.format is None and sys.stderr.isatty())
    stamp = structlog.processors.TimeStamper(fmt="%H:%M:%S" if as_text else "iso", utc=not as_text)
    shared: list[Callable[..., Any]] = [structlog.stdlib.add_log_level, stamp]
    renderers: list[Callable[..., Any]] = (
        [_harmless, structlog.dev.ConsoleRenderer(colors=sys.stderr.isatty(), pad_event_to=24)]
        if as_text
        else [structlog.processors.JSONRenderer()]
    )
    structlog.configure(
        processors=[*shared, structlog.processors.format_exc_info, *renderers],
        wrapper_class=structlog.make_filtering_bound_logger(level),
        logger_factory=lambda *_: _Logger(),
        cache_logger_on_first_use=True,
    )
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(
        structlog.stdlib.ProcessorFormatter(
            foreign_pre_chain=shared,
            processors=[structlog.stdlib.ProcessorFormatter.remove_processors_meta, *renderers],
        )
    )
    logging.basicConfig(level=max(level, logging.WARNING), handlers=[handler], force=True)
