"""The database stores every report of a run whole, whatever the outcome."""

import json
import math
import sys

import msgspec
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from dispatcher.run.conclusion import report
from dispatcher.workspaces.run_record import Reading
from tests.fixtures.dispatchers import Site
from wrappers.base import Outcome, Usage

counts = st.one_of(
    st.integers(), st.sampled_from([2**31, 2**62, 2**63 - 1, 2**63, 10**400, -1, -(2**63) - 1, 10**15])
)
numbers = st.one_of(
    st.floats(), st.sampled_from([math.inf, -math.inf, math.nan, sys.float_info.max, 5e-324, -0.0])
)
texts = st.text(alphabet=st.characters(exclude_categories=()), max_size=50)
outcomes = st.builds(
    Outcome,
    final_text=texts,
    session_id=st.none() | texts | st.just("x" * 100_000),
    usage=st.none() | st.builds(Usage, input=counts, cached_input=counts, output=counts),
    cost_usd=st.none() | numbers,
    denials=st.lists(texts, max_size=3),
    error_class=st.sampled_from([None, "limit", "agent_error", "no_resources", "throttled"]),
    error_message=st.none() | texts,
    limit_resets_at=st.none() | numbers,
    limit_lasts_s=st.none() | numbers,
)


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None, max_examples=100)
@given(outcome=outcomes, ran_s=st.none() | numbers, exit_code=st.none() | st.integers(0, 999))
def test_the_database_takes_any_report_whole(
    site: Site, outcome: Outcome, ran_s: float | None, exit_code: int | None
) -> None:
    site.sql("BEGIN")
    try:
        number = site.submit("echo done")
        [dispatcher] = site.sql(
            "SELECT register_dispatcher('host', 'boot', 1, '1', gen_random_uuid(), 60) AS id"
        )
        [row] = site.sql("SELECT claim_tasks(%s, 1) AS claim", dispatcher["id"])
        [run] = row["claim"]["runs"]
        made = report(run["run_id"], outcome, Reading("ended", exit_code=exit_code), ran_s=ran_s)

        told = msgspec.json.encode([made]).decode()
        [verdict] = site.sql("SELECT verdict FROM finish_runs(%s, %s)", dispatcher["id"], told)

        assert verdict["verdict"] == "finished"
        [kept] = site.sql("SELECT to_jsonb(r) AS run FROM task_runs AS r WHERE id = %s", run["run_id"])
        assert kept["run"]["error_class"] == outcome.error_class
        assert json.dumps(kept["run"]["final_text"]) == json.dumps(made.final_text)
        assert site.task(number)["attempt"] <= 1
    finally:
        site.sql("ROLLBACK")
