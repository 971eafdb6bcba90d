"""Orders that whoever sends them may not send: refused by field in their places, before any shard sees them."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterable, Iterator, Sequence

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from kernels.reasons import NOT_ALLOWED
from router.arrow.arrays import list_parts
from router.arrow.selection import select
from router.bound import Bound
from router.wire.batch import Refusal, WireBatch

I64 = npt.NDArray[np.int64]
_SHOWN_MAX = 8


def without_foreign(wire: WireBatch, bounds: Bound | Sequence[Bound]) -> WireBatch:
    """The batch with a refusal for every order that is not within its sender's bound; ``bounds``: of all, or one an
    answer of the batch."""
    own = _own(wire, bounds)
    if own.all():
        return wire
    assert wire.work_ns is None, "orders are refused before a batch is cut"
    return without_rows(wire, own, _refusals(wire, np.flatnonzero(~own), bounds))


def without_rows(wire: WireBatch, stays: npt.NDArray[np.bool_], more: Iterable[Refusal]) -> WireBatch:
    """The batch without some rows, which are refused in their places."""
    rows, refused = np.flatnonzero(stays), [*wire.refused, *more]
    return dataclasses.replace(
        wire,
        orders=select(wire.orders, rows),
        documents=select(wire.documents, rows),
        line_ids=wire.line_ids.take(pa.array(_lines_of(wire.orders, rows))),
        positions=wire.positions[rows],
        line_numbers=wire.line_numbers[rows],
        refused=sorted(refused, key=lambda refusal: refusal.position),
        work_ns=None if wire.work_ns is None else wire.work_ns[rows],
    )


def _own(wire: WireBatch, bounds: Bound | Sequence[Bound]) -> npt.NDArray[np.bool_]:
    channels, sellers = wire.orders.column("channel"), wire.orders.column("seller")
    if isinstance(bounds, Bound):
        return bounds.mask(channels, sellers)
    own = np.ones(wire.orders.num_rows, np.bool_)
    for row, position in enumerate(wire.positions.tolist()):
        if not bounds[position].is_open:
            own[row] = bounds[position].has(channels[row].as_py(), sellers[row].as_py())
    return own


def _lines_of(orders: pa.RecordBatch, rows: I64) -> I64:
    """Places of the rows' lines among those of the batch."""
    offsets, _ = list_parts(orders.column("lines"))
    first = offsets[:-1][rows].astype(np.int64) - int(offsets[0])
    counts = np.diff(offsets)[rows].astype(np.int64)
    before = np.cumsum(counts) - counts
    return np.repeat(first - before, counts) + np.arange(int(counts.sum()))


def _refusals(wire: WireBatch, rows: I64, bounds: Bound | Sequence[Bound]) -> Iterator[Refusal]:
    names = ("order_id", "channel", "seller")
    at = pa.array(rows)
    columns = [wire.orders.column(name).take(at).to_pylist() for name in names]
    for row, order_id, channel, seller in zip(rows.tolist(), *columns, strict=True):
        position = int(wire.positions[row])
        bound = bounds if isinstance(bounds, Bound) else bounds[position]
        detail = _sentence(channel, seller, bound)
        yield Refusal(position, int(wire.line_numbers[row]), order_id, 1 << NOT_ALLOWED, detail)


def _sentence(channel: str, seller: str, bound: Bound) -> str:
    said = []
    for name, text, names in (("channel", channel, bound.channels), ("seller", seller, bound.sellers)):
        if names and text not in names:
            shown = ", ".join(sorted(names)[:_SHOWN_MAX]) + (", …" if len(names) > _SHOWN_MAX else "")
            is_what = f"{text[:128]!r} is not" if text else "it is missing and has to be"
            one_of = f"one of those this key is for ({shown})"
            said.append(f"{name}: {is_what} {one_of}; correct it, or send the order with a key that is for it.")
    return " ".join(said)
