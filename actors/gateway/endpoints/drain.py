"""What a stream's worker takes from its form at a time: batches as their shards get them, up to so many bytes."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Generic

from actors.gateway.core.problems import Problem
from actors.gateway.endpoints.traffic import Parts, Traffic
from actors.gateway.http.forms import Wire
from router.wire.batch import WireError


@dataclass(frozen=True)
class Batch(Generic[Wire, Parts]):
    """What goes to the shards at once."""

    wire: Wire
    parts: Parts
    size: int  # unpacked bytes that it keeps


@dataclass(frozen=True)
class Drained(Generic[Wire, Parts]):
    """Batches, and whether there is no more; what was read before a fault is kept.

    The fault is told, not handed on: its frames keep all batches, and through their caller the future that keeps it.
    """

    batches: list[Batch[Wire, Parts]]
    ended: bool
    problem: Problem | None = None

    @property
    def size(self) -> int:
        return sum(batch.size for batch in self.batches)

    @property
    def rows(self) -> int:
        return sum(batch.wire.count for batch in self.batches)


def drain(traffic: Traffic[Wire, Parts], source: Iterator[Wire], bytes_max: int) -> Drained[Wire, Parts]:
    """Decode and pack until there is no more, or what a few bytes stand for is more than ``bytes_max``."""
    batches: list[Batch[Wire, Parts]] = []
    unpacked = 0
    try:
        for wire, size in (part for whole in source for part in _cut(traffic, whole)):
            batches.append(Batch(wire, traffic.pack(wire), size))
            unpacked += size
            if unpacked > bytes_max:
                return Drained(batches, ended=False)
    except WireError as fault:
        return Drained(batches, ended=True, problem=Problem("stream_malformed", fault.detail, reason=fault.code))
    return Drained(batches, ended=True)


def _cut(traffic: Traffic[Wire, Parts], whole: Wire) -> Iterator[tuple[Wire, int]]:
    """The parts of a batch with each one's share of its bytes, all of which every part keeps."""
    rest, rest_bytes = whole.count, whole.nbytes
    for wire in traffic.cut(whole):
        size = rest_bytes * wire.count // max(rest, 1)
        rest, rest_bytes = rest - wire.count, rest_bytes - size
        yield wire, size
