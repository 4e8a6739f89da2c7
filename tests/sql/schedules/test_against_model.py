"""Anything that happens to a schedule, beside a model that knows only which hours there are."""

from datetime import UTC, datetime, timedelta

from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

from tests.sql.client import Client
from tests.sql.clock import Clock
from tests.sql.schedules.firing import fire, instants, listed, put, set_time, work

BEGIN = datetime(2026, 10, 24, 12, tzinfo=UTC)
HOUR = timedelta(hours=1)

STEPS = st.one_of(
    st.tuples(st.just("time"), st.integers(1, 300)),
    st.tuples(st.just("work"), st.just(0)),
    st.tuples(st.just("stale"), st.just(0)),
    st.tuples(st.just("pause"), st.just(0)),
    st.tuples(st.just("resume"), st.just(0)),
    st.tuples(st.just("edit"), st.integers(0, 59)),
)


class Model:
    """What a schedule at a minute of each hour submits, with catch-up one and overlap queue."""

    def __init__(self) -> None:
        self.minute, self.since, self.paused = 0, BEGIN, False
        self.submitted: list[datetime] = []

    def work(self, now: datetime) -> None:
        if self.paused:
            return
        last = now.replace(minute=self.minute, second=0)
        last -= HOUR if last > now else timedelta()
        if last > self.since and last not in self.submitted:
            self.submitted.append(last)
        self.since = now


@settings(
    deadline=None, max_examples=25, phases=(Phase.explicit, Phase.reuse, Phase.generate),
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)  # fmt: skip
@given(st.lists(STEPS, min_size=3, max_size=20))
def test_whatever_happens_each_instant_has_the_one_task_that_the_model_says(
    wide: Client, time: Clock, steps: list[tuple[str, int]]
) -> None:
    wide.run("delete from tasks")
    wide.run("delete from schedules")
    dispatcher, model, now = wide.dispatcher(), Model(), BEGIN
    set_time(wide, BEGIN.isoformat())
    put(wide, "0 * * * *", overlap="queue")
    work(wide, dispatcher)
    stale = listed(wide, dispatcher)
    for step, number in [*steps, ("work", 0)]:
        match step:
            case "time":
                now += timedelta(minutes=number)
                set_time(wide, now.isoformat())
            case "work":
                seen = listed(wide, dispatcher)
                work(wide, dispatcher)
                stale = seen or stale
                model.work(now)
            case "stale":
                assert [fire(wide, dispatcher, one) for one in stale] in ([], [False])
            case "pause":
                wide.run("select pause_schedule('nightly')")
                model.paused = True
            case "resume":
                wide.run("select resume_schedule('nightly')")
                model.since = now if model.paused else model.since
                model.paused = False
            case "edit":
                put(wide, f"{number} * * * *", overlap="queue")
                model.since = now if number != model.minute else model.since
                model.minute = number
    assert instants(wide, time) == [f"{at:%Y-%m-%dT%H:%M:%SZ}" for at in model.submitted]
