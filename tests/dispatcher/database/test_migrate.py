"""Bringing databases to a schema, once, from many processes, over changes of functions."""

import threading
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import psycopg
import pytest

from dispatcher.configuration.sections.service import DatabaseSettings
from dispatcher.configuration.settings import Settings
from dispatcher.database import connection
from dispatcher.database.connection import embedded_server
from dispatcher.database.migrate import Migrated, Schema, migrate, open_database, require_schema
from dispatcher.errors import DatabaseError
from tests.fixtures.postgres import PostgresServer
from tests.fixtures.roles import MakeRole, acting_as

MIGRATIONS = {
    "0001_things.sql": "create table thing (number integer);",
    "0002_more.sql": "alter table thing add column name text; insert into thing values (1, '100%');",
}
DEFINITIONS = {
    "count_things.sql": "create or replace function count_things() returns bigint language sql"
    " as 'select count(*) from thing';",
}


class Source:
    """Files of a schema in a directory of the test's own, changed as a programmer changes them."""

    def __init__(self, directory: Path) -> None:
        self.directory = directory
        for name, text in MIGRATIONS.items():
            self.write(f"migrations/{name}", text)
        for name, text in DEFINITIONS.items():
            self.write(f"functions/{name}", text)

    def write(self, name: str, text: str) -> None:
        file = self.directory / name
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(text)

    def remove(self, name: str) -> None:
        (self.directory / name).unlink()

    def schema(self) -> Schema:
        migrations = sorted((self.directory / "migrations").iterdir())
        return Schema(
            [(int(file.name[:4]), file) for file in migrations],
            sorted((self.directory / "functions").iterdir()),
        )


@pytest.fixture
def source(tmp_path: Path) -> Source:
    return Source(tmp_path)


def ask(settings: Settings, question: str) -> list[tuple[object, ...]]:
    with connection.connect(settings) as opened:
        return list(opened.execute(question.encode()))


def functions(settings: Settings) -> list[str]:
    return [
        str(name)
        for (name,) in ask(
            settings,
            "select oid::regprocedure::text from pg_proc"
            " where pronamespace = 'public'::regnamespace order by 1",
        )
    ]


def test_everything_is_applied_once_and_in_order(empty_database: Settings, source: Source) -> None:
    assert migrate(empty_database, source.schema()) == Migrated(("0001_things.sql", "0002_more.sql"), True)
    assert migrate(empty_database, source.schema()) == Migrated()
    assert ask(empty_database, "select count_things(), name from thing") == [(1, "100%")]
    assert ask(empty_database, "select number, name from schema_migrations order by 1") == [
        (1, "0001_things.sql"),
        (2, "0002_more.sql"),
    ]


def test_each_migration_is_told_as_soon_as_it_is_done(empty_database: Settings, source: Source) -> None:
    told: list[tuple[str, object]] = []

    def tell(name: str) -> None:
        told.append((name, ask(empty_database, "select count(*) from schema_migrations")))

    migrate(empty_database, source.schema(), tell)
    assert told == [("0001_things.sql", [(1,)]), ("0002_more.sql", [(2,)])]


def test_a_missing_database_is_created_in_utf8(postgres_server: PostgresServer, source: Source) -> None:
    settings = postgres_server.settings('a "new" database')
    try:
        migrate(settings, source.schema())
        assert ask(settings, "show server_encoding") == [("UTF8",)]
    finally:
        postgres_server.drop(settings.database.name)


def test_many_at_once_migrate_a_missing_database_once(
    postgres_server: PostgresServer, source: Source
) -> None:
    settings = postgres_server.settings("raced")
    ready = threading.Barrier(5)

    def one() -> Migrated:
        ready.wait()
        return migrate(settings, source.schema())

    try:
        with ThreadPoolExecutor(5) as pool:
            done = [future.result() for future in [pool.submit(one) for _ in range(5)]]
        assert sorted(len(each.applied) for each in done) == [0, 0, 0, 0, 2]
    finally:
        postgres_server.drop("raced")


def test_a_failing_migration_names_its_line_and_leaves_nothing_of_itself(
    empty_database: Settings, source: Source
) -> None:
    source.write("migrations/0003_broken.sql", "create table half ();\nselect\n  nonsense;")
    with pytest.raises(DatabaseError, match=r'0003_broken\.sql, line 3: column "nonsense" does not exist'):
        migrate(empty_database, source.schema())
    assert ask(empty_database, "select max(number), to_regclass('half') from schema_migrations") == [
        (2, None)
    ]
    source.write("migrations/0003_broken.sql", "create table half ();")
    assert migrate(empty_database, source.schema()).applied == ("0003_broken.sql",)


def test_a_failing_definition_changes_no_other(empty_database: Settings, source: Source) -> None:
    migrate(empty_database, source.schema())
    source.write(
        "functions/count_things.sql", DEFINITIONS["count_things.sql"].replace("count(*)", "7::bigint")
    )
    source.write("functions/zz.sql", "create function zz() returns nonsense language sql as ''")
    with pytest.raises(DatabaseError, match=r"zz\.sql: type \"?nonsense"):
        migrate(empty_database, source.schema())
    assert ask(empty_database, "select count_things()") == [(1,)]


def test_a_changed_function_is_replaced_and_keeps_its_grants(
    empty_database: Settings, source: Source
) -> None:
    migrate(empty_database, source.schema())
    acl = "select proacl::text from pg_proc where proname = 'count_things'"
    with connection.connect(empty_database) as opened:
        opened.execute("revoke execute on function count_things() from public")
    granted = ask(empty_database, acl)
    source.write(
        "functions/count_things.sql", DEFINITIONS["count_things.sql"].replace("count(*)", "count(*) + 5")
    )
    assert migrate(empty_database, source.schema()) == Migrated((), True)
    assert ask(empty_database, "select count_things()") == [(6,)]
    assert ask(empty_database, acl) == granted


def test_a_function_may_change_its_return_type(empty_database: Settings, source: Source) -> None:
    migrate(empty_database, source.schema())
    source.write(
        "functions/count_things.sql", DEFINITIONS["count_things.sql"].replace("bigint", "setof bigint")
    )
    migrate(empty_database, source.schema())
    assert ask(empty_database, "select proretset from pg_proc where proname = 'count_things'") == [(True,)]


def test_a_function_may_become_a_procedure(empty_database: Settings, source: Source) -> None:
    migrate(empty_database, source.schema())
    source.write(
        "functions/count_things.sql", "create or replace procedure count_things() language sql as ''"
    )
    migrate(empty_database, source.schema())
    assert ask(empty_database, "select prokind::text from pg_proc where proname = 'count_things'") == [("p",)]


def test_a_function_with_other_parameters_replaces_the_former_one(
    empty_database: Settings, source: Source
) -> None:
    migrate(empty_database, source.schema())
    source.write(
        "functions/count_things.sql",
        DEFINITIONS["count_things.sql"].replace("count_things()", "count_things(smallest integer default 0)"),
    )
    migrate(empty_database, source.schema())
    assert functions(empty_database) == ["count_things(integer)"]
    assert ask(empty_database, "select count_things()") == [(1,)]


def test_a_function_without_a_file_is_dropped_and_those_of_others_stay(
    empty_database: Settings, source: Source
) -> None:
    source.write("functions/old.sql", "create or replace function old() returns void language sql as ''")
    with connection.connect(empty_database) as opened:
        opened.execute("create function theirs() returns void language sql as ''")
        opened.execute("create extension pg_stat_statements")
    migrate(empty_database, source.schema())
    assert "old()" in functions(empty_database)
    before = functions(empty_database)
    source.remove("functions/old.sql")
    migrate(empty_database, source.schema())
    assert functions(empty_database) == [name for name in before if name != "old()"]


def test_what_still_needs_a_function_is_not_dropped_with_it(empty_database: Settings, source: Source) -> None:
    source.write(
        "functions/old.sql", "create or replace function old() returns int language sql as 'select 1'"
    )
    migrate(empty_database, source.schema())
    with connection.connect(empty_database) as opened:
        opened.execute("create view theirs as select old()")
    source.remove("functions/old.sql")
    with pytest.raises(DatabaseError, match="cannot drop function old"):
        migrate(empty_database, source.schema())
    assert ask(empty_database, "select * from theirs") == [(1,)]


def test_a_newer_schema_is_refused_by_migrate_and_by_commands(
    empty_database: Settings, source: Source
) -> None:
    older = source.schema()
    source.write("migrations/0003_next.sql", "create table next ();")
    migrate(empty_database, source.schema())
    with pytest.raises(DatabaseError, match=r"has schema 3, and this program knows 2 only.*upgrade"):
        migrate(empty_database, older)
    with connection.connect(empty_database) as opened, pytest.raises(DatabaseError, match="upgrade"):
        require_schema(opened, older)


def test_a_missing_or_older_schema_tells_to_migrate(empty_database: Settings, source: Source) -> None:
    with connection.connect(empty_database) as opened:
        with pytest.raises(DatabaseError, match=r"has no schema yet; run `dispatcher migrate`"):
            require_schema(opened, source.schema())
        migrate(empty_database, source.schema())
        require_schema(opened, source.schema())
        source.write("migrations/0003_next.sql", "create table next ();")
        with pytest.raises(
            DatabaseError, match=r"has schema 2, this program needs 3; run `dispatcher migrate`"
        ):
            require_schema(opened, source.schema())


def test_two_migrations_of_one_number_are_told_apart(empty_database: Settings, source: Source) -> None:
    migrate(empty_database, source.schema())
    source.remove("migrations/0002_more.sql")
    source.write("migrations/0002_else.sql", "select 1;")
    with pytest.raises(DatabaseError, match=r"0002_else\.sql, but the database has run 0002_more\.sql"):
        migrate(empty_database, source.schema())


def test_a_role_without_the_right_to_create_databases_is_told_who_has_it(
    postgres_server: PostgresServer, source: Source
) -> None:
    settings = postgres_server.settings("postgres")
    with connection.connect(settings) as opened:
        opened.execute("drop role if exists poor")
        opened.execute("create role poor login")
        try:
            url = postgres_server.embedded.url("postgres") + "&options=-c%20role%3Dpoor"
            poor = Settings(database=DatabaseSettings(url=url, name="not_there"))
            with pytest.raises(
                DatabaseError, match=r"may not create the database 'not_there'.*administrator"
            ):
                migrate(poor, source.schema())
        finally:
            opened.execute("drop role poor")


@pytest.mark.parametrize("group", ["producer", "reader", "dispatcher", "admin"])
def test_whoever_has_a_role_learns_whether_the_schema_fits_and_reads_no_table(
    database_settings: Settings, role: MakeRole, group: str
) -> None:
    with connection.connect(database_settings) as owner:
        owner.execute("insert into schema_migrations (number, name) values (9999, '9999_future.sql')")
    url = acting_as(database_settings.database.url or "", role(f"llmctl_{group}"))
    settings = Settings(database=DatabaseSettings(url=url, name=database_settings.database.name))
    with pytest.raises(DatabaseError, match=r"has schema 9999, and this program knows \d+ only.*upgrade"):
        open_database(settings)
    with connection.connect(database_settings) as owner:
        owner.execute("delete from schema_migrations")
        owner.execute("insert into schema_migrations (number, name) values (12, '0012_older.sql')")
    with pytest.raises(
        DatabaseError, match=r"has schema 12, this program needs \d+; run `dispatcher migrate`"
    ):
        open_database(settings)
    with pytest.raises(psycopg.errors.InsufficientPrivilege):
        ask(settings, "select from schema_migrations")


def test_whoever_has_no_role_is_told_to_get_one(database_settings: Settings, role: MakeRole) -> None:
    url = acting_as(database_settings.database.url or "", role())
    settings = Settings(database=DatabaseSettings(url=url, name=database_settings.database.name))
    with pytest.raises(DatabaseError, match=r"has no role in .*grant it llmctl_producer"):
        open_database(settings)


def test_a_schema_from_before_the_function_tells_by_its_tables_and_is_upgraded(
    database_settings: Settings, role: MakeRole
) -> None:
    """Before the upgrade everybody may read the tables, and afterwards nobody but their owner."""
    with connection.connect(database_settings) as owner:
        owner.execute("drop function schema_version()")
        owner.execute("grant select on schema_migrations, schema_definitions to public")
        owner.execute("update schema_definitions set digest = 'before'")
        known = owner.execute("delete from schema_migrations returning number, name").fetchall()
        owner.execute("insert into schema_migrations (number, name) values (12, '0012_older.sql')")
    url = acting_as(database_settings.database.url or "", role("llmctl_producer"))
    settings = Settings(database=DatabaseSettings(url=url, name=database_settings.database.name))
    with pytest.raises(
        DatabaseError, match=r"has schema 12, this program needs \d+; run `dispatcher migrate`"
    ):
        open_database(settings)
    with connection.connect(database_settings) as owner:
        owner.execute("delete from schema_migrations")
        owner.cursor().executemany("insert into schema_migrations (number, name) values (%s, %s)", known)
    assert migrate(database_settings) == Migrated((), True)
    open_database(settings).close()
    for table in ("schema_migrations", "schema_definitions"):
        with pytest.raises(psycopg.errors.InsufficientPrivilege):
            ask(settings, f"select from {table}")


def test_the_embedded_database_is_made_and_migrated_by_the_first_command(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, source: Source
) -> None:
    monkeypatch.setenv("LLMCTL_HOME", str(tmp_path / "home"))
    try:
        with open_database(Settings(), schema=source.schema()) as opened:
            assert opened.info.dbname == "cli_worker"
        source.write("migrations/0003_next.sql", "create table next ();")
        with open_database(Settings(), schema=source.schema()) as opened:
            require_schema(opened, source.schema())
            assert opened.execute("select from next").fetchall() == []
        changed = DEFINITIONS["count_things.sql"].replace("count(*)", "9::bigint")
        source.write("functions/count_things.sql", changed)
        with open_database(Settings(), schema=source.schema()) as opened:
            assert opened.execute("select count_things()").fetchone() == (9,)
    finally:
        embedded_server().destroy()


def test_a_database_of_others_is_never_migrated_by_the_way(empty_database: Settings, source: Source) -> None:
    with pytest.raises(DatabaseError, match="run `dispatcher migrate`"):
        open_database(empty_database, schema=source.schema())
    with pytest.raises(psycopg.errors.UndefinedTable):
        ask(empty_database, "select from schema_migrations")


def test_the_schema_of_this_program_is_complete_after_one_migrate(database_settings: Settings) -> None:
    assert migrate(database_settings) == Migrated()
    with open_database(database_settings) as opened:
        require_schema(opened)


def test_replacing_all_definitions_of_this_program_changes_nothing(database_settings: Settings) -> None:
    before = functions(database_settings)
    ask(database_settings, "update schema_definitions set digest = 'another' returning 1")
    assert migrate(database_settings) == Migrated((), True)
    assert functions(database_settings) == before
