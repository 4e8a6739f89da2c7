"""What Prometheus reads: valid in its own eyes, complete, and never falling where it is a counter."""

from collections.abc import Iterator, Mapping

import pytest
from prometheus_client import parser

from dispatcher.api.metrics.exposition import render
from dispatcher.database.connection import execute
from sql import api_calls
from tests.dispatcher.api.metrics.promtool import promtool
from tests.sql.client import Client

OPENMETRICS = "application/openmetrics-text; version=1.0.0"


@pytest.fixture
def db(database: str) -> Iterator[Client]:
    with Client(database) as client:
        yield client


@pytest.fixture
def busy(db: Client) -> Client:
    """A site that has something to say in each family, with a name that needs an escape."""
    db.group("main", slots=2)
    db.run("select change_group('main', p_daily_budget_usd => 10), set_limit('queue:night \"q\"', 5)")
    db.submit_some(4, queue='night "q"')
    db.submit(delay_s=60)
    work(db)
    return db


def work(db: Client) -> None:
    """Run two tasks: one succeeds, one is lost in an error."""
    dispatcher = db.dispatcher()
    first, second = db.claim(dispatcher, 2).runs
    db.start(dispatcher, first, second)
    db.finish(dispatcher, first, ran_s=3.5, input_tokens=10, output_tokens=2, cost_usd=0.5, auth_mode="key")
    db.finish(dispatcher, second, "invalid_request", ran_s=90)


def scraped(db: Client, accept: str = "") -> bytes:
    body, _ = render(execute(db.connection, api_calls.metrics()), accept)
    return body


def samples(db: Client) -> Mapping[tuple[str, frozenset[tuple[str, str]]], float]:
    families = parser.text_string_to_metric_families(scraped(db).decode())
    return {
        (sample.name, frozenset(sample.labels.items())): sample.value
        for family in families
        for sample in family.samples
    }


def value(db: Client, name: str, **labels: str) -> float:
    return samples(db)[name, frozenset(labels.items())]


def test_promtool_finds_nothing_to_say_about_the_metrics(busy: Client) -> None:
    assert promtool("check", "metrics", given=scraped(busy)) == ""


def test_each_family_has_a_sample_on_a_busy_site(busy: Client) -> None:
    families = list(parser.text_string_to_metric_families(scraped(busy).decode()))
    assert [family.name for family in families if not family.samples] == []
    assert all(family.documentation for family in families)


def test_the_format_is_the_one_that_is_asked_for(busy: Client) -> None:
    body, content_type = render(execute(busy.connection, api_calls.metrics()), OPENMETRICS)
    assert content_type.startswith("application/openmetrics-text")
    assert body.endswith(b"# EOF\n")
    _, content_type = render(execute(busy.connection, api_calls.metrics()), "*/*")
    assert content_type.startswith("text/plain; version=0.0.4")


def test_labels_and_values_are_those_of_the_site(busy: Client) -> None:
    queued = {"state": "queued", "tool": "claude", "queue": 'night "q"'}
    assert value(busy, "llmctl_tasks", **queued) == 2
    assert value(busy, "llmctl_group_slots", group="main", tool="claude", kind="max") == 2
    assert value(busy, "llmctl_limit_slots", scope_kind="queue", scope='night "q"', kind="max") == 5
    assert value(busy, "llmctl_group_budget_used_ratio", group="main") == 0.05
    assert value(busy, "llmctl_cost_usd_total", tool="claude", group="main", notional="false") == 0.5
    assert value(busy, "llmctl_run_duration_seconds_bucket", tool="claude", le="5.0") == 1
    assert value(busy, "llmctl_run_duration_seconds_bucket", tool="claude", le="+Inf") == 2
    assert value(busy, "llmctl_run_duration_seconds_sum", tool="claude") == 93.5
    assert value(busy, "llmctl_dispatcher_up", host="here") == 1


def test_an_empty_site_and_a_confined_session_are_valid_too(db: Client) -> None:
    assert promtool("check", "metrics", given=scraped(db)) == ""


def test_no_counter_falls_whatever_happens(busy: Client) -> None:
    """Counters are the database's, so several dispatchers, their restarts and deleted tasks reset nothing."""
    counters = samples(busy)
    for happen in (
        lambda: busy.run("delete from tasks where status in ('succeeded', 'failed')"),
        lambda: work(busy),
        lambda: busy.run("select close_dispatcher(id) from dispatchers"),
        lambda: busy.submit_some(3, queue="another"),
        lambda: busy.run("select heartbeat(%s)", busy.dispatcher()),
    ):
        happen()
        now = samples(busy)
        falling = {
            name: (was, now.get(name))
            for name, was in counters.items()
            if name[0].endswith(("_total", "_bucket", "_count", "_sum")) and now.get(name, -1) < was
        }
        assert falling == {}
        counters = now
