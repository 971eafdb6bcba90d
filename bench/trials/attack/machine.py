"""What the machine does to a router: its wall clock jumps, its shared memory is full. Each has a router of its own."""

from __future__ import annotations

import contextlib
import pathlib
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence

from bench.harness.server import Server
from bench.trials.attack.attack import Attack, Body, Target, Told, orders
from bench.trials.attack.ground import plain_orders
from bench.trials.chaos import disk, shim
from bench.trials.chaos.cheats import JUMPS_S
from bench.trials.chaos.disk import Volume
from bench.trials.chaos.router import ChaosRouter
from bench.trials.chaos.shim import Shim

STAY_S = 2.0  # at each hour that the clock jumps to
SHARED_MIB = 768
FULL_S = 4.0
SHARED = pathlib.Path("/dev/shm")
GROWING = 40_000  # orders, so that what is mapped has to grow


@contextlib.contextmanager
def jumping_clock() -> Iterator[tuple[Server, Attack]]:
    with tempfile.TemporaryDirectory() as folder, Shim(pathlib.Path(folder)) as faults:

        def strike(target: Target, bodies: Sequence[Body]) -> Told:
            told = Told()
            for ahead_s in JUMPS_S:
                faults["clock_ahead_s"] = ahead_s
                time.sleep(STAY_S)
                told.sent(0, "jump")
            return told

        with ChaosRouter(2, variables=faults.variables) as router:
            yield router, Attack("machine", "the wall clock jumps by hours", strike=strike)


@contextlib.contextmanager
def full_shared_memory() -> Iterator[tuple[Server, Attack]]:
    """A small /dev/shm of the router's own, filled to its last page while orders stream; then there is room again."""
    with Volume(SHARED_MIB, over=SHARED) as volume:

        def strike(target: Target, bodies: Sequence[Body]) -> Told:
            volume.fill(0)
            told = target.send(bodies[0])
            time.sleep(FULL_S)
            volume.empty()
            told.add(target.send(bodies[1]))
            return told

        with ChaosRouter(2, prefix=volume.prefix) as router:
            yield router, Attack("machine", "shared memory is full", growing, strike)


def growing() -> list[Body]:
    return [orders(plain_orders("full", GROWING)), orders(plain_orders("room", 2_000))]


WORLDS: dict[str, tuple[Callable[[], str], Callable[[], contextlib.AbstractContextManager[tuple[Server, Attack]]]]] = {
    "clock": (shim.missing, jumping_clock),
    "shared memory": (disk.missing, full_shared_memory),
}
