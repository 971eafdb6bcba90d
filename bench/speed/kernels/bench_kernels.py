"""How long does each kernel take on the arguments it really gets? One figure per kernel, mix and batch size.

    pytest bench/speed/kernels --benchmark-enable --benchmark-only --benchmark-group-by=param:name

The bare limit is copying as many bytes as the arguments have: ``cost_to_copy`` is the kernel's median to that, taken in
the same run, and what ``order-router bench compare`` looks at. Without ``--benchmark-enable`` every kernel runs once on
small batches of every mix, so that the test suite keeps this alive.
"""

from __future__ import annotations

import functools
import statistics
import time

import numpy as np
import pytest
from pytest_benchmark.fixture import BenchmarkFixture

from bench.speed.kernels.recorder import Call, public_kernels, record

SMOKE = (("everyday", 64), ("b2b", 16))
REAL = (
    *(("everyday", orders) for orders in (64, 1_024, 8_192, 32_768)),
    *(("flash_sale", orders) for orders in (64, 8_192)),
    *(("b2b", orders) for orders in (16, 512)),
    *(("bad_input", orders) for orders in (64, 8_192)),
)
ROUNDS = 30


@functools.cache
def recorded(mix: str, orders: int) -> dict[str, Call]:
    return record(mix, orders)


@functools.cache
def copy_us(nbytes: int) -> float:
    """Median of copying so many bytes between two arrays that were touched before."""
    source, target = np.ones(nbytes, np.uint8), np.zeros(nbytes, np.uint8)
    took_s = []
    for _ in range(ROUNDS):
        began_s = time.perf_counter()
        np.copyto(target, source)
        took_s.append(time.perf_counter() - began_s)
    return statistics.median(took_s) * 1e6


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    grid = REAL if metafunc.config.getoption("benchmark_enable") else SMOKE
    metafunc.parametrize(("mix", "orders"), grid)


@pytest.mark.parametrize("name", sorted(public_kernels()))
def bench_kernel(name: str, mix: str, orders: int, benchmark: BenchmarkFixture) -> None:
    call = recorded(mix, orders).get(name)
    if call is None:
        pytest.skip("not on the path of a new order")
    benchmark.extra_info |= {"mix": mix, "orders": orders, "argument_bytes": call.nbytes}
    benchmark.pedantic(call.kernel, setup=lambda: (call.arguments(), {}), rounds=ROUNDS)  # type: ignore[no-untyped-call]  # the plugin's own
    if benchmark.stats is not None:  # None where benchmarks are disabled
        cost = benchmark.stats.stats.median * 1e6 / copy_us(call.nbytes)
        benchmark.extra_info["cost_to_copy"] = round(cost, 4)
