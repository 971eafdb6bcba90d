"""A decoded batch that is too much work for one turn, cut into several: neighbours' orders get in between."""

from __future__ import annotations

import dataclasses
import itertools

import numpy as np
import pyarrow as pa

from router.arrow.arrays import list_parts, ragged, struct_numbers, structs
from router.log.columns import WIRE
from router.shard.work import BATCH_NS_MAX, WorkTerms, cuts_of, order_work
from router.wire.batch import I64, WireBatch


def cut_batch(wire: WireBatch, terms: WorkTerms, most: int = BATCH_NS_MAX) -> list[WireBatch]:
    """The batch in its order with its work, in parts of at most ``most`` work or one order each; answers of the parts,
    one after the other, are the answers of the batch."""
    work = order_work(wire.orders, wire.skus, terms)
    cuts = cuts_of(work, most)
    if not cuts:
        return [dataclasses.replace(wire, work_ns=work)]
    places = [0, *wire.positions[cuts].tolist(), wire.count]
    rows = [0, *cuts, wire.orders.num_rows]
    parts = zip(itertools.pairwise(rows), itertools.pairwise(places), strict=True)
    return [_part(wire, work[first:last], first, last, *place) for (first, last), place in parts]


def _part(wire: WireBatch, work: I64, first: int, last: int, place: int, end: int) -> WireBatch:
    """Rows first:last, with the refusals between them; answers ``place`` to ``end`` of the batch."""
    count = last - first
    offsets = wire.orders.column("lines").offsets.to_numpy()
    begin = int(offsets[first]) - int(offsets[0])
    orders, skus = _with_own_skus(wire.orders.slice(first, count), wire.skus)
    refused = [refusal for refusal in wire.refused if place <= refusal.position < end]
    return WireBatch(
        orders=orders,
        skus=skus,
        documents=wire.documents.slice(first, count),
        line_ids=wire.line_ids.slice(begin, int(offsets[last] - offsets[first])),
        positions=wire.positions[first:last] - place,
        line_numbers=wire.line_numbers[first:last],
        refused=[dataclasses.replace(refusal, position=refusal.position - place) for refusal in refused],
        work_ns=work,
    )


def _with_own_skus(orders: pa.RecordBatch, skus: pa.StringArray) -> tuple[pa.RecordBatch, pa.StringArray]:
    """The orders with only the SKUs they name: a part must not carry what all parts name."""
    offsets, lines = list_parts(orders.column("lines"))
    used, codes = np.unique(struct_numbers(lines, "sku_code"), return_inverse=True)
    kind = WIRE.field("lines").type
    named = {field.name: lines.field(field.name) for field in kind.value_type}
    own = structs(kind.value_type, named | {"sku_code": codes.astype(np.int32)})
    column = ragged(offsets, own, kind)
    return orders.set_column(WIRE.get_field_index("lines"), WIRE.field("lines"), column), skus.take(pa.array(used))
