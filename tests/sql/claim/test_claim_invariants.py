"""What docs/claim.md says must stay true and no other test says; and that the tests which that page names exist."""

import re
from pathlib import Path

from tests.sql.claim.one_writer import refuse_writers_without_the_claim_lock
from tests.sql.client import Client
from tests.sql.clock import Clock
from tests.sql.concurrently import in_background, until_blocked
from tests.sql.refused import refused

ROOT = Path(__file__).parents[3]
NAMED_TEST = re.compile(r"`(test_\w+)`")


def test_each_test_that_the_page_about_the_claim_names_exists() -> None:
    named = set(NAMED_TEST.findall((ROOT / "docs" / "claim.md").read_text()))
    there = {
        name
        for file in (ROOT / "tests" / "sql").rglob("test_*.py")
        for name in re.findall(r"^def (test_\w+)\(", file.read_text(), re.MULTILINE)
    }
    assert len(named) > 20
    assert named - there == set()


def test_the_tables_of_the_claim_are_written_under_its_lock_only(wide: Client, time: Clock) -> None:
    refuse_writers_without_the_claim_lock(wide)
    with refused("LD500", "without the claim lock"):
        wide.run("update lanes set head = null")
    dispatcher = wide.dispatcher()
    wide.limit("model:m", 1)
    wide.limit("tenant:a", 1)
    first, second, *others = wide.submit_some(5, model="m", tenant_id="a")
    wide.submit_some(delay_s=10)
    claimed = wide.claim(dispatcher)
    assert claimed.numbers == [first]
    wide.start(dispatcher, *claimed.runs)
    wide.run("select cancel_task(%s)", str(second))
    wide.run("update tasks set priority = 1 where number = any(%s)", others)
    wide.finish(dispatcher, claimed.runs[0], "limit", retry_after_s=20)
    wide.run("select retry_task(%s)", str(second))
    wide.run("select remove_limit('model:m')")
    wide.run("delete from tasks where number = %s", others[-1])
    time.passes(86_401)
    while runs := wide.claim(dispatcher).runs:
        for run in runs:
            wide.finish(dispatcher, run)
    time.passes(86_401)
    wide.run("select prune_lanes()")
    time.passes(86_401)
    wide.run("select prune_lanes()")
    assert wide.rows("select from lanes union all select from tenant_turns") == []


def test_what_becomes_due_while_the_claim_works_is_in_its_deadline(wide: Client, time: Clock) -> None:
    """The claim waits for a row after it has looked for what is due; meanwhile something becomes due."""
    dispatcher = wide.dispatcher()
    ready = wide.submit()
    wide.submit(delay_s=10)
    wide.claim(dispatcher, 0)
    holder, claimer = wide.another(), wide.another()
    holder.run("begin")
    holder.run("select from lanes for update")
    with in_background(lambda: claimer.claim(dispatcher)) as claim:
        until_blocked(wide, claimer)
        time.passes(10.5)
        holder.run("commit")
    assert (claim.result().numbers, claim.result().deadline_s) == ([ready.number], 0.001)
