"""The server, the schema, and whether notifications arrive."""

import secrets
import time
from collections.abc import Sequence
from typing import NamedTuple

import msgspec
import psycopg
from psycopg.sql import SQL, Identifier, Literal

import sql
from dispatcher.checks.finding import Finding, ok, problem, warning
from dispatcher.configuration.settings import Settings
from dispatcher.database.connection import (
    Connection,
    connect,
    embedded_server,
    execute,
    server_name,
    translated,
)
from dispatcher.database.migrate import Schema, schema_state
from dispatcher.database.pooler import REMEDY as POOLER_REMEDY
from dispatcher.database.pooler import keeps_session, transaction_mode
from sql import calls

SUBJECT = "database"
OLDEST_MAJOR, NEWEST_MAJOR = 15, 18
NOTIFICATION_SECONDS = 5.0
LONG_TRANSACTION_SECONDS = 600.0


class ServerFacts(NamedTuple):
    """The row of queries/server_facts.sql."""

    is_standby: bool
    fsync: bool
    commits_are_durable: bool
    autovacuum: bool
    notification_queue: float
    everybody_creates: bool
    missing_roles: Sequence[str]
    pinning_slots: Sequence[str]


def check_server(
    connection: Connection, settings: Settings, long_transaction: float = LONG_TRANSACTION_SECONDS
) -> list[Finding]:
    """Look at version, schema, settings, roles and old transactions. Raises :class:`DatabaseError`."""
    with translated():
        facts = msgspec.convert(connection.execute(sql.query("server_facts")).fetchone(), ServerFacts)
        old = connection.execute(sql.query("oldest_transactions")).fetchall()
    return [
        judge_version(connection.info.server_version, server_name(settings)),
        *_running_binaries(connection, settings),
        *judge_facts(facts),
        *(
            warning(
                SUBJECT,
                f"{what} has been in a transaction for {age / 60:.0f} min: dead rows pile up, claims slow down",
                "end it; idle_in_transaction_session_timeout ends such by itself",
            )
            for what, age in old
            if age > long_transaction
        ),
    ]


def judge_version(number: int, server: str) -> Finding:
    """``number`` is that of ``server_version_num``, as 150012."""
    major = number // 10_000
    words = f"PostgreSQL {major}.{number % 10_000}"
    if major < OLDEST_MAJOR:
        return problem(SUBJECT, f"{server} is {words}", f"PostgreSQL {OLDEST_MAJOR} or newer is needed")
    if major > NEWEST_MAJOR:
        return warning(
            SUBJECT, f"{server} is {words}", f"nobody has tried this with more than {NEWEST_MAJOR}"
        )
    return ok(SUBJECT, f"{server} answers, {words}")


def judge_facts(facts: ServerFacts) -> list[Finding]:
    """Say what of the server's state and settings is in the way; nothing where all is well."""
    findings = []
    if facts.is_standby:
        findings.append(
            problem(SUBJECT, "it is a standby, which takes no writes", "point database.url to the primary")
        )
    if not facts.fsync:
        findings.append(
            problem(
                SUBJECT, "fsync is off: a power cut destroys it", "ALTER SYSTEM SET fsync = on, and reload"
            )
        )
    if not facts.commits_are_durable:
        findings.append(
            warning(
                SUBJECT,
                "synchronous_commit is off: after a crash, tasks that were just submitted are gone",
                "ALTER ROLE ... SET synchronous_commit = on",
            )
        )
    if not facts.autovacuum:
        findings.append(
            problem(
                SUBJECT, "autovacuum is off: claims slow down by the hour", "ALTER SYSTEM SET autovacuum = on"
            )
        )
    if facts.notification_queue > 0.1:
        findings.append(
            (problem if facts.notification_queue > 0.5 else warning)(
                SUBJECT,
                f"the notification queue is {facts.notification_queue:.0%} full; full, every submit fails",
                "end the session that listens inside an old transaction (pg_stat_activity, oldest xact_start)",
            )
        )
    if facts.everybody_creates:
        findings.append(
            warning(
                SUBJECT,
                "every role may create objects in the schema of our functions",
                "REVOKE CREATE ON SCHEMA public FROM PUBLIC",
            )
        )
    if facts.missing_roles:
        statements = "; ".join(f"CREATE ROLE {name} NOLOGIN" for name in facts.missing_roles)
        findings.append(
            warning(
                SUBJECT,
                f"we could not make the roles {', '.join(facts.missing_roles)}, so only the owner can use it",
                f"let an administrator do: {statements}; then run `dispatcher migrate`",
            )
        )
    findings += [
        warning(SUBJECT, f"replication slot {slot} keeps dead rows", "let its consumer catch up, or drop it")
        for slot in facts.pinning_slots
    ]
    return findings


def check_notifications(settings: Settings) -> list[Finding]:
    """Listen on one connection, notify on another, unless a pooler in between keeps no session that could listen."""
    channel = f"llmctl_check_{secrets.token_hex(6)}"
    with (
        connect(settings, application_name="dispatcher check") as listener,
        connect(settings, application_name="dispatcher check") as notifier,
        translated(),
    ):
        if not keeps_session(settings, listener):
            return [
                problem(
                    SUBJECT,
                    f"{transaction_mode(settings)}: no dispatcher can run, and `llmctl wait` has to ask",
                    POOLER_REMEDY,
                )
            ]
        listener.execute(SQL("LISTEN {}").format(Identifier(channel)))
        started = time.perf_counter()
        notifier.execute(SQL("NOTIFY {}, {}").format(Identifier(channel), Literal("heard")))
        heard = list(listener.notifies(timeout=NOTIFICATION_SECONDS, stop_after=1))
        took = time.perf_counter() - started
    if not heard:
        return [
            problem(
                SUBJECT,
                f"a notification did not arrive within {NOTIFICATION_SECONDS:g} s",
                "if database.url leads to a pooler, point it to the server itself",
            )
        ]
    return [ok(SUBJECT, f"notifications arrive, after {took * 1000:.1f} ms")]


def check_counters(connection: Connection) -> list[Finding]:
    """Compare the counters of limits and groups with what is active."""
    try:
        drifted = execute(connection, calls.check_counters())
    except psycopg.errors.InsufficientPrivilege:
        return [ok(SUBJECT, "counters are not looked at: this login may not")]
    return [
        problem(
            SUBJECT,
            f"the counter of {counter.scope} says {counter.stored}, but {counter.counted} are active;"
            " this is a bug, please report it",
            "for a limit: `llmctl limit rm SCOPE` and set it again, which counts anew",
        )
        for counter in drifted
    ] or [ok(SUBJECT, "counters agree with what is active")]


def check_schema(connection: Connection) -> list[Finding]:
    """Compare the schema with this program's; with a problem nothing else in the database makes sense."""
    wanted = Schema()
    number, digest = schema_state(connection)
    if number > wanted.number:
        return [
            problem(
                SUBJECT, f"has schema {number}, this program knows {wanted.number}", "upgrade this program"
            )
        ]
    if number < wanted.number:
        state = f"has schema {number}, this program needs {wanted.number}" if number else "has no schema yet"
        return [problem(SUBJECT, state, "run `dispatcher migrate`")]
    if digest != wanted.digest:
        return [
            warning(
                SUBJECT,
                f"has schema {number}, but the functions of another version of this program",
                "run `dispatcher migrate` with the newest version that is in use",
            )
        ]
    return [ok(SUBJECT, f"schema {number} is up to date")]


def _running_binaries(connection: Connection, settings: Settings) -> list[Finding]:
    """Compare what the embedded server runs with what is installed: an update counts from the next start on."""
    if settings.database.url is not None:
        return []
    running = (connection.info.parameter_status("server_version") or "").partition(" ")[0]
    return judge_running(running, embedded_server().installed_version())


def judge_running(running: str, installed: str) -> list[Finding]:
    """Both are versions as ``18.6``."""
    if running == installed:
        return []
    return [
        warning(
            SUBJECT,
            f"the embedded server runs PostgreSQL {running}, but {installed} is installed",
            "`dispatcher db stop`; the next command starts the new one, agents go on meanwhile",
        )
    ]
