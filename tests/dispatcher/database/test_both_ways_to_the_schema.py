"""A new database and one that comes from schema 12 have the same schema; nothing older is touched."""

from pathlib import Path
from typing import LiteralString

import psycopg
import pytest
from psycopg.rows import dict_row
from psycopg.types.json import Jsonb

from dispatcher.configuration.settings import Settings
from dispatcher.database.connection import connect
from dispatcher.database.migrate import Migrated, Schema, migrate, require_schema
from dispatcher.errors import DatabaseError

SCHEMA_12 = Path(__file__).with_name("schema_0012.sql").read_bytes()

OURS: LiteralString = "pg_class.relnamespace = 'public'::regnamespace"
CATALOG: dict[str, LiteralString] = {
    "relations": f"select relname, relkind, relpersistence, reloptions from pg_class where {OURS}",
    # By name: columns that were added later stand last in a database that was upgraded.
    "columns": "select relname, attname, format_type(atttypid, atttypmod), attnotnull, attidentity, attgenerated,"
    " attcollation::regcollation, attstorage, pg_get_expr(adbin, adrelid)"
    " from pg_class join pg_attribute on attrelid = pg_class.oid"
    " left join pg_attrdef on adrelid = attrelid and adnum = attnum"
    f" where {OURS} and relkind = 'r' and attnum > 0 and not attisdropped",
    "composite types": "select relname, attnum, attname, format_type(atttypid, atttypmod)"
    f" from pg_class join pg_attribute on attrelid = pg_class.oid where {OURS} and relkind = 'c'",
    "constraints": "select relname, conname, pg_get_constraintdef(pg_constraint.oid)"
    f" from pg_constraint join pg_class on pg_class.oid = conrelid where {OURS}",
    "indexes": "select tablename, indexname, indexdef from pg_indexes where schemaname = 'public'",
    "sequences": "select relname, format_type(seqtypid, null), seqstart, seqincrement, seqmin, seqmax, seqcache,"
    f" seqcycle from pg_sequence join pg_class on pg_class.oid = seqrelid where {OURS}",
    "triggers": "select tgname, pg_get_triggerdef(pg_trigger.oid) from pg_trigger"
    f" join pg_class on pg_class.oid = tgrelid where {OURS} and not tgisinternal",
    "functions": "select oid::regprocedure, pg_get_functiondef(oid) from pg_proc"
    " where pronamespace = 'public'::regnamespace and prokind in ('f', 'p')",
    "privileges": f"select relname, (aclexplode(relacl)).* from pg_class where {OURS}",
    "comments": "select pg_describe_object(classoid, objoid, objsubid), description from pg_description"
    f" join pg_class on pg_class.oid = objoid and classoid = 'pg_class'::regclass where {OURS}",
    "tools": "select name from tools",
    "error classes": "select * from error_classes",
    "limits": "select scope, max_concurrent from concurrency_limits where starts_with(scope, 'tool:')",
    "last migration": "select number, name from schema_migrations order by number desc limit 1",
    "definitions": "select digest, functions from schema_definitions",
}


def catalog(settings: Settings) -> dict[str, list[str]]:
    with connect(settings) as opened:
        return {what: sorted(map(str, opened.execute(query))) for what, query in CATALOG.items()}


def at_schema_12(settings: Settings) -> Settings:
    with connect(settings) as opened:
        opened.execute(SCHEMA_12)
    return settings


def pretend(settings: Settings, number: int) -> None:
    """Make it look as if the database had only the migrations up to that one."""
    with connect(settings) as opened:
        opened.execute("delete from schema_migrations where number > %s", [number])


def test_a_database_of_schema_12_comes_to_the_schema_of_a_new_one(
    empty_database: Settings, database_settings: Settings
) -> None:
    done = migrate(at_schema_12(empty_database))

    assert done.applied[0] == "0013_from_0012.sql"
    upgraded, fresh = catalog(empty_database), catalog(database_settings)
    assert all(fresh[what] for what in fresh if what not in ("comments", "privileges"))
    for what in CATALOG:
        assert upgraded[what] == fresh[what], what
    assert migrate(empty_database) == Migrated()


def test_the_upgrade_keeps_every_row_and_the_work_goes_on(empty_database: Settings) -> None:
    at_schema_12(empty_database)
    assert empty_database.database.url is not None
    with psycopg.connect(
        empty_database.database.url,
        dbname=empty_database.database.name,
        autocommit=True,
        row_factory=dict_row,
    ) as connection:
        kept: list[LiteralString] = [
            *(
                "tasks",
                "task_runs",
                "run_output",
                "run_pieces",
                "task_files",
                "worker_groups",
                "tenant_roles",
            ),
            *("concurrency_limits", "dispatchers", "database_identity", "lane_inbox"),
        ]
        before = {table: connection.execute(f"SELECT * FROM {table}").fetchall() for table in kept}
        lanes = connection.execute("SELECT lane, kind AS common, head FROM lanes ORDER BY 1").fetchall()
        turns = connection.execute("SELECT tool, tenant_id, turn, served FROM turns ORDER BY 1, 2").fetchall()

        migrate(empty_database)

        for table in kept:
            after = connection.execute(f"SELECT * FROM {table}").fetchall()
            # Later migrations may have added columns.
            assert [
                {name: row[name] for name in old} for old, row in zip(before[table], after, strict=True)
            ] == before[table], table
        assert (
            lanes
            == connection.execute(
                "SELECT lane, tenantless_lane AS common, head FROM lanes JOIN tenantless_lanes USING (tenantless_lane)"
                " ORDER BY 1"
            ).fetchall()
        )
        assert (
            turns
            == connection.execute(
                "SELECT tool, tenant_id, turn, last_served AS served FROM tenant_turns ORDER BY 1, 2"
            ).fetchall()
        )

        [running] = connection.execute(
            "SELECT leased_by, jsonb_agg(jsonb_build_object('run_id', run_id, 'final_text', 'x')) AS reports"
            " FROM tasks WHERE status = 'running' GROUP BY leased_by"
        ).fetchall()
        [round_trip] = connection.execute(
            "SELECT report_and_claim(%s, %s::jsonb) AS answer",
            [running["leased_by"], Jsonb(running["reports"])],
        ).fetchall()
        assert set(round_trip["answer"]["verdicts"].values()) == {"finished"}
        claimed = {run["prompt"] for run in round_trip["answer"]["runs"]}
        assert claimed == {"Write the tests", "Just filed"}, "what its tenant's limit and the inbox held back"
        assert connection.execute("SELECT * FROM check_counters()").fetchall() == []


@pytest.mark.parametrize("number", [1, 8, 11])
def test_an_older_database_is_refused_and_nothing_of_it_changes(
    empty_database: Settings, number: int
) -> None:
    pretend(at_schema_12(empty_database), number)
    before = catalog(empty_database)
    remedy = (
        rf"has schema {number}, and .* schema 12 or later only; first run `dispatcher migrate` .* schema 12"
    )

    with pytest.raises(DatabaseError, match=remedy):
        migrate(empty_database)
    with connect(empty_database) as opened, pytest.raises(DatabaseError, match=remedy):
        require_schema(opened)

    assert catalog(empty_database) == before


def test_a_database_of_schema_12_tells_to_migrate(empty_database: Settings) -> None:
    at_schema_12(empty_database)
    with (
        connect(empty_database) as opened,
        pytest.raises(
            DatabaseError, match=r"has schema 12, this program needs \d+; run `dispatcher migrate`"
        ),
    ):
        require_schema(opened)


def test_an_upgrade_that_fails_leaves_schema_12_as_it_was(empty_database: Settings, tmp_path: Path) -> None:
    at_schema_12(empty_database)
    before = catalog(empty_database)
    ours = Schema()
    broken = tmp_path / "0013_from_0012.sql"
    broken.write_bytes(ours.bridges[12].read_bytes() + b"SELECT nonsense;")

    with pytest.raises(DatabaseError, match=r"0013_from_0012\.sql, line \d+"):
        migrate(empty_database, Schema(ours.migrations, bridges={12: broken}))

    assert catalog(empty_database) == before
    migrate(empty_database)
