"""The typed calls of the SQL interface beside the functions of a real database: each name and type is proven."""

import inspect
import json
import re
import subprocess
import sys
from collections.abc import Callable, Collection, Mapping, Sequence
from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path
from types import NoneType, UnionType
from typing import Any, Literal, NamedTuple, Union, get_args, get_origin, get_type_hints
from uuid import UUID, uuid4

import msgspec
from msgspec import structs

from sql import api_calls, calls, change_calls, dispatcher_calls, hook_calls, schedule_calls, workflow_calls
from sql.call import Call
from sql.rows.changes import Approval, Change, CommandKind, CommandResult, FileStat, Verdict
from sql.rows.dispatchers import Output, Report, Started
from sql.rows.groups import CoolingModel
from sql.rows.hooks import Outcome, PutHook
from sql.rows.people import Refused, Task, TaskRow
from sql.rows.schedules import CatchUp, Overlap
from sql.selection import Selection
from tests.sql.client import Client

ROOT = Path(__file__).parents[2]
MakeCall = Callable[..., Call[Any]]

CALLS: dict[str, MakeCall] = {
    name: made
    for module in (
        calls,
        api_calls,
        change_calls,
        dispatcher_calls,
        hook_calls,
        schedule_calls,
        workflow_calls,
    )
    for name, made in vars(module).items()
    if inspect.isfunction(made) and made.__module__ == module.__name__ and not name.startswith("_")
}

NOT_CALLED = {
    "submit_task": "for people in psql and for producers' SQL; our programs use submit_tasks()",
    "find_token": "act_as() calls it",
    "grant_tenant": "an administrator calls it in psql",
    "revoke_tenant": "an administrator calls it in psql",
}
"""Functions that are granted to a role and that our programs do not call."""

NOT_READ = {
    ("submit_tasks", "ordinal"): "rows come in the order of the tasks",
    ("submit_tries", "ordinal"): "rows come in the order of the tries",
    ("read_output", "at"): "nobody is shown when a piece was stored",
    ("list_dispatchers", "started_at"): "nobody is shown when a dispatcher started",
    ("list_groups_in_public", "hosts"): "which machines there are is no matter of clients",
    ("list_groups_in_public", "config_home"): "where a login is must not leave the host",
    ("list_groups_in_public", "env_vars"): "variables may name where secrets are",
}
"""Result columns that no row has."""

OTHER_NAMES = {"start": "from"}  # a keyword of Python

SAMPLES: dict[object, object] = {
    str: str(uuid4()),
    int: 1,
    float: 1.5,
    bool: True,
    bytes: b"x",
    datetime: datetime.now(UTC),
    Sequence[str]: [str(uuid4())],
    Collection[str]: [str(uuid4())],
    Sequence[int]: [1],
    Mapping[str, str]: {"A": "env:B"},
    Mapping[str, str | None]: {"A": None},
    Mapping[str, object]: {"priority": 7},
    Sequence[Mapping[str, object]]: [{"tool": "claude"}],
    Selection: Selection(tool="claude"),
    CommandKind: "check",
    Change: Change(source="/shop", base_commit="0" * 40),
    Mapping[str, Mapping[str, float]]: {"tell": {"most": 2, "lease_s": 45}},
    Outcome: "delivered",
    Sequence[PutHook]: [],
    Sequence[Report]: [Report(run_id=str(uuid4()))],
    Sequence[Started]: [Started(run_id=str(uuid4()), pid=1)],
    Sequence[Output]: [
        Output(run_id="x", ago_s=0, activity=None, stdout_bytes=0, stderr_bytes=0, live=True, chunks=())
    ],
}
"""An argument for each type that parameters of calls have."""

SENT_AS: dict[type, set[str]] = {
    str: {"text", "uuid", "jsonb"},
    int: {"int4", "int8"},
    float: {"float8"},
    bool: {"bool"},
    bytes: {"bytea"},
    datetime: {"timestamptz"},
    list: {"_text", "_uuid", "_int4"},
}
"""Which SQL types take a value as it is sent."""

READ_AS: dict[object, set[str]] = {
    str: {"text"},
    int: {"int2", "int4", "int8"},
    float: {"float8"},
    bool: {"bool"},
    bytes: {"bytea"},
    datetime: {"timestamptz"},
    Decimal: {"numeric"},
    UUID: {"uuid"},
    Sequence[str]: {"_text", "jsonb"},
    Mapping[str, str]: {"jsonb"},
    Mapping[str, object]: {"jsonb"},
    Mapping[str, int]: {"jsonb"},
    Sequence[TaskRow]: {"jsonb"},
    Sequence[Refused]: {"jsonb"},
    Sequence[int]: {"_int4", "_int8"},
    Change: {"jsonb"},
    Sequence[CommandResult]: {"jsonb"},
    Sequence[FileStat]: {"jsonb"},
    Sequence[CoolingModel]: {"jsonb"},
    Verdict: {"text"},
    Overlap: {"text"},
    CatchUp: {"text"},
    Literal["person", "failures", "unreadable"]: {"text"},
    Approval: {"text"},
}
"""Which SQL types are read as the type of a field."""


class Function(NamedTuple):
    """What pg_proc says. ``optional`` are the parameters with a default; ``columns`` is empty for a single value."""

    parameters: Mapping[str, str]
    optional: frozenset[str]
    columns: Mapping[str, str]


def function(db: Client, name: str) -> Function:
    rows = db.rows(
        "select coalesce(proargnames, '{}'), proargmodes::text [], pronargdefaults,"
        " array(select typname::text from unnest(coalesce(proallargtypes, proargtypes::oid [])) with ordinality as a"
        "   join pg_type on pg_type.oid = a.a order by ordinality)"
        " from pg_proc where proname = %s and pronamespace = 'public'::regnamespace",
        name,
    )
    assert len(rows) == 1, f"{name} has {len(rows)} definitions"
    names, modes, defaults, types = msgspec.convert(
        rows[0], tuple[list[str], list[str] | None, int, list[str]]
    )
    modes = modes or ["i"] * len(names)
    known = list(zip(names, modes, types, strict=True))
    parameters = {name.removeprefix("p_"): kind for name, mode, kind in known if mode == "i"}
    columns = {name: kind for name, mode, kind in known if mode == "t"}
    optional = list(parameters)[len(parameters) - defaults :]
    return Function(parameters, frozenset(optional), columns)


def without_none(kind: object) -> object:
    """The first type of a union; the others are None, or a form that is encoded already."""
    if get_origin(kind) in (Union, UnionType):
        return next(one for one in get_args(kind) if one is not NoneType)
    return kind


def required(make: MakeCall) -> set[str]:
    parameters = inspect.signature(make).parameters.values()
    return {parameter.name for parameter in parameters if parameter.default is inspect.Parameter.empty}


def made(make: MakeCall, *, everything: bool) -> Call[Any]:
    """The call with an argument for each parameter, or only for those that are required."""
    chosen = set(inspect.signature(make).parameters) if everything else required(make)
    hints = get_type_hints(make)
    return make(**{name: SAMPLES[without_none(hints[name])] for name in chosen})


def described(db: Client, call: Call[Any]) -> tuple[list[str], dict[str, str]]:
    """What the server makes of the statement: the types of its parameters, and the names and types of its columns."""
    numbers = iter(range(1, len(call.values) + 1))
    statement = re.sub(rb"%s", lambda _: b"$%d" % next(numbers), call.statement)
    pgconn = db.connection.pgconn
    prepared = pgconn.prepare(b"", statement)
    assert prepared.error_message == b"", (call.function, prepared.error_message)
    told = pgconn.describe_prepared(b"")
    types = {
        int(str(oid)): str(name) for oid, name in db.rows("select oid::bigint, typname::text from pg_type")
    }
    columns = {(told.fname(i) or b"").decode(): types[told.ftype(i)] for i in range(told.nfields)}
    return [types[told.param_type(i)] for i in range(told.nparams)], columns


def test_a_call_has_the_parameters_of_its_function_and_the_same_ones_are_optional(db: Client) -> None:
    for name, make in CALLS.items():
        whole, least = made(make, everything=True), made(make, everything=False)
        known = function(db, whole.function)
        named = {OTHER_NAMES.get(given, given) for given in inspect.signature(make).parameters}
        assert named == whole.arguments.keys() == known.parameters.keys(), name
        assert known.parameters.keys() - least.arguments.keys() == known.optional, name


def test_what_a_call_sends_has_the_type_that_its_function_takes(db: Client) -> None:
    for name, make in CALLS.items():
        call = made(make, everything=True)
        types, _ = described(db, call)
        known = function(db, call.function)
        assert types == [known.parameters[argument] for argument in call.arguments], name
        for (argument, sent), kind in zip(call.arguments.items(), types, strict=True):
            assert kind in SENT_AS[type(sent)], (name, argument)
            if kind == "jsonb":
                json.loads(str(sent))
            if isinstance(sent, list):
                expected = {"_uuid": UUID, "_int4": int}.get(kind, str)
                assert {type(one) for one in sent} == {expected}, (name, argument)


def test_a_call_reads_what_its_function_returns(db: Client) -> None:
    for name, make in CALLS.items():
        call = made(make, everything=True)
        known = function(db, call.function)
        _, columns = described(db, call)
        (result,) = get_args(get_type_hints(make)["return"])
        if not known.columns:
            (kind,) = columns.values()
            assert kind in returned_as(result), (name, kind)
            continue
        unread = {
            column for column in known.columns if {(call.function, column), (name, column)} & NOT_READ.keys()
        }
        assert known.columns.keys() - columns.keys() == unread, name
        row = get_args(result)[0] if get_origin(result) is list else result
        if get_origin(row) is dict:
            continue  # keyed by the run: append_output() and finish_runs() have tests that run them
        fields = {field.name: field.type for field in structs.fields(row)}
        assert list(fields) == list(columns), name
        for field, kind in fields.items():
            assert columns[field] in READ_AS[without_none(kind)], (name, field)


def returned_as(result: object) -> set[str]:
    """Which SQL types a single value may have that is read as ``result``: documents come as jsonb, or as its text."""
    if result is NoneType:
        return {"void", "_uuid"}
    single = READ_AS.get(list_as_sequence(without_none(result)))
    return {"jsonb", "text"} if single is None else single


def list_as_sequence(kind: object) -> object:
    return Sequence[get_args(kind)[0]] if get_origin(kind) is list else kind  # type: ignore[misc]


def test_what_is_shown_of_a_task_is_there(db: Client) -> None:
    db.submit()
    shown = db.value("select show_task('1')")
    assert isinstance(shown, dict)
    assert set(Task.__struct_fields__) <= shown.keys()


def test_nothing_but_a_call_calls_a_function() -> None:
    """So what the other tests here compare is all that our programs ask of the schema."""
    functions = {file.stem for file in (ROOT / "sql" / "functions").glob("*/*.sql")}
    called = {
        (str(source.relative_to(ROOT)), name)
        for package in ("cli", "dispatcher", "wrappers")
        for source in (ROOT / package).rglob("*.py")
        for name in re.findall(r"(?:select|from)\s+(\w+)\(", source.read_text(), re.IGNORECASE)
        if name in functions
    }
    assert called == set()


def test_a_call_needs_no_driver() -> None:
    """Whoever has a connection executes it, and a command that only describes calls starts fast."""
    asks = (
        "import sys, sql.api_calls, sql.calls, sql.change_calls, sql.dispatcher_calls, sql.hook_calls,"
        " sql.schedule_calls;"
        "print(*{name.partition('.')[0] for name in sys.modules})"
    )
    loaded = subprocess.run(
        [sys.executable, "-c", asks], capture_output=True, text=True, cwd=ROOT, check=True
    )
    assert set(loaded.stdout.split()) & {"psycopg", "trio", "yaml", "dispatcher", "wrappers", "cli"} == set()


def test_every_function_that_a_role_may_call_has_a_call_or_a_reason(db: Client) -> None:
    granted = {row[0] for row in db.rows(
        "select proname::text from pg_proc, aclexplode(proacl) where grantee::regrole::text like 'llmctl\\_%%'"
        " and grantee <> 'llmctl_owner'::regrole and prorettype <> 'trigger'::regtype")}  # fmt: skip
    called = {made(make, everything=False).function for make in CALLS.values()}
    assert called <= granted, "a function that is called belongs into sql/grants.sql"
    assert granted - called == NOT_CALLED.keys()
