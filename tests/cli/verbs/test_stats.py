"""`llmctl stats`: sums whose parts add up, by anything that tasks have in common."""

import msgspec
import pytest

from tests.cli.conftest import Llmctl, PlayedDispatcher, one_postgres
from tests.cli.terminal import terminal

pytestmark = one_postgres


@pytest.fixture
def four_runs(llmctl: Llmctl, dispatcher: PlayedDispatcher) -> None:
    """Two runs of batch x, which succeed, and two of batch y: one fails, one is canceled."""
    for batch, cost in (("x", 0.5), ("x", 0.25)):
        llmctl.submit("claude", "x", "--label", f"batch={batch}", "--queue", "night")
        dispatcher.run(final_text="yes", cost_usd=cost, input_tokens=10)
    llmctl.submit("claude", "x", "--label", "batch=y", "--retries", "0")
    dispatcher.run(error_class="agent_error")
    number = llmctl.submit("claude", "x", "--label", "batch=y")
    [run] = dispatcher.start()
    llmctl.ok("cancel", number)
    dispatcher.finish(run, error_class="canceled")


def sums(llmctl: Llmctl, *words: str) -> dict[str, dict[str, float]]:
    rows = msgspec.json.decode(llmctl.ok("stats", "-o", "json", *words), type=list[dict[str, object]])
    for row in rows:
        del row["cost_not_reported_by"]
    return {str(row.pop("key")): msgspec.convert(row, dict[str, float | None]) for row in rows}


@pytest.mark.usefixtures("four_runs")
def test_parts_sum_up_by_label_and_by_queue(llmctl: Llmctl) -> None:
    by_batch = sums(llmctl, "--by", "label:batch")
    assert {key: row["runs"] for key, row in by_batch.items()} == {"x": 2, "y": 2}
    for row in by_batch.values():
        parts = ("succeeded", "failed", "limited", "canceled", "interrupted")
        assert sum(row[part] for part in parts) == row["runs"]
    assert by_batch["y"]["canceled"] == 1
    assert {key: row["runs"] for key, row in sums(llmctl, "--by", "queue").items()} == {
        "default": 2,
        "night": 2,
    }


@pytest.mark.usefixtures("four_runs")
def test_sums_can_be_of_selected_tasks_and_of_a_time(llmctl: Llmctl) -> None:
    assert sums(llmctl, "--by", "tool", "-l", "batch=x")["claude"]["runs"] == 2
    assert sums(llmctl, "--by", "tool", "1")["claude"]["cost_usd"] == 0.5
    assert sums(llmctl, "--since", "1h")["claude-main"]["runs"] == 4
    assert sums(llmctl, "--since", "2999-01-01") == {}


@pytest.mark.usefixtures("four_runs")
def test_at_a_terminal_the_last_row_is_the_total(llmctl: Llmctl) -> None:
    with terminal(llmctl, "stats", "--by", "label:batch", columns=150) as window:
        assert window.ended() == 0
        [last] = [line for line in window.screen() if line.startswith("total")]
        assert last.split()[:6] == ["total", "4", "2", "1", "0", "1"]
        assert last.endswith("$0.75 + 2 unknown")
        assert "not in the sums: the unknown cost of 2 runs, mostly stopped or lost" in window.screen()
    assert "total" not in llmctl("stats", "--by", "label:batch").out


@pytest.mark.usefixtures("four_runs")
def test_a_sum_of_costs_does_not_hide_the_runs_that_it_lacks(
    llmctl: Llmctl, dispatcher: PlayedDispatcher
) -> None:
    llmctl.submit("codex", "x", "--label", "batch=x")
    dispatcher.run(final_text="yes")
    told = llmctl("stats", "--by", "label:batch")
    _, x, y = told.out.splitlines()
    assert (x.split()[-2:], y.split()[-2:]) == (["$0.75", "codex"], ["2", "unknown"])
    assert told.err.splitlines() == ["not in the sums: the unknown cost of 2 runs, mostly stopped or lost"]
    rows = msgspec.json.decode(llmctl.ok("stats", "--by", "label:batch", "-o", "json"))
    keys = ("cost_usd", "unknown_cost_runs", "cost_not_reported_by")
    assert [tuple(row[key] for key in keys) for row in rows] == [(0.75, 0, ["codex"]), (None, 2, [])]


def test_the_sum_of_a_task_says_which_of_its_runs_it_lacks(
    llmctl: Llmctl, dispatcher: PlayedDispatcher
) -> None:
    number = llmctl.submit("claude", "x", "--retries", "0")
    dispatcher.run(error_class="stalled")
    llmctl.ok("retry", number)
    dispatcher.run(final_text="yes", cost_usd=0.5)
    assert "$0.50 + unknown cost of 1 run" in llmctl.ok("show", number)


@pytest.mark.parametrize("by", ["colour", "label", "label:"])
def test_what_nothing_is_summed_up_by_is_refused(llmctl: Llmctl, by: str) -> None:
    refused = llmctl("stats", "--by", by)
    assert (refused.code, refused.out) == (2, "")
    assert "label:" in refused.err
