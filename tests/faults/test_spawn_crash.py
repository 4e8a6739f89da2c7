"""A dispatcher or the database dies at each step of the transaction of a spawn: its children are there once.

The transaction is one call of report_and_claim() and its COMMIT. In this order it writes: what the tree has cost; the
children, with their lanes, labels and tallies (triggers of the INSERT); what these need, and that those without
needs are ready; their parent; how many the tree has; the pieces of output; how the task ended, with counters, news and
what comes after it (triggers of the UPDATE); how the run ended; and the claim, which may take the children at once.
Each statement of the spawn itself is a step here, and one of each function that follows. Tables that only a trigger
appends to are part of the step of its statement.

Whoever is killed before the COMMIT has done nothing. At the COMMIT the two faults differ: a server that dies has done
nothing, and a dispatcher that dies has spawned its children without hearing of that; its successor reports nothing
twice.
"""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import LiteralString

from tests.faults.conftest import Crashing
from tests.fixtures.dispatchers import Gate, Site

STATEMENT: LiteralString = " FOR EACH STATEMENT EXECUTE FUNCTION at_step()"
STEPS: Mapping[str, LiteralString] = {
    "the cost of the run is added": "TRIGGER at_step BEFORE UPDATE OF cost_usd ON task_trees" + STATEMENT,
    "the children are inserted": "TRIGGER at_step AFTER INSERT ON tasks" + STATEMENT,
    "what they need is inserted": "TRIGGER at_step AFTER INSERT ON task_dependencies" + STATEMENT,
    "they get their parent": "TRIGGER at_step AFTER UPDATE OF parent ON tasks" + STATEMENT,
    "the tree counts them": "TRIGGER at_step BEFORE UPDATE OF tasks ON task_trees" + STATEMENT,
    "the task has succeeded": "TRIGGER at_step AFTER UPDATE OF result ON tasks" + STATEMENT,
    "the run has ended": "TRIGGER at_step AFTER UPDATE OF exit_code ON task_runs" + STATEMENT,
    "a child is claimed": "TRIGGER at_step AFTER INSERT ON task_runs" + STATEMENT,
    "all is committed": "CONSTRAINT TRIGGER at_step AFTER INSERT ON tasks DEFERRABLE INITIALLY DEFERRED"
    " FOR EACH ROW EXECUTE FUNCTION at_step()",
}
OF_SERVER = ("the children are inserted", "the tree counts them", "the run has ended", "all is committed")
"""A server that dies undoes all of a transaction alike: early, in the midst, late, and at the COMMIT."""

AT_STEP = """
    CREATE FUNCTION at_step() RETURNS trigger LANGUAGE plpgsql SECURITY DEFINER AS $$ BEGIN
        PERFORM pg_advisory_xact_lock(77);
        RETURN NULL;
    END $$;
    CREATE FUNCTION drop_step() RETURNS void LANGUAGE plpgsql AS $$ BEGIN
        EXECUTE 'DROP TRIGGER at_step ON ' || (SELECT tgrelid::regclass FROM pg_trigger WHERE tgname = 'at_step');
    END $$;
"""
PLAN = """
flock -s "$SITE/gate-$N" true
echo plan-$N | tee -a "$SITE/journal"
row() { echo '{"step": "'$1'", "prompt": "echo '$1-$N' | tee -a $SITE/journal"'"$2"'}'; }
{ row a; row b ', "after": ["a"]'; } >tasks.jsonl
"""
WAITING = "SELECT FROM pg_locks WHERE locktype = 'advisory' AND objid = 77 AND NOT granted"


def submit(site: Site, number: int) -> tuple[int, int]:
    """Queue a plan and what comes after all of its tree; return their numbers."""
    plan = site.submit(f"N={number}; {PLAN}", spawns="tasks.jsonl")
    return plan, site.submit(f"echo join-{number} | tee -a $SITE/journal", after_tree=[plan])


@contextmanager
def held_at(site: Site, step: LiteralString, gate: Gate) -> Iterator[None]:
    """Hold the transaction that comes to this step, while inside. The agent ends when the gate opens."""
    site.sql("SELECT pg_advisory_lock(77)")
    site.sql("CREATE " + step)
    gate.open()
    site.wait_until(lambda: site.sql(WAITING))
    yield


def release(site: Site) -> None:
    """Let the transaction go on, if there is one, and return when it has ended."""
    site.sql("SELECT pg_advisory_unlock_all()")
    site.sql("SELECT drop_step()")


def expected(count: int) -> list[str]:
    return sorted(f"{what}-{number}" for number in range(count) for what in ("plan", "a", "b", "join"))


def test_a_dispatcher_that_dies_while_it_reports_what_an_agent_spawns_costs_nothing_and_doubles_nothing(
    site: Site,
) -> None:
    site.sql(AT_STEP)
    for number, (name, step) in enumerate(STEPS.items()):
        gate = site.gate(f"gate-{number}")
        plan, join = submit(site, number)
        dispatcher = site.start()
        with held_at(site, step, gate):
            dispatcher.kill()
        release(site)
        assert (site.task(plan)["status"] == "succeeded") == (name == "all is committed"), name
        site.run()
        assert site.task(join)["status"] == "succeeded", (name, site.summary())

    assert sorted(site.journal_lines()) == expected(len(STEPS))
    assert site.sql("SELECT * FROM check_counters()") == []


def test_a_server_that_crashes_while_children_are_submitted_has_none_of_them_and_then_each_once(
    crashing: Crashing,
) -> None:
    site = crashing.site
    site.sql(AT_STEP)
    site.start()
    for number, step in enumerate(STEPS[name] for name in OF_SERVER):
        gate = site.gate(f"gate-{number}")
        _, join = submit(site, number)
        with held_at(site, step, gate):
            crashing.kill()
        crashing.start()
        release(site)
        site.wait_for("succeeded", join)

    assert sorted(site.journal_lines()) == expected(len(OF_SERVER))
    assert {row["tasks"] for row in site.sql("SELECT tasks FROM task_trees")} == {2}
    assert site.sql("SELECT * FROM check_counters()") == []
