"""Waves, as people make them and report on them; each act is one transaction with the events that follow from it.

make ─▶ orders that wait, their lines and bins        picked, short ─▶ lines, blocked bins, events (outbox)
heard: the books have it, or refuse it ─▶ lines       release ─▶ what is left waits for another wave
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any, NamedTuple

import msgspec
from sqlalchemy import Connection

from actors.owners.desk.once import once
from actors.owners.desk.to_pick import ReadsOrders
from actors.owners.desk.wave_ends import WORK, settle, work_id_of
from actors.store.desk import outbox, to_pick, waves
from actors.store.desk.database import Database
from actors.store.desk.ids import uuid7
from actors.store.desk.outbox import Letter
from actors.store.desk.repeats import Asked
from actors.store.desk.to_pick import ToPick
from actors.store.desk.waves import Blocked
from router.ids import Scope
from router.queries.text import time_text
from router.warehouse.bins import Bins
from router.warehouse.cartons import Carton
from router.warehouse.gather import Candidate, Chosen, Gathered, gather
from router.warehouse.packing import UnitOf, packing_view, to_pack
from router.warehouse.reports import BinAsked, WaveList, WaveReport, bins_of, event_of, lines_of_event
from router.warehouse.wave import Reported, Wave, WaveAsked, WaveLine, WaveOrder, dropped, not_taken, reported
from router.warehouse.wave_views import blocked_row, pick_list, waiting_row, wave_row, wave_view
from router.work.acts import encoded
from router.work.item import WorkRefused

CANDIDATES_MAX = 1_000  # orders looked at for one wave
WAITING_MAX = 500  # cut-offs and carriers listed
NO_WAVE = "No wave has this id; GET /v1/waves?node=NODE lists them."


class WaveTerms(NamedTuple):
    scope: Scope
    nodes: Sequence[str]  # that are worked here
    bins: Callable[[], Bins]
    cartons: Callable[[], Sequence[Carton]]
    unit_of: UnitOf  # as it is packed


class Waves:
    """For any thread; ``books`` are read in transactions that write, one after the other."""

    def __init__(self, database: Database, terms: WaveTerms, books: ReadsOrders) -> None:
        self._database = database
        self._terms = terms
        self._books = books

    # --- asked from outside ----------------------------------------------------------------------

    def make(self, asked: WaveAsked) -> bytes:
        """A new wave as JSON, durable; raises WorkRefused with nothing done."""
        self._refuse_others(asked.node)
        with self._database.write() as connection:
            named = Asked(asked.caller, asked.key, asked.digest)
            return once(connection, named, asked.now_ms, lambda: self._make(connection, asked))

    def report(self, report: WaveReport) -> bytes:
        """The wave afterwards as JSON, durable; raises WorkRefused with nothing done."""
        with self._database.write() as connection:
            named = Asked(report.caller, report.key, report.digest)
            return once(connection, named, report.now_ms, lambda: self._report(connection, report))

    def one(self, wave_id: str) -> bytes:
        with self._database.read() as connection:
            return _view(connection, _found(connection, wave_id))

    def pick_list(self, wave_id: str) -> bytes:
        with self._database.read() as connection:
            wave = _found(connection, wave_id)
            orders, lines = waves.orders_of(connection, wave_id), waves.lines_of(connection, wave_id)
        return msgspec.json.encode(pick_list(wave, orders, lines))

    def packing(self, wave_id: str, tote: int) -> bytes:
        """An order of a wave with the cartons proposed for it, as JSON; raises WorkRefused."""
        with self._database.read() as connection:
            wave = _found(connection, wave_id)
            order = _in_tote(waves.orders_of(connection, wave_id), tote)
            lines = waves.lines_of(connection, wave_id, order.order_key)
        packed = to_pack(lines, self._terms.unit_of)
        return msgspec.json.encode(packing_view(wave, order, lines, packed, self._terms.cartons()))

    def list(self, wanted: WaveList) -> bytes:
        """What waits at a node by cut-off, and its waves, the newest first."""
        self._refuse_others(wanted.node)
        with self._database.read() as connection:
            waiting = to_pick.waiting(connection, wanted.node, WAITING_MAX)
            found = waves.page(connection, wanted.node, wanted.states, wanted.behind, wanted.limit + 1)
        cursor = found[wanted.limit - 1].wave_id if len(found) > wanted.limit else None
        rows = [wave_row(wave) for wave in found[: wanted.limit]]
        return msgspec.json.encode(
            {"waiting": [waiting_row(*each) for each in waiting], "waves": rows, "cursor": cursor}
        )

    def blocked(self, node: str) -> bytes:
        self._refuse_others(node)
        with self._database.read() as connection:
            return _bins(connection, node)

    def bin(self, asked: BinAsked) -> bytes:
        """Block a bin, or give it free; the blocked bins of its node afterwards."""
        self._refuse_others(asked.node)
        with self._database.write() as connection:
            if asked.is_blocked:
                waves.block(connection, Blocked(asked.node, asked.bin, asked.reason, asked.caller, asked.now_ms))
            elif not waves.unblock(connection, asked.node, asked.bin):
                raise WorkRefused("wave_conflict", f"bin: {asked.bin!r} of {asked.node!r} is not blocked.")
            return _bins(connection, asked.node)

    def _refuse_others(self, node: str) -> None:
        if node not in self._terms.nodes:
            said = f"node: {node!r} is not worked here; name it in `nodes` of [warehouse] in the configuration."
            raise WorkRefused("bad_parameter", said)

    # --- making ----------------------------------------------------------------------------------

    def _make(self, connection: Connection, asked: WaveAsked) -> bytes:
        rows = to_pick.first(connection, asked.node, asked.carrier, asked.due_before_ms, CANDIDATES_MAX)
        blocked = {each.bin for each in waves.blocked_at(connection, asked.node)}
        chosen = gather(self._candidates(rows, asked.node), asked, self._terms.bins(), blocked)
        if not chosen.orders:
            raise WorkRefused("wave_conflict", _why_none(chosen, asked))
        wave = Wave(
            wave_id=uuid7(asked.now_ms),
            node=asked.node,
            zone=asked.zone,
            carrier=asked.carrier,
            due_before_ms=asked.due_before_ms,
            made_by=asked.caller,
            made_ms=asked.now_ms,
        )
        orders = [_order(wave, number, each) for number, each in enumerate(chosen.orders, 1)]
        waves.add(connection, wave, orders, [line for each in chosen.orders for line in _lines(wave, each)])
        for order in orders:
            to_pick.take(connection, wave.wave_id, order.order_key, wave.node)
        return _view(connection, wave)

    def _candidates(self, rows: Sequence[ToPick], node: str) -> Iterator[Candidate]:
        """As of the change that was read last, so what comes later drops out when it is read."""
        for row in rows:
            order = self._books.read(row.newest)
            here = None if order is None else order.nodes.get(node)
            if order is not None and here is not None:
                yield Candidate(row.order_key, order, here)

    # --- reporting -------------------------------------------------------------------------------

    def _report(self, connection: Connection, report: WaveReport) -> bytes:
        wave = _found(connection, report.wave_id)
        orders, lines = waves.orders_of(connection, wave.wave_id), waves.lines_of(connection, wave.wave_id)
        if (what := report.what) == "released":
            return self._release(connection, wave, orders, lines, report)
        if what == "packed":
            order = _in_tote(orders, report.tote)
            lines = [line for line in lines if line.order_key == order.order_key]
            report = _of_all_picked(report, order, lines)
        changed = reported(what, report.lines, lines, orders)
        waves.put_lines(connection, changed)
        if report.what == "short":
            for name in bins_of(report, changed, orders):
                waves.block(connection, Blocked(wave.node, name, report.reason, report.caller, report.now_ms))
        outbox.put_in(connection, list(self._letters(wave, orders, report)))
        for order_key in {line.order_key for line in changed}:
            settle(connection, wave.wave_id, order_key, report.now_ms)
        return _view(connection, _found(connection, wave.wave_id))

    def _letters(self, wave: Wave, orders: Sequence[WaveOrder], report: WaveReport) -> Iterator[Letter]:
        """One an order."""
        said = {each.order_id for each in report.lines}
        for order in orders:
            if order.order_id in said:
                event_id, at = uuid7(report.now_ms), str(time_text(report.now_ms))
                event = event_of(wave, order, report, event_id, at, self._terms.scope)
                yield Letter(event_id, work_id_of(wave.wave_id), order.order_key, encoded(event), report.now_ms)

    def _release(
        self, connection: Connection, wave: Wave, orders: Sequence[WaveOrder], lines: Sequence[WaveLine],
        report: WaveReport,
    ) -> bytes:  # fmt: skip
        if wave.state != "open":
            raise WorkRefused("wave_conflict", f"The wave is {wave.state} already; make a new one of what waits.")
        waves.put_lines(connection, dropped(lines, {}, "released"))
        wave = msgspec.structs.replace(wave, state="released", ended_ms=report.now_ms)
        waves.put_wave(connection, wave)
        for order in orders:
            settle(connection, wave.wave_id, order.order_key, report.now_ms)
        return _view(connection, wave)

    # --- heard of the books ----------------------------------------------------------------------

    def heard(self, connection: Connection, letter: Letter, answer: Mapping[str, Any], now: int) -> None:
        """What became of a report."""
        if not letter.work_id.startswith(WORK):
            return
        wave_id = letter.work_id.removeprefix(WORK)
        if answer["status"] == "refused":
            self._not_taken(connection, wave_id, letter, str(answer["detail"]))
        else:
            order = waves.order_of(connection, wave_id, letter.order_key)
            told = msgspec.structs.replace(order, told_version=max(order.told_version, answer["version"]))
            waves.put_order(connection, told)
        settle(connection, wave_id, letter.order_key, now)

    def _not_taken(self, connection: Connection, wave_id: str, letter: Letter, why: str) -> None:
        lines = {line.line_id: line for line in waves.lines_of(connection, wave_id, letter.order_key)}
        what, said = lines_of_event(letter.event)
        changed = [not_taken(lines[line_id], what, qty, why) for line_id, qty in said.items()]
        waves.put_lines(connection, changed)


def _found(connection: Connection, wave_id: str) -> Wave:
    wave = waves.find(connection, wave_id)
    if wave is None:
        raise WorkRefused("wave_not_found", NO_WAVE)
    return wave


def _of_all_picked(report: WaveReport, order: WaveOrder, lines: Sequence[WaveLine]) -> WaveReport:
    """What was picked and lies in no carton."""
    unpacked = [line for line in lines if line.picked > line.packed]
    if not unpacked:
        raise WorkRefused("wave_conflict", f"tote: nothing in tote {order.number} waits to be packed; pick first.")
    said = tuple(Reported(order.order_id, line.line_id, line.picked - line.packed) for line in unpacked)
    return report._replace(lines=said)


def _in_tote(orders: Sequence[WaveOrder], tote: int) -> WaveOrder:
    found = next((order for order in orders if order.number == tote), None)
    if found is None:
        raise WorkRefused("bad_parameter", f"tote: the wave has totes 1 to {len(orders)}; name one of them.")
    return found


def _view(connection: Connection, wave: Wave) -> bytes:
    orders, lines = waves.orders_of(connection, wave.wave_id), waves.lines_of(connection, wave.wave_id)
    return msgspec.json.encode(wave_view(wave, orders, lines))


def _bins(connection: Connection, node: str) -> bytes:
    rows = [blocked_row(*each) for each in waves.blocked_at(connection, node)]
    return msgspec.json.encode({"node": node, "blocked": rows})


def _order(wave: Wave, number: int, gathered: Gathered) -> WaveOrder:
    order_key, order, here = gathered.candidate
    return WaveOrder(
        wave_id=wave.wave_id,
        order_key=order_key,
        number=number,
        order_id=order.order_id,
        channel=order.channel,
        seller=order.seller,
        due_ms=here.due_ms,
        carrier=here.carrier,
        service=here.service,
    )


def _lines(wave: Wave, gathered: Gathered) -> Iterator[WaveLine]:
    for line, stops in gathered.lines:
        yield WaveLine(
            wave_id=wave.wave_id,
            order_key=gathered.candidate.order_key,
            line=line.line,
            line_id=line.line_id,
            sku=line.sku,
            stops=msgspec.json.encode(stops).decode(),
            qty=line.qty,
        )


def _why_none(chosen: Chosen, asked: WaveAsked) -> str:
    """With what stands in the way, so that it can be seen to."""
    stays = {
        f"{chosen.in_other_zones} are not in zone {asked.zone!r} with all they have": chosen.in_other_zones,
        f"{chosen.bins_blocked} lie in blocked bins (GET /v1/bins)": chosen.bins_blocked,
        f"{chosen.apart} are bundles that lie in parts": chosen.apart,
    }
    said = "; ".join(words for words, count in stays.items() if count)
    return f"Nothing of what waits at {asked.node!r} fits{': ' + said if said else ''}; ask for less, or later."
