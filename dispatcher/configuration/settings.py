"""The settings in ``config.yaml``: the whole of it, and where it is searched for.

A length of time is text such as ``10m`` or a number of seconds; a size is text such as ``20MiB`` or a number of bytes.
Without a file all defaults hold: the embedded server, and one group for each agent CLI on PATH. :func:`load`
says where the file is searched for.
"""

import os
import re
from collections.abc import Iterable, Mapping
from pathlib import Path

from msgspec import Struct, field, structs

from dispatcher.configuration import bounded_yaml, paths, strict_yaml
from dispatcher.configuration.sections.groups import GroupSettings
from dispatcher.configuration.sections.hooks import HookSettings, InboundHookSettings
from dispatcher.configuration.sections.limits import LimitSettings, SlotsOrNone
from dispatcher.configuration.sections.repositories import RepositorySettings
from dispatcher.configuration.sections.runs import ExecutionSettings, RetentionSettings, SecuritySettings
from dispatcher.configuration.sections.schedules import ScheduleSettings
from dispatcher.configuration.sections.service import (
    ApiSettings,
    DatabaseSettings,
    DispatcherSettings,
    LoggingSettings,
)
from dispatcher.configuration.sections.values import require_name
from dispatcher.errors import UsageError
from dispatcher.host import own_environment
from wrappers.command.settings import ToolSettings
from wrappers.registry import names

_LIMIT_SCOPE = re.compile(r"(tool|model|tenant|queue|workflow):[^\x00-\x1f]+")

# What stands below a field is its line in docs/configuration.md, which `just docs` writes.


class Settings(Struct, frozen=True, forbid_unknown_fields=True):
    """The whole of `config.yaml`."""

    database: DatabaseSettings = field(default_factory=DatabaseSettings)
    dispatcher: DispatcherSettings = field(default_factory=DispatcherSettings)
    execution: ExecutionSettings = field(default_factory=ExecutionSettings)
    retention: RetentionSettings = field(default_factory=RetentionSettings)
    security: SecuritySettings = field(default_factory=SecuritySettings)
    groups: Mapping[str, GroupSettings] = field(default_factory=dict)
    limits: Mapping[str, SlotsOrNone | LimitSettings] = field(default_factory=dict)
    """How many agents of a scope may run at a time, in addition to the slots of the groups: `tool:NAME`, `model:NAME`,
    `tenant:NAME`, `queue:NAME` or `workflow:NAME`. A workflow may have a budget, too."""
    tools: Mapping[str, ToolSettings] = field(default_factory=dict)
    repositories: Mapping[str, RepositorySettings] = field(default_factory=dict)
    hooks: Mapping[str, HookSettings] = field(default_factory=dict)
    schedules: Mapping[str, ScheduleSettings] = field(default_factory=dict)
    inbound_hooks: Mapping[str, InboundHookSettings] = field(default_factory=dict)
    logging: LoggingSettings = field(default_factory=LoggingSettings)
    api: ApiSettings = field(default_factory=ApiSettings)

    def __post_init__(self) -> None:
        known = {*names(), *self.tools}
        for scope, limit in self.limits.items():
            if not _LIMIT_SCOPE.fullmatch(scope):
                raise ValueError(
                    f"limits.{scope} is not a valid scope: expected tool:NAME, model:NAME, tenant:NAME, queue:NAME or "
                    "workflow:NAME"
                )
            kind, _, name = scope.partition(":")
            if kind == "tool" and name not in known:
                raise ValueError(_unknown_tool(f"limits.{scope}:", name, known))
            if isinstance(limit, LimitSettings) and limit.has_budget and kind != "workflow":
                raise ValueError(f"limits.{scope} cannot have a budget: only a workflow can")
        if self.retention.tasks is not None and self.retention.tasks < self.execution.keep_sessions:
            raise ValueError(
                "retention.tasks must not be less than execution.keep_sessions: otherwise directories are kept for "
                "replies to tasks that no longer exist"
            )
        owners: dict[tuple[str, str], str] = {}
        for name, group in self.groups.items():
            require_name("groups", name)
            if group.tool not in known:
                raise ValueError(_unknown_tool(f"groups.{name}.tool", group.tool, known))
            other = owners.setdefault((group.tool, group.account), name)
            if other != name:
                raise ValueError(
                    f"groups.{name} and groups.{other} have the same account {group.account!r} of "
                    f"{group.tool}; give one of them another account, or make them one group"
                )
        for name in self.tools:
            require_name("tools", name)
        for name in self.repositories:
            require_name("repositories", name)
        for name in self.hooks:
            require_name("hooks", name)
        for name in self.schedules:
            require_name("schedules", name)
        for name in self.inbound_hooks:
            require_name("inbound_hooks", name)


def load(file: Path | None = None) -> Settings:
    """Read the settings. Raises :class:`UsageError` with the file, the key and what is expected there.

    ``file`` is the one of the option ``--config``, see :func:`config_file`. ``LLMCTL_DATABASE_URL`` overrides
    ``database.url``.
    """
    found = config_file(file)
    settings = (
        Settings() if found is None else strict_yaml.build(Settings, bounded_yaml.read(found), str(found))
    )
    if url := own_environment.variable("LLMCTL_DATABASE_URL"):
        return structs.replace(settings, database=structs.replace(settings.database, url=url))
    return settings


def config_file(file: Path | None = None) -> Path | None:
    """Return the file that counts, or None where there is none.

    It is the first of these: ``file``, ``LLMCTL_CONFIG``, and those of
    :func:`dispatcher.configuration.paths.config_files` that exist. Raises :class:`UsageError` if one of the first two
    is named but does not exist, and if a place cannot be looked at.
    """
    named = os.environ.get("LLMCTL_CONFIG")
    if file is None and named:
        file = paths.expanded(named)
    if file is not None:
        if not _is_there(file):
            raise UsageError(f"there is no configuration file {file}")
        return file
    return next(filter(_is_there, paths.config_files()), None)


def _is_there(file: Path) -> bool:
    try:
        return file.exists()
    except OSError as error:  # such as a directory that this user may not enter
        raise UsageError(f"cannot read {file}: {error.strerror}") from error


def _unknown_tool(where: str, tool: str, known: Iterable[str]) -> str:
    return f"{where} {tool!r} is not a known tool ({', '.join(sorted(known))}); describe it under tools"
