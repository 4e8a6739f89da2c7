"""The alarms and the dashboard ask only for metrics that there are, in expressions that Prometheus takes."""

import json
import re
from pathlib import Path

import yaml

from dispatcher.api.metrics.families import families
from sql.rows.api import Metrics
from tests.dispatcher.api.metrics.promtool import promtool

SHIPPED = Path(__file__).parents[4] / "docs" / "monitoring"
SUFFIXES = {
    "counter": ("_total",),
    "histogram": ("_bucket", "_sum", "_count"),
    "info": ("_info",),
    "gauge": ("",),
}
ALARMS = yaml.safe_load((SHIPPED / "alerts.yml").read_text())["groups"][0]["rules"]


def offered() -> set[str]:
    empty = Metrics(tasks=(), waiting=(), submitted=())
    return {family.name + suffix for family in families(empty) for suffix in SUFFIXES[family.type]}


def asked_for(expression: str) -> set[str]:
    return set(re.findall(r"\bllmctl_\w+", expression))


def dashboard_expressions() -> list[str]:
    panels = json.loads((SHIPPED / "dashboard.json").read_text())["panels"]
    return [target["expr"] for panel in panels for target in panel["targets"]]


def test_prometheus_takes_the_alarms() -> None:
    assert f"{len(ALARMS)} rules found" in promtool(
        "check", "rules", "--lint-fatal", str(SHIPPED / "alerts.yml")
    )


def test_each_alarm_is_raised_by_what_it_is_for_and_by_nothing_else() -> None:
    assert "SUCCESS" in promtool("test", "rules", "alerts_test.yml", within=SHIPPED)
    tested = (SHIPPED / "alerts_test.yml").read_text()
    assert [alarm["alert"] for alarm in ALARMS if f'alertname="{alarm["alert"]}"' not in tested] == []


def test_each_alarm_says_what_to_do() -> None:
    assert [
        alarm["alert"] for alarm in ALARMS if not alarm["annotations"].get("runbook", "").endswith(".")
    ] == []


def test_prometheus_takes_each_expression_of_the_dashboard(tmp_path: Path) -> None:
    expressions = [
        expression.replace("$__rate_interval", "5m").replace("$queue", ".*").replace("$tool", ".*")
        for expression in dashboard_expressions()
    ]
    rules = [{"record": f"panel:{number}", "expr": expr} for number, expr in enumerate(expressions)]
    file = tmp_path / "dashboard.yml"
    file.write_text(yaml.safe_dump({"groups": [{"name": "dashboard", "rules": rules}]}))
    assert f"{len(rules)} rules found" in promtool("check", "rules", str(file))


def test_alarms_and_dashboard_ask_for_metrics_that_there_are() -> None:
    asked = {name for expr in dashboard_expressions() for name in asked_for(expr)}
    asked |= {name for alarm in ALARMS for name in asked_for(alarm["expr"])}
    assert asked - offered() == set()


def test_each_metric_is_explained() -> None:
    page = (SHIPPED.parent / "monitoring.md").read_text()
    empty = Metrics(tasks=(), waiting=(), submitted=())
    assert [family.name for family in families(empty) if family.name not in page] == []
