"""What waits on the desk, for ``/metrics``: as the desk counted last, so it is seen also while the desk is away."""

from __future__ import annotations

import pathlib
from collections.abc import Iterable

from prometheus_client.core import GaugeMetricFamily, Metric
from prometheus_client.registry import Collector

from actors.store.data_folder import now_ms
from actors.store.desk.figures import Figures, told


class DeskFigures(Collector):
    """``router_work_items``, ``router_work_age_seconds`` by queue and state; ``router_outbox_…`` of decided events."""

    def __init__(self, path: pathlib.Path) -> None:
        self._path = path

    def collect(self) -> Iterable[Metric]:
        figures, now = told(self._path) or Figures([], 0, 0), now_ms()
        items = GaugeMetricFamily("router_work_items", "Work items that wait", labels=("queue", "state"))
        ages = GaugeMetricFamily(
            "router_work_age_seconds", "Since when the oldest work item waits", labels=("queue", "state")
        )
        for waiting in figures.work:
            items.add_metric((waiting.queue, waiting.state), waiting.items)
            ages.add_metric((waiting.queue, waiting.state), _age_s(waiting.oldest_ms, now))
        outbox = GaugeMetricFamily("router_outbox_events", "Events of the desk on their way", value=figures.outbox)
        oldest_s = _age_s(figures.outbox_oldest_ms, now) if figures.outbox else 0.0
        outbox_age = GaugeMetricFamily("router_outbox_age_seconds", "Since when the oldest of them is", value=oldest_s)
        return items, ages, outbox, outbox_age


def _age_s(since_ms: int, now: int) -> float:
    return max(0, now - since_ms) / 1000
