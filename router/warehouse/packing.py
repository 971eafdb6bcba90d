"""What an order of a wave is packed into, and the slip that lies in its cartons."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from typing import NamedTuple

from router.queries.source import Row
from router.warehouse.cartons import UNITS_MAX, Carton, Packed, Proposal, Unit, bound_minor, propose
from router.warehouse.wave import Wave, WaveLine, WaveOrder

UnitOf = Callable[[str], Unit | None]  # of a SKU; None where no table has its size and weight


class ToPack(NamedTuple):
    """What of an order is to be packed, by SKU."""

    units: tuple[Unit, ...]
    not_measured: Counter[str]
    is_too_many: bool  # to propose anything


def to_pack(lines: Sequence[WaveLine], unit_of: UnitOf) -> ToPack:
    """All that is in the wave still, picked or to be picked, and not packed."""
    counts: Counter[str] = Counter()
    for line in lines:
        wanted = line.left + line.picked - line.packed
        for stop in line.places if wanted > 0 else ():
            counts[stop.sku] += wanted * stop.qty
    found = {sku: unit_of(sku) for sku in counts}
    is_too_many = sum(counts.values()) > UNITS_MAX
    units = () if is_too_many else tuple(
        unit for sku, qty in counts.items() for unit in [found[sku]] * qty if unit is not None
    )  # fmt: skip
    return ToPack(units, Counter({sku: qty for sku, qty in counts.items() if found[sku] is None}), is_too_many)


def packing_view(
    wave: Wave, order: WaveOrder, lines: Sequence[WaveLine], packed: ToPack, cartons: Sequence[Carton]
) -> Row:
    """The order with a proposal; ``cartons`` of it are null where the router cannot propose any, and why."""
    proposal = propose(packed.units, cartons) if cartons and packed.units else None
    return {
        "wave_id": wave.wave_id,
        "node": wave.node,
        "tote": order.number,
        "order_id": order.order_id,
        "channel": order.channel,
        "seller": order.seller or None,
        "carrier": order.carrier or None,
        "service": order.service or None,
        "lines": [
            {"line_id": line.line_id, "sku": line.sku, "picked": line.picked, "packed": line.packed, "left": line.left}
            for line in lines
        ],
        "cartons": None if proposal is None else [_carton_view(each) for each in proposal.packed],
        "too_large": _counted(proposal.too_large if proposal else ()),
        "not_measured": [{"sku": sku, "qty": qty} for sku, qty in sorted(packed.not_measured.items())],
        "cost": None if proposal is None else proposal.cost_minor,
        "cost_at_least": None if proposal is None else bound_minor(packed.units, cartons),
        "why": _why(packed, cartons, proposal),
    }


def _why(packed: ToPack, cartons: Sequence[Carton], proposal: Proposal | None) -> str | None:
    if packed.is_too_many:
        return f"It has more than {UNITS_MAX} units; pack it as you see fit."
    if not cartons:
        return "The table cartons is empty; put the cartons that there are."
    if packed.not_measured:
        return "Some SKUs have no length_mm, width_mm and height_mm in the table skus; add them."
    if proposal is not None and proposal.too_large:
        return "Some units fit into no carton; send them by themselves."
    return None


def _carton_view(packed: Packed) -> Row:
    return {
        "carton": packed.carton.carton,
        "weight_g": packed.weight_g,
        "cost": packed.carton.cost_minor,
        "units": _counted(packed.units),
    }


def _counted(units: Sequence[Unit]) -> list[Row]:
    return [{"sku": sku, "qty": qty} for sku, qty in sorted(Counter(unit.sku for unit in units).items())]


def slip_text(view: Row) -> str:
    """The packing slip, for a printer: what lies in it, without a price and without an address."""
    return "\n".join(_slip_lines(view)) + "\n"


def _slip_lines(view: Row) -> Iterator[str]:
    yield f"PACKING SLIP  order {view['order_id']}  from {view['seller'] or view['channel']}"
    yield f"node {view['node']}  tote {view['tote']}  {view['carrier'] or '-'} {view['service'] or ''}".rstrip()
    for line in view["lines"]:
        yield f"{line['picked']:>6} x {line['sku']:<32} line {line['line_id']}"
    for number, carton in enumerate(view["cartons"] or (), 1):
        yield f"carton {number} ({carton['carton']}, {carton['weight_g']:,} g)"
        for each in carton["units"]:
            yield f"{each['qty']:>10} x {each['sku']}"
    if view["why"]:
        yield view["why"]
