"""What is done with tasks that come after others, as rules of the machine in test_against_model."""

from collections.abc import Collection

from hypothesis import strategies as st
from hypothesis.stateful import invariant, precondition, rule
from psycopg.types.json import Jsonb

from tests.sql.claim.machine_of_spawning import SPAWNS, Spawning
from tests.sql.claim.model_of_needs import KEYS, POLICIES


class AfterOthers(Spawning):
    """Needs a machine with the attributes of its base. While somebody holds tasks, no rule here waits for one."""

    def submit_after_others(
        self, batch: list[dict[str, object]], spawning: Collection[int] = ()
    ) -> list[int]:
        """Submit tasks, and let those at these places spawn others."""
        batch = [task | SPAWNS if place in spawning else task for place, task in enumerate(batch)]
        numbers = [task.number for task in self.db.submit_all(batch)]
        self.needs.note(batch, numbers)
        for number in numbers:
            self.statuses[number] = str(self.db.status(number)[0])
        self.submitted += len(numbers)
        self.trees.spawning.update(number for place, number in enumerate(numbers) if place in spawning)
        return numbers

    @precondition(lambda self: self.statuses and not self.held)
    @rule(
        data=st.data(),
        given=st.lists(st.tuples(KEYS, POLICIES), min_size=1, max_size=3),
        spawning=st.sets(st.integers(0, 2), min_size=1),
    )
    def submit_some_that_come_after_others(
        self, data: st.DataObject, given: list[tuple[dict[str, int], str | None]], spawning: set[int]
    ) -> None:
        of_tenant: dict[object, list[int]] = {}
        for number, tenant in self.db.rows(
            "select number, tenant_id from tasks order by number desc limit 6"
        ):
            assert isinstance(number, int)
            of_tenant.setdefault(tenant, []).append(number)
        tenant = data.draw(st.sampled_from(sorted(of_tenant, key=str)))
        self.submit_after_others(self.needs.tasks(given, tenant, of_tenant[tenant]), spawning)

    @precondition(lambda self: self.needs.edges and not self.held)
    @rule(data=st.data(), what=st.sampled_from(["retry", "retry", "cancel", "cascade", "release"]))
    def decide(self, data: st.DataObject, what: str) -> None:
        """What people do with a task that others need, or that needs others."""
        number = data.draw(
            st.sampled_from(sorted({number for edge in self.needs.edges for number in edge[:2]}))
        )
        action = "cancel" if what == "cascade" else what
        changes = Jsonb({"cascade": True}) if what == "cascade" else None
        done = self.db.value(
            "select numbers from act_on_tasks(%s, %s, p_changes => %s)",
            action,
            Jsonb({"tasks": [str(number)]}),
            changes,
        )
        assert isinstance(done, list)
        if what in ("retry", "release"):
            self.needs.insisted |= {*done}
        if what == "retry" and done:
            self.statuses[number] = "queued"

    @precondition(lambda self: self.open)
    @rule(data=st.data(), error=st.sampled_from([None, "invalid_request"]))
    def end_for_good(self, data: st.DataObject, error: str | None) -> None:
        who, run = self.open.pop(data.draw(st.integers(0, len(self.open) - 1)))
        self.ended.append((who, run))
        assert self.db.finish(self.dispatchers[who], run, error, ran_s=1) == "finished"

    @invariant()
    def a_task_is_ready_exactly_when_all_that_it_needs_has_come_to_be(self) -> None:
        is_drained = not self.held and not self.db.value("select exists (select from dependency_inbox)")
        self.needs.check(self.db, is_drained)
