"""A wave as ``GET /v1/waves/{wave_id}`` shows it, its pick list in walking order, and the same as lines of text."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterator, Sequence
from typing import Any

from router.queries.source import Row
from router.queries.text import time_text
from router.warehouse.walk import NO_BIN, one_by_one, walked
from router.warehouse.wave import Stop, Wave, WaveLine, WaveOrder

_FORMULA = ("=", "+", "-", "@", "\t", "\r")  # what a spreadsheet would compute
_COLUMNS = ("zone", "bin", "sku", "qty", "tote", "order_id", "line_id", "tick")


def wave_row(wave: Wave) -> Row:
    """A wave in a list."""
    return {
        "wave_id": wave.wave_id,
        "node": wave.node,
        "state": wave.state,
        "zone": wave.zone or None,
        "carrier": wave.carrier or None,
        "due_before": time_text(wave.due_before_ms) if wave.due_before_ms else None,
        "made_by": wave.made_by,
        "made_at": time_text(wave.made_ms),
        "ended_at": time_text(wave.ended_ms) if wave.ended_ms else None,
    }


def waiting_row(due_ms: int, carrier: str, orders: int, units: int) -> Row:
    """What waits for one cut-off and carrier, and is in no wave."""
    return {"due_at": time_text(due_ms), "carrier": carrier or None, "orders": orders, "units": units}


def blocked_row(node: str, name: str, reason: str, blocked_by: str, blocked_ms: int) -> Row:
    """A blocked bin."""
    at = time_text(blocked_ms)
    return {"node": node, "bin": name, "reason": reason, "blocked_by": blocked_by, "blocked_at": at}


def wave_view(wave: Wave, orders: Sequence[WaveOrder], lines: Sequence[WaveLine]) -> Row:
    """All that a screen for picking and packing needs."""
    of_order = _by_order(lines)
    walks = [[stop.bin.walk for line in each for stop in line.places] for each in of_order.values()]
    return wave_row(wave) | {
        "orders": [_order_view(order, of_order.get(order.order_key, ())) for order in orders],
        "left": sum(line.left for line in lines),
        "walking": {"wave": walked(walk for each in walks for walk in each), "one_by_one": one_by_one(walks)},
    }


def _order_view(order: WaveOrder, lines: Sequence[WaveLine]) -> Row:
    return {
        "tote": order.number,
        "order_id": order.order_id,
        "channel": order.channel,
        "seller": order.seller or None,
        "due_at": time_text(order.due_ms),
        "carrier": order.carrier or None,
        "service": order.service or None,
        "lines": [_line_view(line) for line in lines],
    }


def _line_view(line: WaveLine) -> Row:
    figures = {name: getattr(line, name) for name in ("qty", "left", "picked", "short", "dropped", "packed")}
    said = {"line_id": line.line_id, "sku": line.sku, **figures, "why": line.why or None}
    return said | {"from": [_stop_view(stop) for stop in line.places]}


def _stop_view(stop: Stop) -> Row:
    return {"sku": stop.sku, "qty": stop.qty, "bin": stop.bin.bin or None, "zone": stop.bin.zone or None}


def pick_list(wave: Wave, orders: Sequence[WaveOrder], lines: Sequence[WaveLine]) -> Row:
    """What is left to pick, bin by bin along the walk; and what has left the wave, so that nobody picks it from an
    older print."""
    by_key = {order.order_key: order for order in orders}
    stops: dict[tuple[int, str, str, str], Row] = {}
    for line in lines:
        for stop in line.places if line.left else ():
            row = stops.setdefault((stop.bin.walk, stop.bin.zone, stop.bin.bin, stop.sku), _empty_stop(stop))
            row["qty"] += line.left * stop.qty
            row["for"].append(_share(by_key[line.order_key], line, line.left * stop.qty))
    gone = [
        _share(by_key[line.order_key], line, line.dropped) | {"sku": line.sku, "why": line.why}
        for line in lines
        if line.dropped
    ]
    return {**wave_row(wave), "stops": [stops[place] for place in sorted(stops)], "dropped": gone}


def _empty_stop(stop: Stop) -> Row:
    walk = None if stop.bin.walk == NO_BIN else stop.bin.walk
    return {"walk": walk, "zone": stop.bin.zone or None, "bin": stop.bin.bin or None, "sku": stop.sku, "qty": 0,
            "for": []}  # fmt: skip


def _share(order: WaveOrder, line: WaveLine, qty: int) -> Row:
    return {"tote": order.number, "order_id": order.order_id, "line_id": line.line_id, "qty": qty}


def pick_list_csv(listed: Row) -> str:
    """A line for every bin and tote; what a spreadsheet would take for a formula is quoted with an apostrophe."""
    out = io.StringIO()
    writer = csv.writer(out)
    writer.writerow(_COLUMNS)
    for stop in listed["stops"]:
        for share in stop["for"]:
            cells = (stop["zone"], stop["bin"], stop["sku"], share["qty"], share["tote"], share["order_id"],
                     share["line_id"], "")  # fmt: skip
            writer.writerow([_cell(each) for each in cells])
    return out.getvalue()


def _cell(value: Any) -> str:
    text = "" if value is None else str(value)
    return f"'{text}" if text.startswith(_FORMULA) else text


def pick_list_text(listed: Row) -> str:
    """For a printer: one stop a line, with a box to tick for each tote."""
    return "\n".join(_text_lines(listed)) + "\n"


def _text_lines(listed: Row) -> Iterator[str]:
    yield f"PICK LIST  wave {listed['wave_id']}  node {listed['node']}  {listed['state']}"
    for stop in listed["stops"]:
        yield f"{stop['zone'] or '-':<8} {stop['bin'] or 'no bin':<14} {stop['sku']:<24} {stop['qty']:>6}"
        for share in stop["for"]:
            yield f"    [ ] {share['qty']:>4}  tote {share['tote']:<4} {share['order_id']} / {share['line_id']}"
    for gone in listed["dropped"]:
        yield f"NOT: {gone['qty']} x {gone['sku']}  tote {gone['tote']}  {gone['order_id']}: {gone['why']}"


def _by_order(lines: Sequence[WaveLine]) -> dict[str, list[WaveLine]]:
    found: dict[str, list[WaveLine]] = {}
    for line in lines:
        found.setdefault(line.order_key, []).append(line)
    return found
