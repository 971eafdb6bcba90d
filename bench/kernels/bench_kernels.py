"""How long does each kernel take on the arguments it really gets? One figure per kernel, mix and batch size.

    pytest bench/kernels --benchmark-enable --benchmark-only --benchmark-group-by=param:name

Without ``--benchmark-enable`` every kernel runs once on a small batch, so that the test suite keeps this alive.
"""

from __future__ import annotations

import functools

import pytest
from pytest_benchmark.fixture import BenchmarkFixture

from bench.kernels.recorder import Call, public_kernels, record

SMOKE = (("everyday", 64),)
REAL = (("everyday", 1_024), ("everyday", 8_192), ("flash_sale", 8_192), ("b2b", 512))
ROUNDS = 30


@functools.cache
def recorded(mix: str, orders: int) -> dict[str, Call]:
    return record(mix, orders)


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    grid = REAL if metafunc.config.getoption("benchmark_enable") else SMOKE
    metafunc.parametrize(("mix", "orders"), grid)


@pytest.mark.parametrize("name", sorted(public_kernels()))
def bench_kernel(name: str, mix: str, orders: int, benchmark: BenchmarkFixture) -> None:
    call = recorded(mix, orders).get(name)
    if call is None:
        pytest.skip("not on the path of a new order")
    benchmark.extra_info |= {"mix": mix, "orders": orders, "argument_bytes": call.nbytes}
    benchmark.pedantic(call.kernel, setup=lambda: (call.arguments(), {}), rounds=ROUNDS)
