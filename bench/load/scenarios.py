"""What the lab can put on a router."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Scenario:
    text: str
    mix: str = "everyday"
    reads_per_order: tuple[float, ...] = (0.0,)  # the whole ramp and both holds for each
    kills_shard: bool = False  # in the middle of each hold
    restocks: bool = False  # the scarce SKU gets its units again before each hold


SCENARIOS = {
    "everyday": Scenario("small baskets of a marketplace"),
    "flash_sale": Scenario("one SKU in every order; 10,000 units of it before each hold", "flash_sale", restocks=True),
    "b2b": Scenario("orders of 200 lines", "b2b"),
    "bad_input": Scenario("one order in five is bad, in eight ways", "bad_input"),
    "shard_kill": Scenario("everyday, and kill -9 of a shard in the middle of each hold", kills_shard=True),
    "mixed_reads": Scenario("everyday, with 2 to 700 reads an order", reads_per_order=(2.0, 20.0, 100.0, 700.0)),
}
