"""A claim that does not file the only lane that got work returns and leaves what the general claim would."""

import re

from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import rule, run_state_machine_as_test
from psycopg import Connection

from tests.sql.claim.test_against_model import ANY_DISPATCHER, Dispatching
from tests.sql.client import Client
from tests.sql.clock import Clock

SHORTCUT = "pick_only_lane"
FEW_KINDS = st.fixed_dictionaries(
    {
        "tool": st.just("claude"),
        "prompt": st.just("p"),
        "tenant_id": st.sampled_from(["a", "a", "b"]),
        "model": st.sampled_from([None, None, None, "m1"]),
    }
)


def never_taken(connection: Connection) -> None:
    """From now on the shortcut says that it is another case."""
    row = connection.execute("select pg_get_functiondef(%s::regproc)", [SHORTCUT]).fetchone()
    assert row is not None
    connection.execute(
        re.sub(r"AS \$function\$.*\$function\$", "AS $$ begin end $$", row[0], flags=re.DOTALL)
    )


class Comparing(Dispatching):
    """The machine of the model, which before each claim makes it in both ways and takes both back."""

    taken = 0
    """How often the claim took the shortcut."""

    @rule(who=ANY_DISPATCHER, most=st.integers(1, 5))
    def claim(self, who: int, most: int) -> None:
        connection = self.db.connection
        with connection.transaction(force_rollback=True):
            by_shortcut = self.claimed_and_left(who, most)
            type(self).taken += by_shortcut["claimed"] != [] and not self.db.rows(
                "select from lanes where xmin = pg_current_xact_id()::xid"
            )
        with connection.transaction(force_rollback=True):
            never_taken(connection)
            assert by_shortcut == self.claimed_and_left(who, most)
        super().claim(who, most)

    @rule(
        who=ANY_DISPATCHER,
        most=st.integers(1, 5),
        rounds=st.lists(st.tuples(FEW_KINDS, st.sampled_from([1, 1, 2])), min_size=3, max_size=6),
    )
    def work_in_a_quiet_house(self, who: int, most: int, rounds: list[tuple[dict[str, object], int]]) -> None:
        """Ends what runs and claims what is left, submits something and claims it, and so on."""
        for task, times in rounds:
            while self.open:
                for owner, run in self.open:
                    self.ended.append((owner, run))
                    assert self.db.finish(self.dispatchers[owner], run) == "finished"
                self.open.clear()
                super().claim(who, 5)
            self.submit([task] * times)
            self.claim(who, most)

    def claimed_and_left(self, who: int, most: int) -> dict[str, object]:
        """What a claim returns, and what the next ones know of lanes and turns. Numbers of turns are only an order."""
        claim = self.db.claim(self.dispatchers[who], most)
        return {
            "claimed": [{**run.answer, "run_id": None} for run in claim.runs],
            "deadline": claim.deadline_s,
            "runs": self.db.rows(
                "select task_id, run_no, group_name, resumed, directory, ready_at from task_runs"
                " where status = 'running' order by task_id"
            ),
            "lanes": self.db.rows(
                "select lane, head, contended_at, case when head is not null then oldest end from lanes order by lane"
            ),
            "tenantless lanes": self.db.rows(
                "select tenantless_lane, closed_by from tenantless_lanes"
                " where tenantless_lane in (select tenantless_lane from lanes where head is not null) order by 1"
            ),
            "turns": self.db.rows(
                "select tenant_id, tool, priority, waiting, closed, idle_since,"
                " dense_rank() over (order by last_served), case when waiting then"
                " dense_rank() over (partition by tool, priority, waiting order by turn) end,"
                " waiting and last_served > turn from tenant_turns order by 1, 2, 3"
            ),
            "filed": self.db.rows("select lane, number from lane_inbox order by 1, 2"),
        }


def test_a_claim_of_the_only_lane_is_the_claim_that_files_it(db: Client, time: Clock) -> None:
    class InThisDatabase(Comparing):
        pass

    InThisDatabase.db, InThisDatabase.holder, InThisDatabase.clock = db, db.another(), time
    run_state_machine_as_test(
        InThisDatabase,
        settings=settings(
            max_examples=20, stateful_step_count=25, deadline=None, suppress_health_check=list(HealthCheck)
        ),
    )
    assert InThisDatabase.taken > 0


def test_a_claim_on_an_idle_server_writes_down_nothing_of_the_lane(wide: Client) -> None:
    dispatcher = wide.dispatcher()
    written = None
    for _ in range(3):
        tasks = wide.submit_some(2)
        wide.submit_some(delay_s=3600)  # what waits for a time is no other lane
        runs = wide.claim(dispatcher).runs
        assert [run.number for run in runs] == tasks
        assert wide.rows("select from lane_inbox") == []
        wide.finish_all(dispatcher, [{"run_id": run.id} for run in runs])
        before, written = written, wide.rows("select lane, xmin from lanes")
        assert before in (None, written)
