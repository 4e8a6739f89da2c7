"""A schedule that is fired, paused and changed, as rules of the machine in test_against_model."""

from datetime import datetime
from uuid import UUID

from hypothesis import strategies as st
from hypothesis.stateful import invariant, rule

from tests.sql.client import Client
from tests.sql.clock import Clock
from tests.sql.schedules.firing import instants, put, work
from tests.sql.schedules.test_against_model import Model


class Scheduling:
    """Needs a machine with these attributes, and that calls :meth:`begin_schedule`."""

    db: Client
    clock: Clock
    dispatchers: list[UUID]
    statuses: dict[int, str]
    submitted: int
    schedule: Model | None = None

    def begin_schedule(self) -> None:
        put(self.db, "0 * * * *", overlap="queue", max_failures=100)
        self.schedule = Model()
        self.schedule.since = self.clock.now()

    @rule(who=st.integers(0, 2))
    def fire(self, who: int) -> None:
        """A dispatcher fires what is due: each instant that has come has one task, or is left out for a later one."""
        assert self.schedule is not None
        known = max(self.statuses, default=0)
        work(self.db, self.dispatchers[who])
        self.schedule.work(self.clock.now())
        for (number,) in self.db.rows("select number from tasks where number > %s", known):
            assert isinstance(number, int)
            self.statuses[number] = "queued"
            self.submitted += 1

    @rule(what=st.sampled_from(["pause", "resume", "resume", "edit"]), minute=st.sampled_from([0, 20, 40]))
    def change_schedule(self, what: str, minute: int) -> None:
        assert self.schedule is not None
        now = self.clock.now()
        match what:
            case "pause":
                self.db.run("select pause_schedule('nightly')")
                self.schedule.paused = True
            case "resume":
                self.db.run("select resume_schedule('nightly')")
                self.schedule.since = now if self.schedule.paused else self.schedule.since
                self.schedule.paused = False
            case "edit":
                put(self.db, f"{minute} * * * *", overlap="queue", max_failures=100)
                self.schedule.since = now if minute != self.schedule.minute else self.schedule.since
                self.schedule.minute = minute

    @invariant()
    def each_instant_has_the_one_task_that_the_model_says(self) -> None:
        if self.schedule is not None:
            expected = [f"{at:%Y-%m-%dT%H:%M:%SZ}" for at in self.schedule.submitted]
            assert instants(self.db, self.clock) == expected

    def until_fired(self) -> float | None:
        """Return the seconds until a dispatcher has to fire the schedule; None if it is paused or overdue."""
        at = self.db.value("select min(due_at) from schedules where due_at > clock()")
        return None if not isinstance(at, datetime) else (at - self.clock.now()).total_seconds()
