"""What a process counts, for Prometheus.

Belongs here: the metrics of the kernel, and the text of `/metrics`. Does not belong here: what a slice counts (its own module).
Labels are names of routes, rules and consumers, never of tenants or people: their number must be bounded.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

from prometheus_client import (
    CollectorRegistry,
    Counter,
    Gauge,
    Histogram,
    disable_created_metrics,
    generate_latest,
)
from prometheus_client.metrics_core import GaugeMetricFamily, Metric
from prometheus_client.registry import Collector

# a second series for each counter, which tells when the process began
disable_created_metrics()  # type: ignore[no-untyped-call]
REGISTRY = CollectorRegistry()
_SECONDS = (0.002, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10)

REQUESTS = Counter(
    "nexus_http_requests", "Requests by route and status.", ["method", "route", "status"], registry=REGISTRY
)
DURATION = Histogram(
    "nexus_http_request_duration_seconds",
    "Time from the first byte of a request to the last of its answer.",
    ["method", "route"],
    buckets=_SECONDS,
    registry=REGISTRY,
)
LIMITED = Counter(
    "nexus_rate_limit_decisions", "Decisions of limits; known=false: the store could not be asked.",
    ["rule", "decision", "known"], registry=REGISTRY,
)  # fmt: skip
SPANS_DROPPED = Counter("nexus_spans_dropped", "Spans that were not kept, because too many waited.", registry=REGISTRY)
POOL = Gauge("nexus_database_connections", "Connections of the pools.", ["pool", "state"], registry=REGISTRY)


class Latest(Collector):
    """A gauge that has the series of the last look alone: of what has ended there is none. (A library's own gauge cannot
    forget series in every mode of the library, and another library of this process may choose the mode.)"""

    def __init__(self, name: str, meaning: str, labels: Sequence[str]) -> None:
        self._name, self._meaning, self._labels = name, meaning, labels
        self._seen: Mapping[tuple[str, ...], float] = {}
        REGISTRY.register(self)

    def tell(self, seen: Mapping[tuple[str, ...], float]) -> None:
        self._seen = dict(seen)

    def collect(self) -> Iterator[Metric]:
        family = GaugeMetricFamily(self._name, self._meaning, labels=self._labels)
        for labels, value in self._seen.items():
            family.add_metric(labels, value)
        yield family


BEHIND = Latest("nexus_consumer_behind_events", "Events that a consumer has not passed.", ["consumer"])
LAG = Latest("nexus_consumer_lag_seconds", "Age of the oldest event not passed.", ["consumer"])
LETTERS = Latest("nexus_consumer_letters", "Events being retried, or dead.", ["consumer", "state"])
JOBS = Latest("nexus_jobs", "Jobs that wait, run, or have failed.", ["job", "state"])
JOBS_LATE = Latest("nexus_jobs_late_seconds", "How long the oldest job waits that is due.", ["job"])
LOOKED = Gauge(
    "nexus_looked_timestamp_seconds",
    "When consumers, jobs and webhooks were last asked how far they are, in seconds since 1970; 0: never yet.",
    registry=REGISTRY,
)


def text() -> bytes:
    """Every metric in Prometheus' text format."""
    return generate_latest(REGISTRY)
