"""Metrics as text, by Prometheus' own library: it knows the formats and how labels are escaped."""

from collections.abc import Iterable

from prometheus_client.exposition import choose_encoder
from prometheus_client.metrics_core import Metric
from prometheus_client.registry import Collector

from dispatcher.api.metrics.families import families
from sql.rows.api import Metrics


class _Seen(Collector):
    """What one call of metrics() returned. There is no registry: this process counts nothing itself."""

    def __init__(self, seen: Metrics) -> None:
        self._seen = seen

    def collect(self) -> Iterable[Metric]:
        return families(self._seen)


def render(seen: Metrics, accept: str) -> tuple[bytes, str]:
    """Return the body and its content type: OpenMetrics if the Accept header wants it, else Prometheus' text."""
    encode, content_type = choose_encoder(accept)
    return encode(_Seen(seen)), content_type
