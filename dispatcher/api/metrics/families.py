"""What metrics() returns as families of Prometheus: names, help and labels. docs/monitoring.md explains them."""

import platform
from collections.abc import Iterable, Iterator, Sequence

from prometheus_client.metrics_core import (
    CounterMetricFamily,
    GaugeMetricFamily,
    HistogramMetricFamily,
    InfoMetricFamily,
    Metric,
)

from dispatcher import __version__
from sql.rows.api import Metrics, RunTimes

Sample = tuple[Sequence[str], float]
"""The values of the labels, and the value."""

TIMES = {
    "queue wait": ("llmctl_queue_wait_seconds", "From when its task was ready until a run was claimed."),
    "start latency": ("llmctl_start_latency_seconds", "From the claim of a run to the start of its agent."),
    "duration": ("llmctl_run_duration_seconds", "How long agents ran, of runs that have ended."),
}
"""The name and the help of each histogram, by the measure that metrics() names."""


def families(seen: Metrics) -> Iterator[Metric]:
    """Yield all families, also those without a sample."""
    yield from _of_tasks(seen)
    yield from _of_runs(seen)
    yield from _of_accounts(seen)
    yield _gauge(
        "llmctl_dispatcher_up",
        "Whether all dispatchers of a host that did not say goodbye are alive.",
        ["host"],
        (([each.host], each.up) for each in seen.dispatchers),
    )
    yield _gauge(
        "llmctl_dispatcher_draining",
        "Whether a dispatcher of a host starts nothing more and will end.",
        ["host"],
        (([each.host], each.draining) for each in seen.dispatchers),
    )
    yield _gauge(
        "llmctl_dispatcher_heartbeat_age_seconds",
        "How long ago the most silent dispatcher of a host was heard.",
        ["host"],
        (([each.host], each.age_s) for each in seen.dispatchers),
    )
    build = InfoMetricFamily("llmctl_build", "The versions of the program and of what it works on.")
    if seen.build is not None:
        build.add_metric([], {
            "version": __version__,
            "schema": str(seen.build.schema),
            "python": platform.python_version(),
            "postgres": seen.build.postgres,
        })  # fmt: skip
    yield build


def _of_tasks(seen: Metrics) -> Iterator[Metric]:
    yield _gauge(
        "llmctl_tasks",
        "Tasks by status; queued ones that wait for something else than a slot by what they wait for.",
        ["state", "tool", "queue"],
        (([each.state, each.tool, each.queue], each.tasks) for each in seen.tasks),
    )
    yield _gauge(
        "llmctl_tasks_waiting",
        "Queued tasks by what they wait for.",
        ["reason"],
        (([each.reason], each.tasks) for each in seen.waiting),
    )
    yield _gauge(
        "llmctl_oldest_ready_seconds",
        "For how long the oldest ready task of a queue has been ready.",
        ["queue"],
        (([each.queue], each.age_s) for each in seen.oldest_ready),
    )
    yield _counter(
        "llmctl_tasks_submitted",
        "Tasks that were submitted.",
        ["tool", "queue"],
        (([each.tool, each.queue], each.tasks) for each in seen.submitted),
    )


def _of_runs(seen: Metrics) -> Iterator[Metric]:
    yield _counter(
        "llmctl_runs_finished",
        "Runs that have ended. error_class is empty for those that succeeded.",
        ["tool", "group", "status", "error_class"],
        (([each.tool, each.group, each.status, each.error_class], each.runs) for each in seen.runs),
    )
    yield _counter(
        "llmctl_lost_runs",
        "Runs that ended without a trace.",
        [],
        [([], sum(each.runs for each in seen.runs if each.status == "lost"))] if seen.build else (),
    )
    for measure, (name, text) in TIMES.items():
        yield _histogram(name, text, [each for each in seen.times if each.measure == measure])
    yield _counter(
        "llmctl_tokens",
        "Tokens of runs that have ended. cached_input is the part of input that came from a cache.",
        ["tool", "group", "kind"],
        (([each.tool, each.group, each.kind], each.tokens) for each in seen.tokens),
    )
    yield _counter(
        "llmctl_cost_usd",
        "Money of runs that have ended. notional: the list price of what a subscription covered.",
        ["tool", "group", "notional"],
        (([each.tool, each.group, str(each.notional).lower()], each.usd) for each in seen.cost),
    )


def _of_accounts(seen: Metrics) -> Iterator[Metric]:
    yield _gauge(
        "llmctl_group_slots",
        "Slots of a worker group: those that are used, and the most that may be.",
        ["group", "tool", "kind"],
        (
            ([each.group, each.tool, kind], slots)
            for each in seen.groups
            for kind, slots in (("used", each.used), ("max", each.max))
        ),
    )
    yield _gauge(
        "llmctl_group_cooldown_seconds",
        "How long a worker group still cools down; 0 if it does not.",
        ["group"],
        (([each.group], each.cooldown_s) for each in seen.groups),
    )
    yield _gauge(
        "llmctl_group_cooling_models",
        "How many models cool down in a worker group, since their own usage limits are reached.",
        ["group"],
        (([each.group], each.cooling_models) for each in seen.groups),
    )
    yield _gauge(
        "llmctl_group_overloaded",
        "Whether the service of a worker group is overloaded, so that it tries one task at a time.",
        ["group"],
        (([each.group], each.overloaded) for each in seen.groups),
    )
    yield _gauge(
        "llmctl_group_throttled",
        "Whether all runs of a worker group are throttled, ten or more in half an hour or longer.",
        ["group"],
        (([each.group], each.throttled) for each in seen.groups),
    )
    yield _gauge(
        "llmctl_group_paused",
        "Whether a worker group is paused.",
        ["group"],
        (([each.group], each.paused) for each in seen.groups),
    )
    yield _gauge(
        "llmctl_group_budget_used_ratio",
        "The part of its budget of the day that a worker group has spent.",
        ["group"],
        (([each.group], each.budget_used) for each in seen.groups if each.budget_used is not None),
    )
    yield _gauge(
        "llmctl_limit_slots",
        "Slots of a limit of a tool, model, queue or workflow: those that are used, and the most that may be.",
        ["scope_kind", "scope", "kind"],
        (
            ([each.kind, each.name, kind], slots)
            for each in seen.limits
            for kind, slots in (("used", each.used), ("max", each.max))
        ),
    )


def _gauge(name: str, text: str, labels: Sequence[str], samples: Iterable[Sample]) -> Metric:
    family = GaugeMetricFamily(name, text, labels=labels)
    for values, value in samples:
        family.add_metric(values, float(value))
    return family


def _counter(name: str, text: str, labels: Sequence[str], samples: Iterable[Sample]) -> Metric:
    family = CounterMetricFamily(name, text, labels=labels)
    for values, value in samples:
        family.add_metric(values, float(value))
    return family


def _histogram(name: str, text: str, times: Sequence[RunTimes]) -> Metric:
    family = HistogramMetricFamily(name, text, labels=["tool"])
    for each in times:
        buckets = [(str(float(bound)), float(runs)) for bound, runs in each.buckets]
        family.add_metric([each.tool], [*buckets, ("+Inf", float(each.runs))], each.seconds)
    return family
