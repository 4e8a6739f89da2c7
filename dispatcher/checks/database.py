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
    """Check version, settings, roles and old transactions. Raises :class:`DatabaseError`."""
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
                "end it; idle_in_transaction_session_timeout ends such sessions automatically",
            )
            for what, age in old
            if age > long_transaction
        ),
    ]


def judge_version(number: int, server: str) -> Finding:
    """``number`` is ``server_version_num``, such as 150012."""
    major = number // 10_000
    words = f"PostgreSQL {major}.{number % 10_000}"
    if major < OLDEST_MAJOR:
        return problem(SUBJECT, f"{server} is {words}", f"PostgreSQL {OLDEST_MAJOR} or newer is needed")
    if major > NEWEST_MAJOR:
        return warning(SUBJECT, f"{server} is {words}", f"versions above {NEWEST_MAJOR} are not tested")
    return ok(SUBJECT, f"{server} answers, {words}")


def judge_facts(facts: ServerFacts) -> list[Finding]:
    """Return what is wrong with the server's state and settings; an empty list if nothing is."""
    no_roles = ", ".join(facts.missing_roles)
    make_roles = "; ".join(f"CREATE ROLE {name} NOLOGIN" for name in facts.missing_roles)
    queue_level = problem if facts.notification_queue > 0.5 else warning
    judgements = (
        (facts.is_standby, problem,
         "it is a standby, which takes no writes", "point database.url to the primary"),
        (not facts.fsync, problem,
         "fsync is off: a power cut destroys it", "ALTER SYSTEM SET fsync = on, and reload"),
        (not facts.commits_are_durable, warning,
         "synchronous_commit is off: a crash loses tasks that were just submitted",
         "ALTER ROLE ... SET synchronous_commit = on"),
        (not facts.autovacuum, problem,
         "autovacuum is off: claims slow down by the hour", "ALTER SYSTEM SET autovacuum = on"),
        (facts.notification_queue > 0.1, queue_level,
         f"the notification queue is {facts.notification_queue:.0%} full; when it is full, every submit fails",
         "end the session that listens inside an old transaction (pg_stat_activity, oldest xact_start)"),
        (facts.everybody_creates, warning,
         "every role may create objects in the schema of our functions",
         "REVOKE CREATE ON SCHEMA public FROM PUBLIC"),
        (bool(facts.missing_roles), warning,
         f"the roles {no_roles} could not be created, so only the owner can use the database",
         f"ask an administrator to run: {make_roles}; then run `dispatcher migrate`"),
    )  # fmt: skip
    return [finding(SUBJECT, what, remedy) for is_wrong, finding, what, remedy in judgements if is_wrong] + [
        warning(SUBJECT, f"replication slot {slot} keeps dead rows", "let its consumer catch up, or drop it")
        for slot in facts.pinning_slots
    ]


def check_notifications(settings: Settings) -> list[Finding]:
    """Listen on one connection and notify on another, unless a pooler between them does not keep sessions."""
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
                    f"{transaction_mode(settings)}: no dispatcher can run, and `llmctl wait` has to poll",
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
    """Compare the counters of limits and groups with the runs that are active."""
    try:
        drifted = execute(connection, calls.check_counters())
    except psycopg.errors.InsufficientPrivilege:
        return [ok(SUBJECT, "counters are not checked: this login may not read them")]
    return [
        problem(
            SUBJECT,
            f"the counter of {counter.scope} says {counter.stored}, but {counter.counted} are active;"
            " this is a bug, please report it",
            "remove a limit with `llmctl limit rm SCOPE` and set it again, so that it is counted again",
        )
        for counter in drifted
    ] or [ok(SUBJECT, "counters agree with what is active")]


def check_tallies(connection: Connection) -> list[Finding]:
    """Compare the tallies, from which counts and metrics come, with the tasks that there are."""
    try:
        drifted = execute(connection, calls.check_tallies())
    except psycopg.errors.InsufficientPrivilege:
        return [ok(SUBJECT, "tallies are not checked: this login may not read them")]
    return [
        problem(
            SUBJECT,
            f"the tally of {tally.kind} says {tally.stored}, but there are {tally.counted};"
            " this is a bug, please report it",
            "only counts and metrics are wrong by it: tasks, limits and claims do not depend on tallies",
        )
        for tally in drifted
    ] or [ok(SUBJECT, "tallies agree with the tasks")]


def check_schema(connection: Connection) -> list[Finding]:
    """Compare the schema with this program's. After a problem here, no other check of the database makes sense."""
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
    """Compare the embedded server that runs with the version that is installed: an update needs a restart."""
    if settings.database.url is not None:
        return []
    running = (connection.info.parameter_status("server_version") or "").partition(" ")[0]
    return judge_running(running, embedded_server().installed_version())


def judge_running(running: str, installed: str) -> list[Finding]:
    """Both are versions such as ``18.6``."""
    if running == installed:
        return []
    return [
        warning(
            SUBJECT,
            f"the embedded server runs PostgreSQL {running}, but {installed} is installed",
            "`dispatcher db stop && dispatcher db start` starts the new version; agents keep running",
        )
    ]
