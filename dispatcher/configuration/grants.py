"""What a task may ask for only where the configuration grants it. Pure."""

from typing import Literal

from dispatcher.configuration.settings import Settings

Right = Literal["commands", "full"]
"""Commands that the task brings (``--setup``, ``--check``), and the permission profile ``full``."""


def runs_commands(settings: Settings) -> bool:
    """Return whether commands of tasks may run here.

    Unless config.yaml says so, only with the embedded server and without the API: then all tasks are this user's own.
    """
    if settings.security.allow_commands is None:
        return settings.database.url is None and not settings.api.enabled
    return settings.security.allow_commands


def refused_rights(settings: Settings) -> tuple[Right, ...]:
    """Return what this configuration refuses to every task."""
    granted: dict[Right, bool] = {
        "commands": runs_commands(settings),
        "full": settings.security.allow_dangerous_flags,
    }
    return tuple(right for right, is_granted in granted.items() if not is_granted)
