"""The worker groups that are checked: those of the database, as config.yaml will change them at the next start."""

import contextlib
import os
import shutil
from collections.abc import Mapping, Sequence
from pathlib import Path

import msgspec
import psycopg

from dispatcher.configuration.settings import Settings
from dispatcher.database.connection import Connection, execute
from sql import calls
from wrappers.base import Wrapper


class Group(msgspec.Struct, frozen=True, kw_only=True):
    """One account of one tool. ``hosts`` None: any host."""

    name: str
    tool: str
    account: str
    max_concurrent: int
    env: Mapping[str, str] = {}
    config_home: str | None = None
    hosts: tuple[str, ...] | None = None
    state: str = "open"
    reason: str | None = None
    throttled_runs: int | None = None
    throttled_s: float | None = None
    """Both as in :class:`sql.rows.groups.GroupRow`."""

    @property
    def home(self) -> Path | None:
        """``config_home`` on this host. A ``~NAME`` of an unknown user stays as it is."""
        return Path(os.path.expanduser(self.config_home)) if self.config_home else None  # noqa: PTH111 - never raises


def groups_of(
    connection: Connection | None, settings: Settings, wrappers: Mapping[str, Wrapper]
) -> list[Group]:
    """Return all groups. If there are none, return those that `dispatcher run` would make for programs on PATH."""
    found = {group.name: group for group in (_stored(connection) if connection else ())}
    for name, group in settings.groups.items():
        found[name] = Group(
            name=name,
            tool=group.tool,
            account=group.account,
            max_concurrent=group.max_concurrent,
            env=group.env,
            config_home=group.config_home,
            hosts=group.hosts,
            state=found[name].state if name in found else "open",
            reason=found[name].reason if name in found else None,
            throttled_runs=found[name].throttled_runs if name in found else None,
            throttled_s=found[name].throttled_s if name in found else None,
        )
    if not found:
        for name, wrapper in wrappers.items():
            if shutil.which(wrapper.program):
                group_name = f"{name}-default"
                found[group_name] = Group(name=group_name, tool=name, account="default", max_concurrent=1)
    return list(found.values())


def served_here(groups: Sequence[Group], settings: Settings) -> list[Group]:
    """Return the groups that a dispatcher with these settings serves on this host."""
    host = settings.dispatcher.name_of_host
    chosen = settings.dispatcher.groups
    return [
        group
        for group in groups
        if (chosen is None or group.name in chosen) and (group.hosts is None or host in group.hosts)
    ]


def reopen_here(connection: Connection, settings: Settings, name: str) -> None:
    """Let dispatchers of this host try again to run a group that lacked something. Raises psycopg.Error."""
    if all(name != row.group_name for row in execute(connection, calls.list_groups())):
        return  # it is only in config.yaml yet
    host = settings.dispatcher.name_of_host
    with contextlib.suppress(psycopg.errors.InsufficientPrivilege):
        execute(connection, calls.reopen_group(name, host))


def _stored(connection: Connection) -> list[Group]:
    return [
        Group(
            name=row.group_name,
            tool=row.tool,
            account=row.account_name,
            max_concurrent=row.max_concurrent,
            env=row.env_vars,
            config_home=row.config_home,
            hosts=None if row.hosts is None else tuple(row.hosts),
            state=row.state,
            reason=row.reason,
            throttled_runs=row.throttled_runs,
            throttled_s=row.throttled_s,
        )
        for row in execute(connection, calls.list_groups())
    ]
