"""The targets by name. Nothing of ours is imported here: a worker must instrument modules before they are loaded."""

from __future__ import annotations

import importlib
from collections.abc import Callable
from typing import NamedTuple, Protocol, cast

Examine = Callable[[bytes], None]  # takes one input; an exception is a finding

TABLES = ("skus", "nodes", "stock", "rates", "promotions", "taxes", "carriers", "rules", "templates", "bins", "cartons")


class Fuzzed(Protocol):
    """What every module of a target has; WORDS too, where its inputs are made of any."""

    def examine(self, name: str, /) -> Examine: ...

    def examples(self, name: str, /) -> list[bytes]: ...


class Target(NamedTuple):
    module: str
    share: float = 1.0  # of the time, beside the other targets
    bytes_max: int = 600


TARGETS: dict[str, Target] = {
    "splitter": Target("splitter"),
    "ndjson": Target("ndjson", 3, 1_500),
    "arrow": Target("arrow", 3, 6_000),
    "csv": Target("csv_rows", 1.5),
    "mapping": Target("csv_rows"),
    **{f"table-{table}": Target("tables", 0.5) for table in TABLES},
    "movements": Target("movements"),
    "events": Target("events", 2, 1_500),
    "event-stream": Target("event_stream", 2, 4_000),
    "records": Target("records", 1.5),
    "log": Target("log", 1.5, 200),
    "packed": Target("packed", 1, 300),
    "cursors": Target("cursors"),
}


def examine(name: str) -> Examine:
    """The function under test, with its tables and kernels built."""
    return _module(name).examine(name)


def examples(name: str) -> list[bytes]:
    """Good inputs, and some that are nearly good."""
    return _module(name).examples(name)


def words(name: str) -> list[bytes]:
    """What inputs of this target are made of, for mutations that make sense."""
    return list(getattr(_module(name), "WORDS", ()))


def _module(name: str) -> Fuzzed:
    return cast(Fuzzed, importlib.import_module(f"bench.trials.fuzz.{TARGETS[name].module}"))
