"""A dispatcher or the database dies at each step of the transaction of a spawn: its children are there once."""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import LiteralString

from tests.faults.conftest import Crashing
from tests.fixtures.dispatchers import Gate, Site

STEPS: Mapping[str, LiteralString] = {
    "the children are inserted": "AFTER INSERT ON tasks FOR EACH STATEMENT EXECUTE FUNCTION at_step()",
    "they get their parent": "AFTER UPDATE OF parent ON tasks FOR EACH STATEMENT EXECUTE FUNCTION at_step()",
    "the tree counts them": "BEFORE UPDATE OF tasks ON task_trees FOR EACH STATEMENT EXECUTE FUNCTION at_step()",
    "the task has succeeded": "AFTER UPDATE OF result ON tasks FOR EACH STATEMENT EXECUTE FUNCTION at_step()",
    "the run has ended": "AFTER UPDATE OF exit_code ON task_runs FOR EACH STATEMENT EXECUTE FUNCTION at_step()",
}
AT_STEP = """
    CREATE FUNCTION at_step() RETURNS trigger LANGUAGE plpgsql SECURITY DEFINER AS $$ BEGIN
        PERFORM pg_advisory_xact_lock(77);
        RETURN NULL;
    END $$;
"""
PLAN = """
flock -s "$SITE/gate-$N" true
echo plan-$N | tee -a "$SITE/journal"
for child in a b; do echo '{"prompt": "echo '$child-$N' | tee -a $SITE/journal"}'; done >tasks.jsonl
"""
WAITING = "SELECT FROM pg_locks WHERE locktype = 'advisory' AND objid = 77 AND NOT granted"


def submit(site: Site, number: int) -> int:
    """Queue a plan and what comes after all of its tree; return the number of the latter."""
    plan = site.submit(f"N={number}; {PLAN}", spawns="tasks.jsonl")
    return site.submit(f"echo join-{number} | tee -a $SITE/journal", after_tree=[plan])


@contextmanager
def held_at(site: Site, step: LiteralString, gate: Gate) -> Iterator[None]:
    """Hold the transaction that comes to this step, while inside. The agent ends when the gate opens."""
    site.sql("SELECT pg_advisory_lock(77)")
    site.sql("CREATE TRIGGER at_step " + step)
    gate.open()
    site.wait_until(lambda: site.sql(WAITING))
    yield


def release(site: Site, step: LiteralString) -> None:
    site.sql("SELECT pg_advisory_unlock_all()")
    table: LiteralString = (
        "tasks" if " ON tasks " in step else "task_runs" if " ON task_runs " in step else "task_trees"
    )
    site.sql("DROP TRIGGER at_step ON " + table)


def expected(count: int) -> list[str]:
    return sorted(f"{what}-{number}" for number in range(count) for what in ("plan", "a", "b", "join"))


def test_a_dispatcher_that_dies_while_it_reports_what_an_agent_spawns_costs_nothing_and_doubles_nothing(
    site: Site,
) -> None:
    site.sql(AT_STEP)
    for number, step in enumerate(STEPS.values()):
        gate = site.gate(f"gate-{number}")
        join = submit(site, number)
        dispatcher = site.start()
        with held_at(site, step, gate):
            dispatcher.kill()
        release(site, step)
        site.run()
        assert site.task(join)["status"] == "succeeded", (step, site.summary())

    assert sorted(site.journal_lines()) == expected(len(STEPS))
    assert site.sql("SELECT * FROM check_counters()") == []


def test_a_server_that_crashes_while_children_are_submitted_has_none_of_them_and_then_each_once(
    crashing: Crashing,
) -> None:
    site = crashing.site
    site.sql(AT_STEP)
    site.start()
    for number, step in enumerate(STEPS.values()):
        gate = site.gate(f"gate-{number}")
        join = submit(site, number)
        with held_at(site, step, gate):
            crashing.kill()
        crashing.start()
        release(site, step)
        site.wait_for("succeeded", join)

    assert sorted(site.journal_lines()) == expected(len(STEPS))
    assert {row["tasks"] for row in site.sql("SELECT tasks FROM task_trees")} == {2}
    assert site.sql("SELECT * FROM check_counters()") == []
