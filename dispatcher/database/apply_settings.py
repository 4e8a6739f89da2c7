"""Bringing what config.yaml says of tools, groups, limits, hooks and schedules into the database."""

import shutil
import socket
from collections.abc import Mapping

from dispatcher.configuration.sections.limits import LimitSettings
from dispatcher.configuration.settings import Settings
from dispatcher.database.connection import Connection, execute, translated
from sql import calls, hook_calls, schedule_calls
from sql.rows.hooks import PutHook
from wrappers.base import Wrapper
from wrappers.registry import BUILT_IN, configured

DETECTED_MAX_CONCURRENT = 2


def apply_settings(connection: Connection, settings: Settings) -> list[str]:
    """Create or change what the file names; returns the groups that were made for programs found on PATH.

    Groups and limits that the file does not name stay as they are; hooks and schedules that it brought are removed.
    Without any group at all, in the file and in the database, each CLI on PATH gets one that is built in or that the
    file names: the program of a preset may be somebody else's program of that name. All or nothing. Raises
    :class:`DispatchError` for what the database refuses.
    """
    with translated(), connection.transaction():
        wrappers = configured(settings.tools)
        for name, wrapper in wrappers.items():
            execute(connection, calls.put_tool(name, wrapper.models, wrapper.is_proven))
        for name, group in settings.groups.items():
            put = calls.put_group(
                name,
                group.tool,
                group.account,
                group.max_concurrent,
                group.env,
                config_home=group.config_home,
                hosts=group.hosts,
                failover=group.failover,
                daily_budget_usd=group.daily_budget_usd,
                task_budget_usd=group.task_budget_usd,
            )
            execute(connection, put)
        for scope, limit in settings.limits.items():
            given = limit if isinstance(limit, LimitSettings) else LimitSettings(limit)
            execute(
                connection,
                calls.set_limit(
                    scope, given.max_concurrent, budget_usd=given.budget_usd, token_budget=given.token_budget
                ),
            )
        execute(
            connection,
            hook_calls.put_hooks(settings.dispatcher.host or socket.gethostname(), _hooks(settings)),
        )
        detected = _detected(connection, settings, wrappers)
        schedules = {name: schedule.as_json() for name, schedule in settings.schedules.items()}
        host = settings.dispatcher.host or socket.gethostname()
        execute(connection, schedule_calls.put_configured_schedules(host, schedules))
        return detected


def _detected(connection: Connection, settings: Settings, wrappers: Mapping[str, Wrapper]) -> list[str]:
    """Make a group for each CLI on PATH if there is no group at all; return the names."""
    detected: list[str] = []
    if execute(connection, calls.list_groups()):
        return detected
    for name, wrapper in wrappers.items():
        if (name in BUILT_IN or name in settings.tools) and shutil.which(wrapper.program):
            detected.append(f"{name}-default")
            execute(
                connection,
                calls.put_group(detected[-1], name, "default", DETECTED_MAX_CONCURRENT, failover=False),
            )
    return detected


def _hooks(settings: Settings) -> list[PutHook]:
    return [
        PutHook(
            name=name,
            kind=hook.kind,
            target=hook.target,
            events=hook.events,
            selection=hook.select.as_json(),
            named=hook.hears == "named",
            content=hook.content,
        )
        for name, hook in settings.hooks.items()
    ]
