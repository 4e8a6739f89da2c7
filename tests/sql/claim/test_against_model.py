"""Anything in any order: nothing is lost, nothing drifts, and each claim is the model's claim."""

from collections.abc import Iterator
from contextlib import contextmanager

import psycopg
import pytest
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    initialize,
    invariant,
    precondition,
    rule,
    run_state_machine_as_test,
)
from psycopg.types.json import Jsonb

from tests.sql.claim.machine_of_needs import AfterOthers
from tests.sql.claim.machine_of_schedules import Scheduling
from tests.sql.claim.machine_of_spawning import Trees
from tests.sql.claim.model import Dispatcher, look_at
from tests.sql.claim.model_of_needs import Needs
from tests.sql.claim.one_writer import refuse_writers_without_the_claim_lock
from tests.sql.client import Client, Run
from tests.sql.clock import Clock
from tests.sql.schedules.firing import set_time

TERMINAL = {"succeeded", "failed", "canceled"}
DAY = 86_400
GROUPS = {"claude-1": ("claude", "one"), "claude-2": ("claude", "two"), "codex-1": ("codex", "one")}
DISPATCHERS = [
    Dispatcher("here", None),
    Dispatcher("there", None),
    Dispatcher("here", ["claude-1", "codex-1"]),
]
ANY_DISPATCHER = st.integers(0, len(DISPATCHERS) - 1)
TASKS = st.fixed_dictionaries(
    {
        "tool": st.sampled_from(["claude", "claude", "codex"]),
        "prompt": st.just("p"),
        "tenant_id": st.sampled_from(["a", "b", "c"]),
        "queue": st.sampled_from(["q1", "q2"]),
        "model": st.sampled_from([None, None, "m1"]),
        "workflow": st.sampled_from([None, None, None, "w1", "w2"]),
        "account": st.sampled_from([None, None, None, "one"]),
        "priority": st.sampled_from([4, 5, 5]),
        "labels": st.sampled_from([{}, {}, {"a": "1"}, {"a": "2", "b": "1"}]),
        "hold": st.sampled_from([None, None, None, True]),
        "delay_s": st.sampled_from([None, None, None, 0, 10, 40]),
        "max_attempts": st.just(2),
        "approve": st.sampled_from([None, None, None, True]),
    }
)
CHANGES = st.fixed_dictionaries(
    {},
    optional={
        "queue": st.sampled_from(["q1", "q2"]),
        "model": st.sampled_from([None, "m1"]),
        "priority": st.sampled_from([4, 5, 6]),
        "labels": st.dictionaries(st.sampled_from(["a", "b"]), st.sampled_from([None, "1", "2"]), max_size=2),
    },
).filter(bool)
SCOPES = st.sampled_from(
    ["tool:claude", "tool:codex", "model:m1", "tenant:a", "tenant:b", "queue:q1", "workflow:w1"]
)
MODEL_LIMIT = "the limit of its model"
ERRORS = st.sampled_from(
    [None, None, "limit", "throttled", "auth", "agent_error", "invalid_request", "interrupted", "timeout",
     "check_failed", "setup_failed", "question", "not_recorded", "overloaded", "overloaded", MODEL_LIMIT, MODEL_LIMIT]
)  # fmt: skip


@contextmanager
def unless_refused() -> Iterator[None]:
    """A call that the state of the task may forbid, by an error of our own."""
    try:
        yield
    except psycopg.DatabaseError as error:
        if error.sqlstate not in ("LD404", "LD409") and "neither a number of tasks nor a budget" not in str(
            error
        ):
            raise


class Dispatching(Scheduling, AfterOthers, RuleBasedStateMachine):
    """Producers, people and dispatchers, one statement at a time, beside a producer with an open transaction."""

    db: Client
    holder: Client
    clock: Clock

    def __init__(self) -> None:
        super().__init__()
        self.holder.run("rollback")
        self.db.run(
            "truncate tasks, task_labels, task_runs, task_files, dispatchers, worker_groups, concurrency_limits,"
            " lane_inbox, limit_inbox, dependency_inbox, lanes, tenantless_lanes, tenant_turns,"
            " schedules, task_tallies,"
            " task_tally_inbox, submission_tallies, run_tallies, run_time_tallies, run_tally_inbox"
            " restart identity cascade"
        )
        # Else no example could be replayed: the jitter of back-offs, and how far the hour of the schedule has gone.
        self.db.run("select setseed(0)")
        set_time(self.db, "2040-01-01T00:00:00+00:00")
        self.served: list[str] = []
        self.submitted = 0
        self.needs = Needs()
        self.trees = Trees()
        self.schedule = None
        self.busy_at: dict[str, object] = {}
        self.held: set[int] = set()
        self.deleted = False
        self.statuses: dict[int, str] = {}
        self.over: dict[str, int] = {}
        self.open: list[tuple[int, Run]] = []
        self.ended: list[tuple[int, Run]] = []

    @initialize(slots=st.integers(1, 3), tasks=st.lists(TASKS, min_size=4, max_size=12))
    def begin(self, slots: int, tasks: list[dict[str, object]]) -> None:
        for name, (tool, account) in GROUPS.items():
            self.db.group(name, tool, account, slots)
        self.dispatchers = [self.db.dispatcher(each.host, each.groups) for each in DISPATCHERS]
        self.submit(tasks)
        self.begin_schedule()

    # Producers

    @rule(tasks=st.lists(TASKS, min_size=1, max_size=4))
    def submit(self, tasks: list[dict[str, object]]) -> None:
        for submitted in self.db.submit_all(tasks):
            self.statuses[submitted.number] = "queued"
            self.submitted += 1

    @precondition(lambda self: self.free_tasks())
    @rule(
        data=st.data(),
        what=st.sampled_from(["cancel", "retry", "priority", "hold", "release", "top", "edit", "delete"]),
    )
    def touch(self, data: st.DataObject, what: str) -> None:
        number = data.draw(st.sampled_from(self.free_tasks()))
        with unless_refused():
            match what:
                case "cancel":
                    self.db.run("select cancel_task(%s)", str(number))
                case "retry":
                    self.db.run("select retry_task(%s)", str(number))
                    self.statuses[number] = "queued"
                    self.needs.insisted.add(number)
                case "priority":
                    self.db.run("update tasks set priority = abs(9 - priority) where number = %s", number)
                case "hold" | "release" | "top":
                    self.db.run("select act_on_tasks(%s, %s)", what, Jsonb({"numbers": [number]}))
                case "edit":
                    changes = data.draw(CHANGES)
                    self.db.run(
                        "select act_on_tasks('edit', %s, p_changes => %s)",
                        Jsonb({"numbers": [number]}),
                        Jsonb(changes),
                    )
                case "delete" if not any(number in edge[1:] for edge in self.needs.edges) and self.db.value(
                    "select tree is null and schedule is null from tasks where number = %s", number
                ):
                    self.needs.forget(number)
                    self.db.run("delete from tasks where number = %s", number)
                    del self.statuses[number]
                    self.deleted = True

    @precondition(lambda self: self.free_tasks())
    @rule(data=st.data(), what=st.sampled_from(["cancel", "priority", "lock"]))
    def hold_in_open_transaction(self, data: st.DataObject, what: str) -> None:
        number = data.draw(st.sampled_from(self.free_tasks()))
        if self.db.status(number)[0] != "queued":
            return
        if not self.held:
            self.holder.run("begin")
        self.held.add(number)
        if what == "cancel":
            self.held |= self.needs.after(number, self.db)
        match what:
            case "cancel":
                self.holder.run("select cancel_task(%s)", str(number))
            case "priority":
                self.holder.run("update tasks set priority = abs(9 - priority) where number = %s", number)
            case "lock":
                self.holder.run("select from tasks where number = %s for update", number)

    @precondition(lambda self: self.held)
    @rule(how=st.sampled_from(["commit", "rollback"]))
    def end_open_transaction(self, how: str) -> None:
        self.holder.connection.execute(how.encode())
        self.held.clear()

    # People

    @rule(scope=SCOPES, slots=st.sampled_from([None, None, 0, 1, 1, 2]))
    def change_limit(self, scope: str, slots: int | None) -> None:
        if slots is not None:
            self.db.limit(scope, slots)
        else:
            with unless_refused():
                self.db.run("select remove_limit(%s)", scope)

    @rule(usd=st.sampled_from([0, 1, 2, 5]))
    def change_budget(self, usd: int) -> None:
        with unless_refused():
            self.db.run("select set_limit('workflow:w1', p_budget_usd => %s)", usd)

    @rule(
        group=st.sampled_from(sorted(GROUPS)),
        what=st.sampled_from(["pause", "resume", "resume", "cool down", "warm up", "slots", "hosts"]),
        slots=st.integers(0, 3),
    )
    def change_group(self, group: str, what: str, slots: int) -> None:
        tool, account = GROUPS[group]
        match what:
            case "pause":
                self.db.run("select pause_group(%s)", group)
            case "resume":
                self.db.run("select resume_group(%s)", group)
            case "cool down":
                self.db.run("select cool_down_group(%s, clock() + '15 s')", group)
            case "warm up":
                self.db.run("select cool_down_group(%s, clock() - interval '1 s')", group)
            case "slots":
                self.db.run("select change_group(%s, %s)", group, slots)
            case "hosts":
                hosts = [None, None, ["here"], ["there"]][slots]
                self.db.run("select put_group(%s, %s, %s, 2, p_hosts => %s)", group, tool, account, hosts)

    @rule(who=ANY_DISPATCHER)
    def heartbeat(self, who: int) -> None:
        """Folds the tallies, which must change none of the sums."""
        self.db.run("select heartbeat(%s)", self.dispatchers[who])

    @rule(seconds=st.sampled_from([5, 15, 60, 3600, DAY]))
    def time_passes(self, seconds: int) -> None:
        self.clock.passes(seconds)

    # Dispatchers

    @rule(most=st.sampled_from([1, 3, 100]))
    def prune_lanes(self, most: int) -> None:
        """Nothing shows it later, except that a tenant counts as new if it had no work for a day."""
        self.db.run("select prune_lanes(%s)", most)
        known = {tenant for (tenant,) in self.db.rows("select tenant_id from tenant_turns")}
        for tenant in set(self.served) - known:
            assert self.db.value("select clock() - %s > interval '1 day'", self.busy_at[tenant])
        self.served = [tenant for tenant in self.served if tenant in known]

    @rule(who=ANY_DISPATCHER, most=st.integers(1, 5), before=st.integers(0, 3))
    def pass_of_a_dispatcher(self, who: int, most: int, before: int) -> None:
        """Ends some runs, oldest first, and then claims, as a dispatcher does all day."""
        for owner, run in self.open[:before]:
            self.ended.append((owner, run))
            assert self.db.finish(self.dispatchers[owner], run) == "finished"
        del self.open[:before]
        self.claim(who, most)

    @rule(who=ANY_DISPATCHER, most=st.integers(1, 5))
    def claim(self, who: int, most: int) -> None:
        self.db.run("select settle_inbox()")
        world = look_at(self.db, self.held)
        claimed = self.db.claim(self.dispatchers[who], most)
        for run in claimed.runs:
            if self.held:
                # A held task may keep its whole lane back, so the order is not the model's.
                assert run.number in {task.number for task in world.ready}
            else:
                picked = world.pick(DISPATCHERS[who], self.served)
                assert picked is not None, f"{run.number} should not run now"
                assert (run.number, run.group) == (picked[0].number, picked[1].name)
            self.note_served(run)
            self.open.append((who, run))
        if len(claimed.runs) < most:
            left = look_at(self.db, self.held).pick(DISPATCHERS[who], self.served)
            assert left is None, f"{left} could run and was not claimed"
            if not self.held:
                # While a group cools down no claim finds out that its tasks are gone, so its end is a deadline. And
                # that this claim has filled the limit of a tenant is known to the next claim only.
                hinted = [
                    str(tool)
                    for (tool,) in self.db.rows(
                        "select distinct tool from tenant_turns where waiting and not closed"
                    )
                ]
                deadlines = [world.deadline_s(DISPATCHERS[who], hinted), self.until_fired()]
                assert claimed.deadline_s == min((at for at in deadlines if at is not None), default=None)
            elif look_at(self.db).pick(DISPATCHERS[who], self.served):
                assert claimed.deadline_s is not None, "held rows may come back, and nobody would look"
                assert claimed.deadline_s <= 0.05

    @precondition(lambda self: self.open)
    @rule(data=st.data())
    def start(self, data: st.DataObject) -> None:
        who, run = data.draw(st.sampled_from(self.open))
        assert self.db.start(self.dispatchers[who], run) == [run.id]

    @precondition(lambda self: self.open)
    @rule(data=st.data(), error=ERRORS, cost=st.sampled_from([None, 0, 1]))
    def finish(self, data: st.DataObject, error: str | None, cost: int | None) -> None:
        who, run = self.open.pop(data.draw(st.integers(0, len(self.open) - 1)))
        self.ended.append((who, run))
        reports: dict[str, dict[str, object]] = {
            "check_failed": {"follow_up": "x"},
            "question": {"question": "x"},
            "limit": {"retry_after_s": 20},
            MODEL_LIMIT: {"retry_after_s": 25, "limit_is_of_model": True},
        }
        report = {
            "run_id": run.id,
            "error_class": "limit" if error == MODEL_LIMIT else error,
            "ran_s": 1,
            "cost_usd": cost,
            **reports.get(error or "", {}),
        }
        [verdict] = self.db.finish_all(self.dispatchers[who], [report])
        assert verdict == "finished"

    @precondition(lambda self: self.open or self.ended)
    @rule(data=st.data(), error=ERRORS)
    def report_what_is_not_theirs_to_report(self, data: st.DataObject, error: str | None) -> None:
        who, run = data.draw(st.sampled_from(self.open + self.ended))
        stranger = self.dispatchers[(who + 1) % len(self.dispatchers)]
        error = "limit" if error == MODEL_LIMIT else error
        assert self.db.finish(stranger, run, error) in ("stale", "already")
        assert self.db.start(stranger, run) == []
        if (who, run) in self.ended:
            assert self.db.finish(self.dispatchers[who], run, error) in ("stale", "already")
            assert self.db.start(self.dispatchers[who], run) == []

    # What always holds

    @invariant()
    def counters_are_true(self) -> None:
        assert self.db.drift() == []

    @invariant()
    def each_label_is_filed_as_it_is(self) -> None:
        assert not self.db.rows(
            "with there as (select label_hash(key, value), number from tasks, jsonb_each_text(labels))"
            " (table there except table task_labels) union all (table task_labels except table there)"
        )

    @invariant()
    def each_ended_run_and_each_submission_is_counted_once(self) -> None:
        counted = self.db.one(
            "select (select coalesce(sum(runs), 0) from run_tallies) + (select count(*) from run_tally_inbox),"
            " (select coalesce(sum(tasks), 0) from submission_tallies where tenant_id = '')"
            " + (select coalesce(sum(tasks), 0) from task_tally_inbox where state = 'submitted')"
        )
        assert counted == (len(self.ended), self.submitted)

    @invariant()
    def no_limit_is_passed_but_by_lowering_it(self) -> None:
        over = {}
        for scope, current, most in self.db.rows(
            "select scope::text, current_concurrent, max_concurrent from concurrency_limits union all"
            " select 'group:' || group_name, current_concurrent, max_concurrent from worker_groups"
        ):
            assert isinstance(scope, str)
            assert isinstance(current, int)
            before = self.over.get(scope)
            assert most is None or isinstance(most, int)
            assert most is None or current <= most or before is None or current <= before, (
                f"{scope} rose to {current}/{most}"
            )
            over[scope] = current
        self.over = over

    @invariant()
    def budgets_know_what_was_spent(self) -> None:
        """Exactly what the runs say, and that of tasks that were deleted meanwhile, too."""
        for spent, of_runs in self.db.rows(
            "select spent_usd, (select coalesce(sum(cost_usd), 0) from task_runs join tasks on tasks.id = task_id"
            " where 'workflow:' || workflow = scope) from concurrency_limits where budget_usd is not null"
        ):
            assert spent == of_runs or (self.deleted and spent > of_runs)  # type: ignore[operator]

    @invariant()
    def nothing_is_lost_and_what_has_ended_stays_so(self) -> None:
        statuses: dict[object, object] = dict(self.db.rows("select number, status from tasks"))  # type: ignore[arg-type]
        assert statuses.keys() == self.statuses.keys()
        for number, status in statuses.items():
            assert isinstance(number, int)
            assert isinstance(status, str)
            was = self.statuses[number]
            assert was not in TERMINAL or status == was or number in self.needs.once_given_up
            self.statuses[number] = status

    @invariant()
    def whatever_is_ready_is_found_by_the_claim(self) -> None:
        assert not self.db.rows(
            "select number from tasks where status = 'queued' and wait_reason is null and not exists ("
            " select from lane_inbox as filed where filed.lane = tasks.lane and filed.number <= tasks.number"
            " and filed.created_at <= tasks.created_at"
            " union all select from lanes join tenant_turns using (tenant_id, tool, priority)"
            " where lane = tasks.lane and head <= number and oldest <= tasks.created_at"
            " and tenantless_lane in (select tenantless_lane from tenantless_lanes)"
            " and (tenant_turns.waiting or contended_at is not null))"
        )

    @invariant()
    def nothing_is_known_for_ever_of_lanes_that_are_gone(self) -> None:
        """A tenantless lane has lanes. A turn has lanes or is idle, and it waits exactly if it has one to look at."""
        assert not self.db.rows(
            "select from tenantless_lanes where tenantless_lane not in (select tenantless_lane from lanes)"
        )
        assert not self.db.rows(
            "select t.tenant_id from tenant_turns as t left join lanes using (tenant_id, tool, priority)"
            " group by t.tenant_id, t.tool, t.priority having"
            " waiting <> coalesce(bool_or(head is not null and contended_at is null), false)"
            " or turn > last_served or count(lane) = 0 and idle_since is null"
            " or count(head) > 0 and idle_since is not null"
        )

    @invariant()
    def each_active_task_has_its_one_open_run(self) -> None:
        assert not self.db.rows(
            "select task_id from task_runs full join tasks on tasks.id = task_id"
            " group by task_id, tasks.id, tasks.status, tasks.run_id"
            " having count(*) filter (where task_runs.status = 'running' and task_runs.id = tasks.run_id)"
            " <> (tasks.status in ('leased', 'running'))::integer"
            " or count(*) filter (where task_runs.status = 'running' and task_runs.id <> tasks.run_id) > 0"
        )

    @invariant()
    def what_waits_for_a_person_says_what_it_is_about_and_nothing_else_does(self) -> None:
        assert not self.db.rows(
            "select number from tasks where (wait_reason is not distinct from 'question') <> (question is not null)"
            " or (wait_reason is not distinct from 'approval' or status = 'succeeded') <> (result is not null)"
            " or (follow_up is not null and status in ('succeeded', 'failed', 'canceled'))"
        )

    # Helpers

    def free_tasks(self) -> list[int]:
        """Tasks that nobody holds. A statement on any other would wait for ever."""
        return sorted(self.statuses.keys() - self.held)

    def note_served(self, run: Run) -> None:
        tenant = self.db.value("select tenant_id from tasks where number = %s", run.number)
        assert isinstance(tenant, str)
        self.served = [other for other in self.served if other != tenant] + [tenant]
        self.busy_at[tenant] = self.db.value("select clock()")

    def teardown(self) -> None:
        self.holder.run("rollback")


class Depending(Dispatching):
    """The rules in which it matters who comes after whom, and no others, so that each example has many of these."""

    touch = change_limit = change_group = heartbeat = time_passes = prune_lanes = None  # type: ignore[assignment]
    fire = change_schedule = None  # type: ignore[assignment]
    start = pass_of_a_dispatcher = finish = report_what_is_not_theirs_to_report = submit = None  # type: ignore[assignment]

    @initialize()
    def begin(self) -> None:
        for name, (tool, account) in GROUPS.items():
            self.db.group(name, tool, account, 5)
        self.dispatchers = [self.db.dispatcher(each.host, each.groups) for each in DISPATCHERS]
        self.submit_after_others(self.needs.tasks([({}, None), ({"after": 0}, None)], "a", []), {0})


@pytest.mark.parametrize(("machine", "examples"), [(Dispatching, 45), (Depending, 45)])
def test_every_claim_is_the_models_claim_whatever_happened_before(
    db: Client, time: Clock, machine: type[Dispatching], examples: int
) -> None:
    class InThisDatabase(machine):  # type: ignore[misc, valid-type]
        pass

    refuse_writers_without_the_claim_lock(db)
    InThisDatabase.db, InThisDatabase.holder, InThisDatabase.clock = db, db.another(), time
    run_state_machine_as_test(
        InThisDatabase,
        settings=settings(
            max_examples=examples,
            stateful_step_count=50,
            deadline=None,
            suppress_health_check=list(HealthCheck),
        ),
    )
