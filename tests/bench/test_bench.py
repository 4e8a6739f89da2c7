"""The benchmark still runs. Tests do not judge what it measures."""

import json
import os
import shutil
import statistics
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path

import pytest

from tests.bench.lists import FILTERS
from tests.bench.result import Result, median_of
from tests.bench.sizes import QUICK
from tests.bench.sql_cost import sql_cost
from tests.bench.stage import stage
from tests.bench.statements import statements

ROOT = Path(__file__).parents[2]


def bench(*arguments: str, environment: Mapping[str, str] | None = None) -> list[dict[str, object]]:
    """Return the rows of a quick run."""
    ended = subprocess.run(
        [sys.executable, "-m", "tests.bench", "--quick", "--json", *arguments],
        cwd=ROOT,
        env={**os.environ, **(environment or {})},
        capture_output=True,
        text=True,
        timeout=240,
        check=False,
    )
    assert ended.returncode == 0, ended.stderr
    return [json.loads(line) for line in ended.stdout.splitlines()]


@pytest.mark.skipif(shutil.which("cc") is None, reason="the bench compiles its agent")
def test_a_drain_is_compared_with_the_bare_loop_and_with_the_peers() -> None:
    bare, peers = bench("P2")

    assert (bare["goal"], bare["at_least"]) == (0.5, True)
    assert isinstance(bare["ratio"], float)
    assert bare["ratio"] > 0
    assert bare["met"] is (bare["ratio"] >= 0.5)
    # Without the peers the report says what to install, and the goal counts as missed.
    assert peers["goal"] == 1.2
    if peers["ratio"] is None:
        assert "not installed" in str(peers["reference"])
        assert peers["met"] is False


def test_without_a_compiler_the_bench_says_so_and_measures_the_rest(tmp_path: Path) -> None:
    stat = shutil.which("stat")
    assert stat is not None
    (tmp_path / "stat").symlink_to(stat)

    drain, submit = bench("P2", "P4", environment={"PATH": str(tmp_path)})

    assert "C compiler" in str(drain["reference"])
    assert (drain["ratio"], drain["met"]) == (None, False)
    assert str(submit["measure"]).startswith("P4")
    assert isinstance(submit["ratio"], float)


def test_pages_are_measured_for_each_filter() -> None:
    measured = bench("P9")

    listed = [row for row in measured if str(row["measure"]).startswith("P9d")]
    *pages, slowest = [row for row in measured if row not in listed]
    command = listed.pop()
    assert len(pages) == len(listed) == len(FILTERS)
    assert (slowest["goal"], command["goal"]) == (1, 1.5)
    assert str(command["measure"]).startswith("P9d llmctl ls")


def test_what_the_api_costs_is_measured() -> None:
    measured = {str(row["measure"]): row for row in bench("P9b", "P9c")}

    assert [name for name in measured if name.startswith("P9b POST")]
    assert [name for name in measured if name.startswith("P9b first paint")]
    assert [name for name in measured if name.startswith("P9c metrics()")]
    [idle] = [row for name, row in measured.items() if "idle streams" in name]
    assert idle["ratio"] == 0


def test_claims_and_churn_are_measured_on_the_schema_as_it_is() -> None:
    measured = [str(row["measure"]) for row in bench("P3", "P10", "churn")]

    assert [name for name in measured if name.startswith("P3") and name.endswith("claim 10")]
    assert [name for name in measured if name.startswith("P10") and name.endswith("producers")]
    assert [name for name in measured if name.startswith("small tables")]


@pytest.mark.skipif(shutil.which("cc") is None, reason="the bench compiles its agent")
def test_what_dependents_chains_and_schedules_cost_is_measured() -> None:
    one, ten, release, chain, diamond, *beside_schedules, idle = bench("P11", "P11b", "P11c")

    assert (one["goal"], ten["goal"], release["goal"], chain["goal"]) == (1.1, 1.1, 1, 0.5)
    assert (chain["at_least"], diamond["goal"]) == (True, None)
    assert [row["goal"] for row in beside_schedules] == [1.1, 1.1]
    assert (idle["ratio"], idle["met"]) == (0, True)


@pytest.mark.skipif(shutil.which("cc") is None, reason="the bench compiles its agent")
def test_the_claims_of_an_idle_dispatcher_would_be_counted() -> None:
    claims, _, _ = bench("P5")

    assert claims["ratio"] == 0


def test_a_clone_and_its_record_are_compared_with_a_work_tree() -> None:
    clone, record, both, at_once = bench("P12")

    assert (clone["goal"], record["goal"]) == (None, None)
    assert (both["goal"], at_once["goal"]) == (1.5, 1.5)
    assert isinstance(both["ratio"], float)


def test_of_several_runs_the_one_with_the_median_ratio_is_printed() -> None:
    [row] = bench("--runs", "3", "P4")

    notes = row["notes"]
    assert isinstance(notes, list)
    ratios = [float(ratio) for ratio in str(notes[-1]).partition("ratios ")[2].split(", ")]
    assert len(ratios) == 3
    assert row["ratio"] == pytest.approx(statistics.median(ratios), abs=0.01)


def test_a_row_that_one_of_several_runs_could_not_measure_is_missed() -> None:
    measured, missed = (
        Result(measure="P0", ours="1", reference="1", ratio=ratio, goal=1) for ratio in (0.5, None)
    )

    assert median_of([[measured], [missed], [measured]]) == [missed]
    assert median_of([[measured]]) == [measured]


def test_the_statements_of_a_task_are_counted_and_the_cost_of_the_sql_is_compared_with_another_checkout() -> (
    None
):
    with stage(QUICK) as place:
        steps = statements(place)
        base, here = sql_cost(place, ROOT, rounds=1)

    assert all(round(step.whole.calls) == 1 and step.statements >= 1 for step in steps.values())
    assert list(base) == list(here)
    assert all(cost > 0 for costs in here.values() for cost in costs)


def test_an_unknown_measure_is_refused_before_anything_is_started() -> None:
    ended = subprocess.run(
        [sys.executable, "-m", "tests.bench", "P0"], cwd=ROOT, capture_output=True, text=True, check=False
    )

    assert ended.returncode == 2
    assert "unknown measure P0" in ended.stderr


@pytest.mark.parametrize(
    ("ratio", "goal", "at_least", "met"),
    [
        (0.5, 0.5, True, True),
        (0.49, 0.5, True, False),
        (2.0, 2.0, False, True),
        (2.1, 2.0, False, False),
        (None, 2.0, False, False),
        (3.0, None, False, None),
    ],
)
def test_a_goal_is_met_on_its_side_of_the_ratio(
    ratio: float | None, goal: float | None, at_least: bool, met: bool | None
) -> None:
    result = Result(measure="P0", ours="1", reference="1", ratio=ratio, goal=goal, at_least=at_least)

    assert result.met is met
