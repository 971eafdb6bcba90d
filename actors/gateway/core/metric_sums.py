"""Metrics of several processes as those of one."""

from __future__ import annotations

from collections.abc import Iterable

import msgspec
import prometheus_client as prometheus
from prometheus_client.core import Metric
from prometheus_client.registry import Collector

_SAME_EVERYWHERE = ("_info", "_created")  # samples whose names end so are no counts
# Nor are these: whoever is furthest behind counts, and each process reads the same of the desk.
_LARGEST = ("_lag_rows", "_lag_seconds", "_work_items", "_work_age_seconds", "_outbox_events", "_outbox_age_seconds")


class Sample(msgspec.Struct, array_like=True):
    name: str
    labels: dict[str, str]
    value: float


class Family(msgspec.Struct, array_like=True):
    """One metric as one process has it."""

    name: str
    text: str
    kind: str
    samples: list[Sample]


def families_of(registry: prometheus.CollectorRegistry) -> list[Family]:
    return [
        Family(
            metric.name,
            metric.documentation,
            metric.type,
            [Sample(sample.name, sample.labels, sample.value) for sample in metric.samples],
        )
        for metric in registry.collect()
    ]


def text_of(processes: Iterable[list[Family]]) -> bytes:
    """Prometheus text with the sums of what the processes count."""
    registry = prometheus.CollectorRegistry()
    registry.register(_Collected(_added(processes)))
    return prometheus.generate_latest(registry)


class _Collected(Collector):
    def __init__(self, metrics: list[Metric]) -> None:
        self._metrics = metrics

    def collect(self) -> Iterable[Metric]:
        return self._metrics


def _added(processes: Iterable[list[Family]]) -> list[Metric]:
    metrics: dict[str, Metric] = {}
    sums: dict[str, dict[tuple[str, tuple[tuple[str, str], ...]], float]] = {}
    for families in processes:
        for family in families:
            metrics.setdefault(family.name, Metric(family.name, family.text, family.kind))
            values = sums.setdefault(family.name, {})
            for sample in family.samples:
                key = (sample.name, tuple(sample.labels.items()))
                values[key] = _together(sample, values.get(key, 0.0))
    for name, metric in metrics.items():
        for (sample_name, labels), value in sums[name].items():
            metric.add_sample(sample_name, dict(labels), value)
    return list(metrics.values())


def _together(sample: Sample, before: float) -> float:
    """The value of a sample beside what other processes said of it."""
    if sample.name.endswith(_LARGEST):
        return max(before, sample.value)
    return sample.value if sample.name.endswith(_SAME_EVERYWHERE) else before + sample.value
