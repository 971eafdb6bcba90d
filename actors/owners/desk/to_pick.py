"""What the reader keeps of orders at nodes that are worked here: that they wait, and what leaves their waves."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import NamedTuple, Protocol

from sqlalchemy import Connection

from actors.owners.desk.wave_ends import settle
from actors.store.desk import to_pick, waves
from actors.store.desk.to_pick import GONE, ToPick
from router.feed.changes import Changes
from router.feed.columns import AN_ORDER
from router.life.event_types import OrderEvent
from router.warehouse.here import OrderHere
from router.warehouse.touched import COLUMNS, Touched, touched_of
from router.warehouse.wave import dropped
from router.work.item import kept_text

WHY_MAX = 200  # characters


class ReadsOrders(Protocol):
    def read(self, newest: int) -> OrderHere | None: ...


class Seen(NamedTuple):
    """An order that a turn changed, as it is at the turn's end."""

    touched: Touched
    order: OrderHere


class PickReader:
    """For the reader's thread alone."""

    def __init__(self, nodes: Sequence[str], numbers_of: Callable[[list[str]], list[int]], books: ReadsOrders) -> None:
        self._nodes = list(nodes)
        self._numbers_of = numbers_of
        self._books = books
        self._known: set[int] = set()
        self._there: dict[int, bool] = {}  # whether an order of the turn under way has rows
        self.columns = COLUMNS if nodes else ()

    def begin(self, connection: Connection) -> None:
        """With what the database has, at the start and after a doubt."""
        self._known = to_pick.known(connection) if self._nodes else set()

    def read(self, changes: Sequence[Changes]) -> list[Seen]:
        """What the orders of a turn became, before anything is written."""
        if not self._nodes:
            return []
        touched = touched_of(changes, self._numbers_of(self._nodes), self._known)
        found = [(each, self._books.read(each.newest)) for each in touched.values()]
        return [Seen(each, order) for each, order in found if order is not None]

    def keep(self, connection: Connection, seen: Sequence[Seen], now_ms: int) -> None:
        """In the transaction of the reader."""
        self._there = {}
        before = to_pick.of_orders(connection, [each.touched.order_key for each in seen])
        for each in seen:
            self._keep(connection, each, {row.node: row for row in before.get(each.touched.order_key, ())}, now_ms)

    def _keep(self, connection: Connection, seen: Seen, before: Mapping[str, ToPick], now_ms: int) -> None:
        after = {row.node: row for row in self._rows(seen, before)}
        to_pick.keep(connection, after.values())
        self._there[seen.touched.low_half] = bool(after)
        to_pick.remove(connection, [row for node, row in before.items() if node not in after])
        for row in after.values():
            if row.wave_id:
                _leave_wave(connection, row, seen, now_ms)

    def _rows(self, seen: Seen, before: Mapping[str, ToPick]) -> Iterator[ToPick]:
        """An order that has left a node keeps its row while a wave has it."""
        touched, order = seen
        for node in self._nodes:
            here, row = order.nodes.get(node), before.get(node)
            if here is not None:
                wave_id = row.wave_id if row else ""
                yield ToPick(
                    touched.order_key, node, touched.newest, order.version, here.carrier, here.due_ms, here.units,
                    wave_id,
                )  # fmt: skip
            elif row is not None and row.wave_id:
                yield row._replace(newest=touched.newest, version=order.version, units=GONE)

    def told(self) -> None:
        """The turn is durable."""
        self._known |= {low_half for low_half, has_rows in self._there.items() if has_rows}
        self._known -= {low_half for low_half, has_rows in self._there.items() if not has_rows}


def _leave_wave(connection: Connection, row: ToPick, seen: Seen, now_ms: int) -> None:
    here = seen.order.nodes.get(row.node)
    waiting = {} if here is None else {line.line: line.qty for line in here.lines}
    lines = waves.lines_of(connection, row.wave_id, row.order_key)
    waves.put_lines(connection, dropped(lines, waiting, _why(seen.touched)))
    settle(connection, row.wave_id, row.order_key, now_ms)


def _why(touched: Touched) -> str:
    event = "order" if touched.event == AN_ORDER else OrderEvent(touched.event).name.lower()
    said = f"{event}: {touched.reason}" if touched.reason else event
    return kept_text(said)[:WHY_MAX]
