"""What a shipment has to know of an order: which of its units can be sent from where, and what its rates offer.

Units are read off the order's books, as its view reads them; rates, weights and calendars off the newest tables,
because a parcel goes by the rates of the day on which it goes.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence

import numpy as np

from router.life.scratch import ROW
from router.life.shipments import Band, OpenUnits
from router.life.states import Stage, stage_of
from router.log.columns import Status
from router.log.steps import OrderHistory
from router.queries.answered import line_ids_of
from router.queries.names import Names
from router.queries.order_lines import Position, positions_of
from router.queries.source import Indexed, RecordSource, Row
from router.queries.text import day_of
from router.queries.view_terms import ViewTerms
from router.queries.words import OrderWords
from router.tables.compiled import Tables

_OPEN = frozenset({Stage.ALLOCATED, Stage.PICKED, Stage.PACKED})
_BEFORE = ("empty", "allocated", "picking", "packed")  # states of parcels that have not left
_MINUTE_MS, _DAY_MIN = 60_000, 1_440


def open_units(found: Indexed, source: RecordSource, terms: ViewTerms) -> list[OpenUnits]:
    """Units that can be picked, packed and sent, node by node in the order in which they were given."""
    history, words = OrderHistory(source, found[0]), OrderWords()
    with terms.scratch.told(words.passing(history.pieces())) as books:
        step = words.order
        if step is None or step.outcome["status"] == Status.REJECTED:
            return []
        book = books.look(ROW)
        names = Names(terms.naming, line_ids_of(step, source.document(step.sequence, step.row)))
        parcels = ["", *(terms.shipment_id(key, words) for key, _ in book.shipments)]
        return [
            OpenUnits(names.node(node), names.line(line), qty, parcels[shipment])
            for line, positions in positions_of(book).items()
            for (node, shipment), qty in _of_line(positions, book.parts.get(line, {})).items()
        ]


def _of_line(positions: Sequence[Position], parts: Mapping[int, int]) -> dict[tuple[int, int], int]:
    """By node and parcel; of a bundle whole ones, as many as all of its components make there."""
    lying: dict[tuple[int, int], dict[int, int]] = defaultdict(lambda: defaultdict(int))
    for position in positions:
        if stage_of(position.stage) in _OPEN:
            lying[position.node, position.shipment][position.sku] += position.qty
    if not parts:
        return {place: sum(of_sku.values()) for place, of_sku in lying.items()}
    whole = {place: min(of_sku[part] // each for part, each in parts.items()) for place, of_sku in lying.items()}
    return {place: qty for place, qty in whole.items() if qty}


def sent_parcels(view: Row) -> frozenset[str]:
    """Parcels of an order, as it is shown, that have left."""
    shipments: list[Row] = view["shipments"]
    return frozenset(each["shipment_id"] or "" for each in shipments if each["status"] not in _BEFORE)


def unit_weights(view: Row, tables: Tables) -> dict[str, int]:
    """Grams of one unit, by line; 0 where the catalogue does not know the SKU any more."""
    found = {line["line_id"]: tables.skus.ids.index(line["sku"] or "") for line in view["lines"]}
    return {line_id: int(tables.skus.weight_g[sku]) if sku >= 0 else 0 for line_id, sku in found.items()}


def promised_days(view: Row) -> dict[str, int]:
    """Day by which each node's parcel was promised; the order's, where a node was not planned then."""
    days = {parcel["node"]: parcel["promise_date"] for parcel in view["parcel_plan"]}
    return {node: day_of(text) for node, text in {"": view["promise_date"], **days}.items() if text}


def bands_of(tables: Tables, node: str, zone: int, now_ms: int) -> tuple[Band, ...]:
    """What is offered from a node to a zone, whatever it may weigh; none where no rate leads there."""
    number, rates = tables.nodes.ids.index(node), tables.rates
    lane = int(rates.lane[number, zone]) if number >= 0 and rates.loaded else -1
    if lane < 0:
        return ()
    leaves = first_ship_day(tables, number, now_ms)
    return tuple(
        Band(
            rates.carriers.text(int(rates.band_carrier[row])),
            rates.services.text(int(rates.band_service[row])),
            int(rates.band_min_g[row]),
            int(rates.band_max_g[row]),
            int(rates.band_price_minor[row]),
            int(rates.band_per_kg_minor[row]),
            _after(tables, number, leaves, int(rates.band_days[row])),
        )
        for row in range(int(rates.lane_offset[lane]), int(rates.lane_offset[lane + 1]))
    )


def first_ship_day(tables: Tables, node: int, now_ms: int) -> int:
    """The first open day whose cut-off is still to come, as ``kernels/plan/freight.py`` finds it."""
    nodes, now_min = tables.nodes, now_ms // _MINUTE_MS
    last = nodes.utc_offset_min.shape[1] - 1
    day = now_min // _DAY_MIN - 1
    while now_min >= day * _DAY_MIN + int(nodes.cutoff_min[node]) - int(
        nodes.utc_offset_min[node, int(np.clip(day - nodes.day0, 0, last))]
    ):
        day += 1
    return _open_day(tables, node, day)


def _after(tables: Tables, node: int, day: int, days: int) -> int:
    """So many open days of the node later."""
    for _ in range(days):
        day = _open_day(tables, node, day + 1)
    return day


def _open_day(tables: Tables, node: int, day: int) -> int:
    column = day - tables.nodes.day0
    return int(tables.nodes.ship_day[node, column]) if 0 <= column < tables.nodes.ship_day.shape[1] else day
