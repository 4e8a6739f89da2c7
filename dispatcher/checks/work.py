"""Checks for tasks that no group or limit ever lets run."""

from collections.abc import Sequence

import psycopg

from dispatcher.checks.finding import Finding, ok, problem, warning
from dispatcher.checks.groups import Group
from dispatcher.configuration.settings import Settings
from dispatcher.database.connection import Connection, execute
from dispatcher.durations import duration
from sql import calls, schedule_calls


def check_work(connection: Connection, groups: Sequence[Group]) -> list[Finding]:
    """Look for tasks that wait for ever although nothing is wrong with them."""
    if not groups:
        return [
            problem(
                "groups",
                "there are none, so nothing runs",
                "install an agent CLI, or add a group: `llmctl group add TOOL NAME`",
            )
        ]
    return [
        *_dispatchers(connection, groups),
        *_limits(connection, groups),
        *_throttled(groups),
        *_tasks(connection, groups),
        *_schedules(connection),
    ]


def _dispatchers(connection: Connection, groups: Sequence[Group]) -> list[Finding]:
    alive = [dispatcher for dispatcher in execute(connection, calls.list_dispatchers()) if dispatcher.alive]
    if not alive:
        return [warning("dispatchers", "none is running", "start one: `dispatcher run`")]
    alive, draining = [one for one in alive if not one.draining], alive
    if not alive:
        hosts = ", ".join(sorted({dispatcher.host for dispatcher in draining}))
        what = f"the one on {hosts} is stopping and starts nothing more"
        return [warning("dispatchers", what, "start it again: `dispatcher run`")]
    findings = [
        ok("dispatchers", f"running on {', '.join(sorted({dispatcher.host for dispatcher in alive}))}")
    ]
    for group in groups:
        if not any(
            (dispatcher.groups is None or group.name in dispatcher.groups)
            and (group.hosts is None or dispatcher.host in group.hosts)
            for dispatcher in alive
        ):
            where = f" (its hosts: {', '.join(group.hosts)})" if group.hosts is not None else ""
            findings.append(
                warning(
                    f"group {group.name}",
                    f"no running dispatcher serves it{where}",
                    "start a dispatcher there, or change the group: `llmctl group set`",
                )
            )
    return findings


def _limits(connection: Connection, groups: Sequence[Group]) -> list[Finding]:
    findings, never_reached = [], []
    for limit in execute(connection, calls.list_limits()):
        scope, maximum = limit.scope, limit.max_concurrent
        kind, _, name = scope.partition(":")
        slots = sum(group.max_concurrent for group in groups if kind == "tool" and group.tool == name)
        if maximum is None:
            continue
        if maximum == 0:
            remedy = f"`llmctl limit set {scope} 1`, or more"
            findings.append(warning(f"limit {scope}", "is 0: its tasks wait for ever", remedy))
        elif slots > maximum:
            words = f"is lower than the {slots} slots of its groups: at most {maximum} agents run at a time"
            findings.append(
                warning(f"limit {scope}", words, f"to raise it: `llmctl limit set {scope} {slots}`")
            )
        elif 0 < slots < maximum:
            never_reached.append(f"{scope} ({maximum}, its groups have {slots})")
    if never_reached:
        findings.append(
            ok("limits", f"never reached, because groups have fewer slots: {', '.join(never_reached)}")
        )
    findings += [
        warning(
            f"group {group.name}", "has no slot: it takes no task", f"`llmctl group set {group.name} --max 1`"
        )
        for group in groups
        if group.max_concurrent == 0
    ]
    findings += [
        warning(
            f"group {group.name}",
            "is paused" + (f": {group.reason}" if group.reason else ""),
            f"fix the cause, then run `llmctl group resume {group.name}`",
        )
        for group in groups
        if group.state == "paused"
    ]
    return findings


def _throttled(groups: Sequence[Group]) -> list[Finding]:
    return [
        warning(
            f"group {group.name}",
            f"has been throttled for {duration(group.throttled_s)}, in all of its last {group.throttled_runs} runs",
            f"give it fewer slots: `llmctl group set {group.name} --max N`; or add another account",
        )
        for group in groups
        if group.throttled_s is not None
    ]


def _tasks(connection: Connection, groups: Sequence[Group]) -> list[Finding]:
    """Look for tasks that no group takes, including the groups that config.yaml adds at the next start."""
    try:
        unserved = execute(connection, calls.unserved_tasks())
    except psycopg.errors.InsufficientPrivilege:
        return []
    served = {
        (group.tool, account) for group in groups if group.max_concurrent for account in (None, group.account)
    }
    return [
        problem(
            "tasks",
            f"{some.tasks} queued for {some.tool}{f' with account {some.account}' if some.account else ''},"
            " which no group serves",
            f"`llmctl group add {some.tool} {some.account or 'main'} --max 1`, or cancel them",
        )
        for some in unserved
        if (some.tool, some.account) not in served
    ]


def check_groups_of_file(settings: Settings, groups: Sequence[Group]) -> list[Finding]:
    """Look for names in dispatcher.groups that are not worker groups."""
    known = {group.name for group in groups}
    return [
        problem(
            "config",
            f"dispatcher.groups names {name}, which is not a worker group",
            "correct it, or add the group",
        )
        for name in settings.dispatcher.groups or ()
        if name not in known
    ]


def _schedules(connection: Connection) -> list[Finding]:
    return [
        warning(
            f"schedule {schedule.name}",
            f"has paused itself: {schedule.pause_reason}",
            f"then `llmctl schedule resume {schedule.name}`",
        )
        for schedule in execute(connection, schedule_calls.list_schedules())
        if schedule.pause_class in ("failures", "unreadable")
    ]
