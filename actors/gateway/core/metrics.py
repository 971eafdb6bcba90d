"""Prometheus metrics of a gateway process. Labels are few and fixed; counters move once a batch."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from typing import NamedTuple

import prometheus_client as prometheus
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, Metric
from prometheus_client.registry import Collector

from actors.gateway.core.metric_sums import Family, families_of, text_of
from router.reasons import REASONS

ROWS = (1, 8, 64, 512, 2048, 8192, 16384)
SECONDS = (0.001, 0.0025, 0.005, 0.01, 0.02, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 10.0, 30.0)


class _Counts(Collector):
    """Plain integers, turned into samples only when somebody asks."""

    def __init__(self, metrics: Metrics) -> None:
        self._metrics = metrics

    def collect(self) -> Iterable[Metric]:
        requests = CounterMetricFamily("router_requests", "HTTP requests answered", labels=("route", "status"))
        for (route, status), count in list(self._metrics.requests.items()):
            requests.add_metric((route, str(status)), count)
        yield requests
        for name, text, read in self._metrics.gauges:
            yield GaugeMetricFamily(name, text, value=read())


class Flow(NamedTuple):
    """What is counted of one kind of rows that stream in, by format."""

    bytes: prometheus.Counter
    batch_seconds: prometheus.Histogram
    batch_rows: prometheus.Histogram


class Metrics:
    def __init__(self, version: str) -> None:
        self.registry = prometheus.CollectorRegistry()
        self.requests: dict[tuple[str, int], int] = {}
        self.gauges: list[tuple[str, str, Callable[[], float]]] = []
        counter = prometheus.Counter
        self.orders = counter(
            "router_ingest_orders_total", "Orders answered", ("format", "status"), registry=self.registry
        )
        self.duplicates = counter("router_duplicates_total", "Orders that were known already", registry=self.registry)
        self.reasons = counter(
            "router_order_reasons_total", "Reasons given in answers to orders", ("reason",), registry=self.registry
        )
        self.order_flow = self._flow("router_ingest", "orders")
        self.event_flow = self._flow("router_event", "events")
        self.retries = counter("router_batch_retries_total", "Batches sent to a shard again", registry=self.registry)
        self.events = counter("router_events_total", "Lifecycle events answered", ("outcome",), registry=self.registry)
        self.event_results = counter(
            "router_event_results_total", "Lifecycle events answered", ("format", "status"), registry=self.registry
        )
        self.event_reasons = counter(
            "router_event_reasons_total", "Reasons why events were refused", ("reason",), registry=self.registry
        )
        self.hooks = counter(
            "router_hooks_total", "Webhooks of partners", ("partner", "outcome"), registry=self.registry
        )
        self.lookups = counter(
            "router_availability_lookups_total", "SKUs whose availability was asked", registry=self.registry
        )
        self.reading_wait_seconds = prometheus.Histogram(
            "router_reading_wait_seconds",
            "From when a read, or a turn of a feed, is asked for until the thread that reads logs begins it",
            ("work",),
            buckets=SECONDS,
            registry=self.registry,
        )
        build = prometheus.Gauge("router_build_info", "Version of the router", ("version",), registry=self.registry)
        build.labels(version).set(1)
        self.registry.register(_Counts(self))

    def _flow(self, prefix: str, noun: str) -> Flow:
        counter, histogram = prometheus.Counter, prometheus.Histogram
        return Flow(
            counter(f"{prefix}_bytes_total", f"Bytes of {noun} received", ("format",), registry=self.registry),
            histogram(
                f"{prefix}_duration_seconds",
                "From a decoded batch to its encoded answers",
                ("format",),
                buckets=SECONDS,
                registry=self.registry,
            ),
            histogram(
                f"{prefix}_batch_{noun}",
                f"{noun.capitalize()} a batch",
                ("format",),
                buckets=ROWS,
                registry=self.registry,
            ),
        )

    def count_request(self, route: str, status: int) -> None:
        key = (route, status)
        self.requests[key] = self.requests.get(key, 0) + 1

    def gauge(self, name: str, text: str, read: Callable[[], float]) -> None:
        """A gauge that is read when somebody asks."""
        self.gauges.append((name, text, read))

    def count_reasons(self, counts: dict[int, int]) -> None:
        for number, count in counts.items():
            self.reasons.labels(REASONS[number].code).inc(count)

    def families(self) -> list[Family]:
        """What this process has counted."""
        return families_of(self.registry)

    def render(self, others: Sequence[list[Family]]) -> bytes:
        """Prometheus text of this process and others together."""
        return text_of([self.families(), *others])
