"""Which of the orders that wait at a node go into a wave, and from which bins."""

from __future__ import annotations

from collections.abc import Container, Iterable
from dataclasses import dataclass, field
from typing import NamedTuple

from router.warehouse.bins import Bins
from router.warehouse.here import LineHere, NodeHere, OrderHere
from router.warehouse.wave import Stop, WaveAsked


class Candidate(NamedTuple):
    order_key: str
    order: OrderHere
    here: NodeHere


class Placed(NamedTuple):
    """A line and where its units lie."""

    line: LineHere
    stops: tuple[Stop, ...]


class Gathered(NamedTuple):
    candidate: Candidate
    lines: tuple[Placed, ...]


@dataclass
class Chosen:
    """What a wave is made of, and why orders before its last one stay out of it."""

    orders: list[Gathered] = field(default_factory=list)
    in_other_zones: int = 0
    bins_blocked: int = 0
    apart: int = 0  # bundles of which no whole one lies here


def gather(candidates: Iterable[Candidate], asked: WaveAsked, bins: Bins, blocked: Container[str]) -> Chosen:
    """In the order of the candidates, the most urgent first, until the wave is full. An order is in it with all its
    lines here or not at all; one with more lines than a wave may have goes alone."""
    chosen, lines = Chosen(), 0
    for candidate in candidates:
        placed = _placed(candidate.here, bins, blocked)
        if not candidate.here.lines:
            chosen.apart += 1
        elif placed is None:
            chosen.bins_blocked += 1
        elif asked.zone and any(stop.bin.zone != asked.zone for line in placed for stop in line.stops):
            chosen.in_other_zones += 1
        elif chosen.orders and lines + len(placed) > asked.lines_max:
            break
        else:
            chosen.orders.append(Gathered(candidate, placed))
            lines += len(placed)
        if len(chosen.orders) == asked.orders_max:
            break
    return chosen


def _placed(here: NodeHere, bins: Bins, blocked: Container[str]) -> tuple[Placed, ...] | None:
    """None where a part of it lies in blocked bins alone."""
    placed = []
    for line in here.lines:
        found = [(part, bins.of(here.node, part.sku, blocked)) for part in line.parts]
        stops = tuple(Stop(part.sku, part.qty, there) for part, there in found if there is not None)
        if len(stops) < len(found):
            return None
        placed.append(Placed(line, stops))
    return tuple(placed)
