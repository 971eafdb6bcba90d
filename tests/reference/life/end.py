"""Plain twins of kernels/life/end.py."""

from __future__ import annotations

from router.life.states import Stage, stage_byte


def end_books(orders, rows):
    """Let go of the books of orders; those without any are passed by."""
    for row in rows:
        orders.pop(row, None)


def fold_books(orders):
    """All that the books of open orders hold; equal facts give equal values, whatever path led there."""
    return {row: facts(order) for row, order in orders.items() if order is not None}


def facts(order):
    """One order's books as plain values without an order of their own."""
    heaps = {}
    for heap in order.heaps:
        if heap.qty:
            kind = (heap.line, heap.sku, heap.node, stage_byte(heap.stage, heap.detail), heap.shipment)
            units, value = heaps.get(kind, (0, 0))
            heaps[kind] = (units + heap.qty, value + sum(heap.values))
    is_cancelled = order.stages() == {Stage.CANCELLED}  # what was let off of nothing owed says nothing
    return {
        "state": order.state(), "payment_state": order.payment_state(), "version": order.version,
        "reference": order.reference, "newest": order.newest, "customer": order.customer, "total": order.total,
        "currency": order.currency, "promoted": order.promoted, "busy": order.busy,
        "heaps": heaps, "holds": sorted(map(str, order.holds)),
        "payments": [
            (one.key, one.authorized, one.captured, one.refunding, one.refunded, one.failed)
            for one in order.payments if one.key is not None or not one.is_empty
        ],
        "let_off": None if is_cancelled else (order.credited, order.written_off),
        "shipments": [(one.key, one.tracking) for one in order.shipments], "tracking": order.tracking,
        "events": set(order.events),
    }  # fmt: skip


def list_units(orders):
    """(SKU, node, account) -> units that the ledger has to have for all open orders."""
    found = {}
    for order in orders.values():
        for heap in order.heaps if order is not None else ():
            key = (heap.sku, heap.node, heap.account)
            found[key] = found.get(key, 0) + heap.qty
    return {key: units for key, units in found.items() if units}


def sum_books(orders, rows):
    """(units by stage; amounts as kernels/life/end.py sum_books has them) of orders that have books."""
    found = []
    for row in rows:
        order = orders[row]
        units = [sum(heap.qty for heap in order.heaps if heap.stage == stage) for stage in Stage]
        money = [order.sum(name) for name in ("authorized", "captured", "refunding", "refunded")]
        found.append((units, [*money, order.due(), order.total, order.credited, order.written_off]))
    return found
