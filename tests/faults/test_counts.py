"""Counters of a site on which two dispatchers work, are killed and start again."""

from prometheus_client import parser

from dispatcher.api.metrics.exposition import render
from dispatcher.database.connection import execute
from sql import api_calls
from tests.fixtures.dispatchers import Site

Counters = dict[tuple[str, str], float]


def counters(site: Site) -> Counters:
    with site.elsewhere() as connection:
        body, _ = render(execute(connection, api_calls.metrics()), "")
    return {
        (sample.name, str(sorted(sample.labels.items()))): sample.value
        for family in parser.text_string_to_metric_families(body.decode())
        if family.type in ("counter", "histogram")
        for sample in family.samples
        if sample.name != "llmctl_build_info"
    }


def ended(site: Site) -> float:
    return sum(value for (name, _), value in counters(site).items() if name == "llmctl_runs_finished_total")


def test_two_dispatchers_count_each_run_once_and_a_restart_resets_nothing(site: Site) -> None:
    first = site.start()
    first.wait_for("dispatcher started")
    site.configure("execution", work_dir=str(site.directory / "other work"))
    second = site.start("--host-id", "another", config="other.yaml")
    second.wait_for("dispatcher started")
    site.wait_for("succeeded", *[site.submit("echo done") for _ in range(12)])
    before = counters(site)
    assert ended(site) == 12

    gate = site.gate()
    held = site.submit(f"{gate.pass_through}; echo done")
    site.wait_for("running", held)
    for dispatcher in (first, second):
        dispatcher.kill()
    assert (
        counters(site).items()
        >= {name: value for name, value in before.items() if "submitted" not in name[0]}.items()
    )

    site.start("--host-id", "another", config="other.yaml")
    site.configure("execution", work_dir=str(site.work_dir))
    site.start()
    gate.open()
    site.wait_for("succeeded", held)
    after = counters(site)
    assert {name: (was, after.get(name)) for name, was in before.items() if after.get(name, -1) < was} == {}
    assert ended(site) == 13
    assert site.sql("SELECT * FROM check_tallies()") == []
