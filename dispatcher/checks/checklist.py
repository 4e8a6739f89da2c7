"""All checks of `dispatcher check`, in order. They find what keeps tasks from running, each with its remedy."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path

import psycopg

from dispatcher.checks.agents.env_files import check_env_files
from dispatcher.checks.agents.logins import check_logins
from dispatcher.checks.agents.tools import check_tools
from dispatcher.checks.database import (
    check_counters,
    check_notifications,
    check_schema,
    check_server,
    check_tallies,
)
from dispatcher.checks.finding import Finding, has_problem, ok, problem
from dispatcher.checks.groups import Group, groups_of, reopen_here, served_here
from dispatcher.checks.hooks import check_hooks
from dispatcher.checks.machine import check_machine
from dispatcher.checks.repositories import check_repositories
from dispatcher.checks.work import check_groups_of_file, check_work
from dispatcher.checks.work_directory import SUBJECT, check_work_directory
from dispatcher.configuration import paths
from dispatcher.configuration.settings import Settings, config_file
from dispatcher.database.connection import Connection, NoSuchDatabaseError, connect, execute, translate
from dispatcher.database.migrate import open_database
from dispatcher.errors import DispatchError, NotFoundError
from dispatcher.workspaces.gone import note_gone
from sql import calls
from wrappers.base import Wrapper
from wrappers.registry import configured

STATEMENT_SECONDS = 30.0


def check(settings: Settings) -> list[Finding]:
    """Run all checks. A check that fails becomes a finding, so this function raises nothing."""
    findings: list[Finding] = []
    root = settings.execution.work_directory()
    with _connected(settings, findings) as connection:
        if connection is not None:
            findings += _findings_of(lambda: check_server(connection, settings))
            findings += _findings_of(lambda: check_notifications(settings))
            findings += (schema := _findings_of(lambda: check_schema(connection)))
        usable = None if connection is None or has_problem(schema) else connection
        database_id = None
        if usable is not None:
            findings += _findings_of(lambda: note_gone(usable, root))
            findings += _findings_of(lambda: check_counters(usable))
            findings += _findings_of(lambda: check_tallies(usable))
            database_id = _database_id(usable)
        findings += _findings_of(lambda: check_work_directory(root, database_id), SUBJECT)
        try:
            wrappers = configured(settings.tools)
        except ValueError as error:
            return [*findings, problem("config", str(error), "correct config.yaml")]
        groups, unknown = _groups(usable, settings, wrappers)
        findings += unknown
        here = served_here(groups, settings)
        findings += check_groups_of_file(settings, groups)
        if usable is not None:
            findings += _findings_of(lambda: check_work(usable, groups))
            findings += _findings_of(lambda: check_hooks(usable))
    findings += _findings_of(lambda: check_tools(wrappers, here), "tools")
    findings += _findings_of(lambda: check_logins(wrappers, here), "groups")
    findings += _findings_of(lambda: check_env_files(wrappers, here, root), "groups")
    findings += _findings_of(lambda: check_repositories(settings), "repositories")
    findings += _findings_of(lambda: check_machine(wrappers, here), "machine")
    return findings


def check_config_file(file: Path | None = None) -> Finding:
    """Name the config.yaml that counts, or the places without one; ``file`` is the one of --config."""
    if found := config_file(file):
        return ok("config", str(found))
    return ok("config", f"no config.yaml: looked at {' and '.join(map(str, paths.config_files()))}")


def check_group(settings: Settings, name: str) -> list[Finding]:
    """Check the program and the login of one group. Raises :class:`DispatchError`, also for an unknown name.

    If all is well, a dispatcher of this host that could not run the group tries again.
    """
    wrappers = _wrappers(settings)
    with open_database(settings, statement_timeout=STATEMENT_SECONDS) as connection:
        groups = groups_of(connection, settings, wrappers)
        found = [group for group in groups if group.name == name]
        if not found:
            known = ", ".join(group.name for group in groups) or "none"
            raise NotFoundError(f"there is no worker group {name!r}; there are {known}")
        tool = {found[0].tool: wrappers[found[0].tool]} if found[0].tool in wrappers else {}
        findings = [*check_tools(tool, found), *check_logins(wrappers, found)]
        if not has_problem(findings) and served_here(found, settings):
            findings += _findings_of(lambda: reopen_here(connection, settings, name))
    return [*findings, *_elsewhere(settings, found)]


def _groups(
    connection: Connection | None, settings: Settings, wrappers: Mapping[str, Wrapper]
) -> tuple[list[Group], list[Finding]]:
    """Return the groups of the database; if it cannot be read, those of config.yaml and a finding that says why."""
    found: list[Group] = []
    findings = _findings_of(lambda: found.extend(groups_of(connection, settings, wrappers)))
    return (groups_of(None, settings, wrappers) if findings else found), findings


def _wrappers(settings: Settings) -> dict[str, Wrapper]:
    try:
        return configured(settings.tools)
    except ValueError as error:
        raise DispatchError(str(error)) from error


def _elsewhere(settings: Settings, groups: Sequence[Group]) -> list[Finding]:
    if served_here(groups, settings):
        return []
    hosts = ", ".join(groups[0].hosts or ())
    return [
        ok(
            f"group {groups[0].name}",
            f"is for other hosts ({hosts}): these findings hold for this host only",
        )
    ]


@contextmanager
def _connected(settings: Settings, findings: list[Finding]) -> Iterator[Connection | None]:
    """Yield a connection; or yield None and add a finding that says why there is none."""
    connection = None
    try:
        if settings.database.url is None:
            connection = open_database(settings, statement_timeout=STATEMENT_SECONDS)
        else:
            connection = connect(settings, statement_timeout=STATEMENT_SECONDS)
    except NoSuchDatabaseError as error:
        findings.append(problem("database", str(error).partition(";")[0], "run `dispatcher migrate`"))
    except DispatchError as error:
        what, _, remedy = str(error).partition("; ")
        findings.append(
            problem("database", what, remedy or error.hint or "`dispatcher db status` shows more")
        )
    if connection is None:
        yield None
        return
    with connection:
        yield connection


def _findings_of(look: Callable[[], list[Finding] | None], subject: str = "database") -> list[Finding]:
    """Return what ``look`` returns. If it is not allowed to look, return a finding that says so."""
    try:
        return look() or []
    except psycopg.Error as error:
        return [
            problem(
                subject,
                translate(error).with_hint,
                "grant this login llmctl_dispatcher, or see the server's log",
            )
        ]
    except DispatchError as error:
        return [problem(subject, str(error), error.hint or "see the server's log")]
    except OSError as error:
        return [problem(subject, str(error), "run this check as the user who runs the dispatcher")]


def _database_id(connection: Connection) -> str | None:
    try:
        return execute(connection, calls.database_id())
    except psycopg.Error:
        return None
