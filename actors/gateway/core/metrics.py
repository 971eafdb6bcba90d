"""Prometheus metrics of a gateway process. Labels are few and fixed; counters move once a batch."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence

import prometheus_client as prometheus
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, Metric
from prometheus_client.registry import Collector

from actors.gateway.core.metric_sums import Family, families_of, text_of
from router.reasons import REASONS

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


class Metrics:
    def __init__(self, version: str) -> None:
        self.registry = prometheus.CollectorRegistry()
        self.requests: dict[tuple[str, int], int] = {}
        self.gauges: list[tuple[str, str, Callable[[], float]]] = []
        counter, histogram = prometheus.Counter, prometheus.Histogram
        self.orders = counter(
            "router_ingest_orders_total", "Orders answered", ("format", "status"), registry=self.registry
        )
        self.bytes = counter(
            "router_ingest_bytes_total", "Bytes of orders received", ("format",), registry=self.registry
        )
        self.duplicates = counter("router_duplicates_total", "Orders that were known already", registry=self.registry)
        self.reasons = counter(
            "router_order_reasons_total", "Reasons given in answers to orders", ("reason",), registry=self.registry
        )
        self.batch_seconds = histogram(
            "router_ingest_duration_seconds",
            "From a decoded batch to its encoded answers",
            ("format",),
            buckets=SECONDS,
            registry=self.registry,
        )
        self.batch_rows = histogram(
            "router_ingest_batch_orders",
            "Orders a batch",
            ("format",),
            buckets=(1, 8, 64, 512, 2048, 8192, 16384),
            registry=self.registry,
        )
        self.retries = counter("router_batch_retries_total", "Batches sent to a shard again", registry=self.registry)
        self.events = counter("router_events_total", "Lifecycle events answered", ("outcome",), registry=self.registry)
        self.lookups = counter(
            "router_availability_lookups_total", "SKUs whose availability was asked", registry=self.registry
        )
        build = prometheus.Gauge("router_build_info", "Version of the router", ("version",), registry=self.registry)
        build.labels(version).set(1)
        self.registry.register(_Counts(self))

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
