"""The shipments of an order: what went together, by whom, and what was heard of it since."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from router.life.open_book import OpenBook
from router.life.states import Stage, stage_of, state_of_stages
from router.log.steps import Step
from router.queries.names import Names
from router.queries.order_lines import Position
from router.queries.payload import texts_of
from router.queries.source import RecordSource, Row
from router.queries.text import date_text, time_text
from router.queries.view_terms import ViewTerms
from router.queries.words import SHOWN_MAX, CameBack, OrderWords, Said, ShipmentMeant
from router.tracking.numbers import carrier_guess, tracking_url

_SENT = frozenset({Stage.SHIPPED, Stage.DELIVERED, Stage.LOST, Stage.RETURNED})
ONLY = "1"  # id of what was sent as one
EMPTY = "empty"  # status of a shipment that nothing is in any more


@dataclass(frozen=True)
class _Shipment:
    shipment_id: str | None
    tracking: int
    positions: list[Position]
    said: list[Said]


def shipment_views(
    book: OpenBook, positions: Sequence[Position], words: OrderWords, promised: Mapping[int, int], names: Names,
    source: RecordSource, terms: ViewTerms,
) -> list[Row]:  # fmt: skip
    """In the order in which they were made; ``promised`` is the promise day of each node's parcel, as planned."""
    found = _shipments(book, positions, words, terms)
    return [_view(shipment, words, promised, names, source) for shipment in found]


def _shipments(
    book: OpenBook, positions: Sequence[Position], words: OrderWords, terms: ViewTerms
) -> Iterator[_Shipment]:  # fmt: skip
    """Those that the book numbers, and what was sent without a number: as one, or before anybody said how."""
    without = [position for position in positions if not position.shipment and stage_of(position.stage) in _SENT]
    if without and not book.shipments:
        yield _Shipment(ONLY, book.tracking, without, list(words.said.values()))
    elif without:
        yield _Shipment(None, book.tracking, without, _said(words, ShipmentMeant()))
    for number, (key, tracking) in enumerate(book.shipments, 1):
        inside = [
            position
            for position in positions
            if position.shipment == number and stage_of(position.stage) != Stage.CANCELLED
        ]
        said = _said(words, ShipmentMeant(key=key), ShipmentMeant(number=number))
        yield _Shipment(terms.shipment_id(key, words), tracking, inside, said)


def _said(words: OrderWords, *meant: ShipmentMeant) -> list[Said]:
    return [words.said[each] for each in meant if each in words.said]


def _view(
    shipment: _Shipment, words: OrderWords, promised: Mapping[int, int], names: Names, source: RecordSource
) -> Row:  # fmt: skip
    scans = _scans(shipment.said)
    etas = [scan.payload["eta_ms"] for scan in scans if scan.payload["eta_ms"] != -1]
    nodes = sorted({node for position in shipment.positions for node in _sent_from(position, words)})
    stages = [stage_of(position.stage) for position in shipment.positions]
    return {
        "shipment_id": shipment.shipment_id,
        "node": names.node(nodes[0]) if len(nodes) == 1 else None,
        **_carried(_last(told.carrier for told in shipment.said), words.texts["tracking"].get(shipment.tracking)),
        "service": _last(told.service for told in shipment.said),
        "status": state_of_stages(stages, on_hold=False).name.lower() if stages else EMPTY,
        "eta": time_text(etas[-1]) if etas else None,
        "promise": date_text(max((promised.get(node, -1) for node in nodes), default=-1)),
        "lines": _lines(shipment.positions, names),
        "scans": [_scan(scan, source) for scan in scans],
    }


def _carried(carrier: str | None, tracking_number: str | None) -> Row:
    """By whom, and where to look; a guess stands beside what was reported, so that nobody takes one for the other."""
    return {
        "carrier": carrier,
        "carrier_guess": carrier_guess(tracking_number) if tracking_number and carrier is None else None,
        "tracking_number": tracking_number,
        "tracking_url": tracking_url(tracking_number, carrier) if tracking_number else None,
    }


def url_of_all(shipments: Sequence[Row]) -> str | None:
    """The address of the order's only parcel that has one; None where one address could not tell of all of them."""
    urls = {shipment["tracking_url"] for shipment in shipments if shipment["status"] != EMPTY}
    return urls.pop() if len(urls) == 1 else None


def _last(texts: Iterator[str]) -> str | None:
    return next(reversed([text for text in texts if text]), None)


def _sent_from(position: Position, words: OrderWords) -> set[int]:
    """Nodes that units may have been sent from."""
    if stage_of(position.stage) != Stage.RETURNED:
        return {position.node}
    came_back = CameBack(position.line, position.sku, position.shipment, position.node)
    return words.sent_from.get(came_back, {position.node})


def _scans(said: Sequence[Said]) -> list[Step]:
    """By when they happened, whatever the order in which they were told; the newest SHOWN_MAX."""
    scans = [scan for told in said for scan in told.scans]
    return sorted(scans, key=lambda scan: (scan.given["occurred_at_ms"], scan.outcome["version"]))[-SHOWN_MAX:]


def _scan(scan: Step, source: RecordSource) -> Row:
    return {
        "at": time_text(scan.given["occurred_at_ms"]),
        "code": scan.payload["code"] or None,
        "place": scan.payload["place"] or None,
        "text": texts_of(scan, source).get("text"),
        "eta": time_text(scan.payload["eta_ms"]),
        "source": scan.given["source"] or None,
    }


def _lines(positions: Sequence[Position], names: Names) -> list[Row]:
    found: dict[tuple[int, int], int] = {}
    for position in positions:
        key = (position.line, position.sku)
        found[key] = found.get(key, 0) + position.qty
    return [{"line_id": names.line(line), "sku": names.sku(sku), "qty": qty} for (line, sku), qty in found.items()]
