"""Bringing what config.yaml says of tools, groups and limits into the database, which is the truth afterwards."""

import shutil

from psycopg.types.json import Jsonb

from dispatcher.configuration.settings import Settings
from dispatcher.database.connection import Connection, translated
from wrappers.registry import BUILT_IN, configured

DETECTED_MAX_CONCURRENT = 2


def apply_settings(connection: Connection, settings: Settings) -> list[str]:
    """Create or change what the file names; answers the groups that were made for programs found on PATH.

    Groups and limits that the file does not name stay as they are. Without any group at all, in the file and in the
    database, each CLI on PATH gets one. All or nothing. Raises :class:`DispatchError` for what the database refuses.
    """
    with translated(), connection.transaction():
        for name in {**BUILT_IN, **settings.tools}:
            connection.execute("SELECT put_tool(%s)", [name])
        for name, group in settings.groups.items():
            connection.execute(
                "SELECT put_group(%s, %s, %s, %s, %s, %s, %s, false, %s, %s, %s)",
                [
                    name,
                    group.tool,
                    group.account,
                    group.max_concurrent,
                    Jsonb(dict(group.env)),
                    group.config_home,
                    list(group.hosts) if group.hosts is not None else None,
                    group.failover,
                    group.daily_budget_usd,
                    group.task_budget_usd,
                ],
            )
        for scope, maximum in settings.limits.items():
            connection.execute("SELECT set_limit(%s, %s)", [scope, maximum])
        if connection.execute("SELECT FROM list_groups()").fetchone() is not None:
            return []
        detected = []
        for name, wrapper in configured(settings.tools).items():
            if shutil.which(wrapper.program):
                detected.append(f"{name}-default")
                connection.execute(
                    "SELECT put_group(%s, %s, 'default', %s, p_failover => false)",
                    [detected[-1], name, DETECTED_MAX_CONCURRENT],
                )
        return detected
