"""How far each reader of the feed is behind, for ``/metrics``.

A reader writes its cursor below the shared folder; how much lies behind it is counted here, so that a reader that is
dead is seen to fall behind. Clients of ``GET /v1/stream`` are one reader by this: whoever of them is furthest behind.
"""

from __future__ import annotations

import pathlib
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager, suppress

from prometheus_client.core import GaugeMetricFamily, Metric
from prometheus_client.registry import Collector

from actors.store.data_folder import now_ms
from actors.store.reader_places import told_places
from router.feed.lag import Lag, LagSource, lag_of
from router.log.cursor import CursorError, parse_cursor
from router.queries import Follower

STREAM = "stream"


class Lags(Collector):
    """``router_reader_lag_rows`` and ``router_reader_lag_seconds`` by reader."""

    def __init__(self, readers: pathlib.Path, sources: Sequence[LagSource]) -> None:
        self._readers = readers
        self._sources = sources
        self._followers: set[Follower] = set()

    @contextmanager
    def of(self, follower: Follower) -> Iterator[None]:
        """Count a client of the stream for as long as it is there."""
        self._followers.add(follower)
        try:
            yield
        finally:
            self._followers.discard(follower)

    def collect(self) -> Iterable[Metric]:
        rows = GaugeMetricFamily("router_reader_lag_rows", "Rows a reader has still to read", labels=("reader",))
        seconds = GaugeMetricFamily(
            "router_reader_lag_seconds", "How long the oldest row that a reader has not read waits", labels=("reader",)
        )
        for name, lag in self._lags():
            rows.add_metric((name,), lag.rows)
            seconds.add_metric((name,), lag.ms / 1000)
        return rows, seconds

    def _lags(self) -> Iterable[tuple[str, Lag]]:
        now = now_ms()
        behind = [follower.lag(now) for follower in list(self._followers)]
        if behind:
            yield STREAM, Lag(max(lag.rows for lag in behind), max(lag.ms for lag in behind))
        for name, cursor in told_places(self._readers).items():
            with suppress(CursorError):  # of a router with another number of shards
                yield name, lag_of(parse_cursor(cursor, len(self._sources)), self._sources, now)
