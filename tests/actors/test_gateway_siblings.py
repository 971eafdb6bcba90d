"""One /metrics for several gateway processes: sums of what each has counted."""

from __future__ import annotations

import argparse
import pathlib
import socket

import prometheus_client as prometheus
import pytest
from prometheus_client.parser import text_string_to_metric_families

from actors.gateway.core.metrics import Metrics
from actors.gateway.core.siblings import Siblings
from actors.gateway.main import serve
from actors.store.data_folder import DataFolder
from router.config import Config
from tests.labs.gateway_backend import ScriptedBackend
from tests.labs.gateway_lab import LoopThread


def values_of(text: bytes) -> dict[tuple[str, tuple[tuple[str, str], ...]], float]:
    return {
        (sample.name, tuple(sorted(sample.labels.items()))): sample.value
        for family in text_string_to_metric_families(text.decode())
        for sample in family.samples
    }


def counted(orders: int, requests: int, seconds: float) -> Metrics:
    metrics = Metrics("1.0")
    metrics.orders.labels("arrow", "allocated").inc(orders)
    metrics.order_flow.batch_seconds.labels("arrow").observe(seconds)
    metrics.gauge("router_open_streams", "Order streams open", lambda: requests)
    for _ in range(requests):
        metrics.count_request("/v1/orders", 200)
    return metrics


def test_counts_gauges_and_histograms_are_added_and_the_version_is_not() -> None:
    front, streams = counted(1, 3, 0.003), counted(41, 2, 0.3)
    values = values_of(front.render([streams.families()]))
    assert values["router_ingest_orders_total", (("format", "arrow"), ("status", "allocated"))] == 42
    assert values["router_requests_total", (("route", "/v1/orders"), ("status", "200"))] == 5
    assert values["router_open_streams", ()] == 5
    buckets = {dict(labels)["le"]: value for (name, labels), value in values.items() if name.endswith("seconds_bucket")}
    assert (buckets["0.005"], buckets["0.5"], buckets["+Inf"]) == (1, 2, 2)
    assert values["router_ingest_duration_seconds_sum", (("format", "arrow"),)] == pytest.approx(0.303)
    assert values["router_build_info", (("version", "1.0"),)] == 1


def test_what_one_process_alone_counts_stays_as_it_is() -> None:
    metrics = counted(7, 1, 0.1)
    assert values_of(metrics.render([])) == values_of(metrics.render([[]]))
    assert (
        values_of(metrics.render([]))["router_ingest_orders_total", (("format", "arrow"), ("status", "allocated"))] == 7
    )


def test_of_lags_the_largest_counts() -> None:
    processes = [Metrics("1.0") for _ in range(3)]
    for metrics, behind in zip(processes, ((3, 0.5), (2, 7.5), (0, 0.0)), strict=True):
        for name, value in zip(("router_reader_lag_rows", "router_reader_lag_seconds"), behind, strict=True):
            prometheus.Gauge(name, "Lag", ("reader",), registry=metrics.registry).labels("desk").set(value)
    values = values_of(processes[0].render([other.families() for other in processes[1:]]))
    assert values["router_reader_lag_rows", (("reader", "desk"),)] == 3
    assert values["router_reader_lag_seconds", (("reader", "desk"),)] == 7.5


def test_processes_find_each_other_and_leave_out_the_dead(tmp_path: pathlib.Path) -> None:
    thread = LoopThread()
    here = Siblings(tmp_path / "gateways", counted(1, 1, 0.1))
    there = Siblings(tmp_path / "gateways", counted(5, 1, 0.1))
    there._path = there._path.with_name("another-process.sock")
    try:
        assert thread.run(here.counted()) == []
        thread.run(here.start())
        thread.run(there.start())
        with socket.socket(socket.AF_UNIX) as dead:
            dead.bind(str(tmp_path / "gateways" / "dead.sock"))
        (told,) = thread.run(here.counted())
        assert [family.name for family in told] == [family.name for family in there._metrics.families()]
        assert told == there._metrics.families()
        thread.call(there.close)
        assert thread.run(here.counted()) == []
    finally:
        thread.call(here.close)
        thread.close()


def test_a_gateway_whose_port_is_taken_does_not_count_as_started(tmp_path: pathlib.Path) -> None:
    """Else the router that has the port would be asked whether this one is ready, and say yes."""
    data = DataFolder(tmp_path / "data")
    data.claim()
    data.create(Config())
    try:
        with socket.create_server(("127.0.0.1", 0)) as taken:
            given = argparse.Namespace(
                data=data.path, host="127.0.0.1", port=taken.getsockname()[1], streams_to=None, streams_from=None
            )
            thread = LoopThread()
            with pytest.raises(OSError, match="in use"):
                thread.run(serve(given, ScriptedBackend(), Config()))
            thread.close()
        assert list(data.gateways.glob("*.sock")) == []
    finally:
        data.remove_shared()
