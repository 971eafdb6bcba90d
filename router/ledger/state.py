"""Everything the ledger knows, and the changes that decisions, events and their replays make to it alike.

cells         units per SKU and node                 waiting       lines that found none
memory        everything countable but units         granted       what shards may not have taken over yet
reservations  units held for a key                  lots          until when units are good
numbers       of invoices and credit notes
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import xxhash

from kernels.claim.forget import forget, forget_uses
from kernels.claim.serve import serve_again
from kernels.layout import PromotionRows
from router.arrow.arena import Arena
from router.arrow.arrays import list_parts, numbers
from router.config import Policy
from router.ledger.amend import Replanned
from router.ledger.cells import Cells, Touched
from router.ledger.granted import SHARD_SHIFT, Granted
from router.ledger.lots import Cell as LotCell
from router.ledger.lots import Lots, ToldLots
from router.ledger.memory import Memory
from router.ledger.moves import Cell, MoveRows, Withdrawals, apply_moves, moves_of
from router.ledger.number_series import NumberSeries
from router.ledger.pending import Reservations
from router.ledger.shown_lots import ShownLots
from router.ledger.waiting import Waiting
from router.life.states import CellAccount

Arrays = dict[str, npt.NDArray[Any]]
Rows = npt.NDArray[Any]
I16 = npt.NDArray[np.int16]
I32 = npt.NDArray[np.int32]
I64 = npt.NDArray[np.int64]

CHECKPOINT_FORM = 4  # to be raised where what is dumped means something else; the first were stored without a mark
_SEQUENCE_SHIFT, _SEQUENCE_MASK = 16, (1 << 32) - 1


def can_restore(arrays: Arrays) -> bool:
    """Whether a checkpoint is of this form; where it is not the log is read from its beginning."""
    return int(arrays["form"][0] if "form" in arrays else 1) == CHECKPOINT_FORM


class Changed(NamedTuple):
    """What a record changed of what readers are shown."""

    cells: Touched
    lots: list[ToldLots]


class LedgerState:
    """The state of one ledger."""

    def __init__(self, policy: Policy, arena: Arena) -> None:
        self.cells = Cells(arena)
        self.memory = Memory(policy)
        self.waiting = Waiting()
        self.granted = Granted()
        self.reservations = Reservations()
        self.lots = Lots()
        self.numbers = NumberSeries()
        self._shown_lots = ShownLots(arena)
        self.waits_from: dict[int, int] = {}  # by shard: its first sequence whose backordered lines wait here
        self._touched: list[tuple[I32, I16]] = []

    # --- units -----------------------------------------------------------------------------------

    def touch(self, sku: I32, node: I16) -> None:
        """Cells that readers have to be shown anew."""
        self._touched.append((sku, node))

    def take_touched(self) -> Changed:
        """The cells changed since the last call, with what they hold now; for ``publish`` once that is durable."""
        skus = [sku for sku, _ in self._touched] or [np.zeros(0, np.int32)]
        nodes = [node for _, node in self._touched] or [np.zeros(0, np.int16)]
        self._touched = []
        touched = self.cells.touched(np.concatenate(skus), np.concatenate(nodes))
        return Changed(touched, self._told_lots(self.lots.take_changed()))

    def publish(self, changed: Changed | None, sequence: int) -> None:
        """Show readers what the record of ``sequence`` left, cells and lots at once; None shows all as it is now."""
        with self.cells.lock:
            if changed is None:
                self._shown_lots.forget()
            self._shown_lots.show(self._told_lots(self.lots.cells) if changed is None else changed.lots)
            self.cells.publish(changed and changed.cells, sequence)

    def _told_lots(self, cells: list[LotCell]) -> list[ToldLots]:
        if not cells:
            return []
        _, received = self.numbers_of(cells)
        rows = zip(cells, received.tolist(), strict=True)
        return [self.lots.told(cell, units, self.aside_blocked(cell)) for cell, units in rows]

    def numbers_of(self, cells: list[LotCell]) -> tuple[I64, I64]:
        """What is available in open cells, and what they have received."""
        sku, node = np.array(cells, np.int64).reshape(-1, 2).T
        return self.cells.numbers_of(sku.astype(np.int32), node.astype(np.int16))

    def aside_blocked(self, cell: LotCell) -> int:
        """Units of a cell that lie aside as blocked, for whatever reason."""
        return self.cells.aside.units(*cell, CellAccount.BLOCKED)

    def move(self, rows: MoveRows) -> None:
        """Units from account to account."""
        if not len(rows):
            return
        apply_moves(rows, self.cells, self.memory)
        self.touch(rows.sku, rows.node)
        if len(self.lots):
            back = rows.to_account == CellAccount.AVAILABLE
            self.lots.given_back(rows.sku[back], rows.node[back])
            self._touch_lots(rows)
            self._tell_of_away(rows)
        away = rows.to_node >= 0
        self.touch(rows.sku[away], rows.to_node[away])

    def _touch_lots(self, rows: MoveRows) -> None:
        ends = (CellAccount.GONE, CellAccount.BLOCKED)
        away = rows.to_node >= 0
        other = away | np.isin(rows.from_account, ends) | np.isin(rows.to_account, ends)
        self.lots.touch(rows.sku[other], rows.node[other])
        self.lots.touch(rows.sku[away], rows.to_node[away])

    def _tell_of_away(self, rows: MoveRows) -> None:
        """Units of orders that did not lie in their cell do again, or never will."""
        stays = rows.to_node < 0
        were_away = np.isin(rows.from_account, (CellAccount.SHIPPED, CellAccount.INSPECTION))
        back = were_away & stays & (rows.to_account == CellAccount.AVAILABLE)
        gone = were_away & (~stays | (rows.to_account == CellAccount.GONE))
        for which, tell in ((back, self.lots.came_back), (gone, self.lots.lost)):
            columns = (column[which].tolist() for column in (rows.sku, rows.node, rows.qty))
            for sku, node, units in zip(*columns, strict=True):
                tell((sku, node), units)

    def take(self, result: Replanned, account: CellAccount) -> None:
        """Units and parcels of a plan."""
        self.move(moves_of(result.cells, CellAccount.AVAILABLE, account))
        nodes = int(result.parcels["node"].max(initial=-1)) + 1
        self.memory.reserve(0, 0, 0, max(nodes, self.cells.nodes))
        self.memory.take_days(result.parcels)

    # --- who waits -------------------------------------------------------------------------------

    def waits_since(self, shard: int, sequence: int) -> None:
        """Backordered lines of a shard's orders wait here from this sequence on."""
        self.waits_from.setdefault(shard, sequence)

    def give_up(self, given_up: Withdrawals, seen: int) -> list[Cell]:
        """Let lines wait no longer; the cells to which units go back that were granted after ``seen``.

        First of what waits, then of the newest grants. Orders from before lines waited here have nothing to give up.
        """
        if not len(given_up.order):
            return []
        rest, back = self.waiting.withdraw(given_up), []
        for row in np.flatnonzero(rest).tolist():
            order = int(given_up.order[row])
            cells, over = self.granted.take_back(order, int(given_up.line[row]), int(rest[row]), seen)
            back += cells
            assert not over or self._is_from_before(order), f"order {order:#x} gives up {over} units too many"
        return back

    def _is_from_before(self, order: int) -> bool:
        first = self.waits_from.get(order >> SHARD_SHIFT)
        return first is None or (order >> _SEQUENCE_SHIFT & _SEQUENCE_MASK) < first

    def grant_again(self, rows: Rows, record: int) -> None:
        """What a record of the log granted."""
        if not len(rows):
            return
        self.cells.open(rows["sku"].copy(), rows["node"].copy())
        faults = serve_again(rows, self.cells.units, self.waiting.rows)
        assert faults == 0, f"record {record} grants units to {faults} lines that do not wait for them"
        self.remember_grants(rows, record)

    def remember_grants(self, rows: Rows, record: int) -> None:
        self.granted.add(record, rows)
        self.touch(rows["sku"].copy(), rows["node"].copy())

    # --- what a cancelled order gives back beside units --------------------------------------------

    def give_back(self, given_back: pa.RecordBatch, promotions_of: Mapping[int, PromotionRows]) -> None:
        """GIVEN_BACK: the customer's count, the basket, the uses of promotions, of any version that a row names."""
        if not given_back.num_rows:
            return
        customer = numbers(given_back, "customer").view(np.int64)
        reference, basket = numbers(given_back, "order"), numbers(given_back, "basket").view(np.int64)
        counted = self.memory.counted(np.zeros(0, np.int64))
        assert forget(reference, customer, basket, counted) == 0, "an order of a customer who has none is given back"
        offset, promotions = list_parts(given_back.column("promotions"))
        row = np.repeat(np.arange(given_back.num_rows), np.diff(offset))
        version, promotion = numbers(given_back, "tables_version")[row], promotions.to_numpy()
        for named in np.unique(version).tolist():
            terms, its = promotions_of[named], version == named
            code, user = terms.code[promotion[its]], customer[row[its]]
            self.memory.take_back_uses(code)
            counts = (terms.per_customer[promotion[its]] >= 0) & (user != 0)
            never = forget_uses(np.ascontiguousarray(user[counts]), np.ascontiguousarray(code[counts]), counted)
            assert never == 0, "a use of a promotion that was never counted is given back"

    # --- the whole -------------------------------------------------------------------------------

    def dump(self) -> Arrays:
        """The whole state but the tables, in a form that depends on the facts alone."""
        return self.cells.dump() | self.memory.dump() | self._dump_rest()

    def snapshot(self) -> Arrays:
        """The same for a checkpoint, taken quickly and in no particular order."""
        form = {"form": np.array([CHECKPOINT_FORM])}
        return form | self.cells.dump() | self.memory.snapshot() | self._dump_rest()

    def _dump_rest(self) -> Arrays:
        waits_from = np.array(sorted(self.waits_from.items()), np.int64).reshape(-1, 2)
        return {
            "waiting": self.waiting.dump(),
            "barred": self.waiting.dump_barred(),
            "waits_from": waits_from,
            **self.granted.dump(),
            **self.reservations.dump(),
            **self.lots.dump(),
            **self.numbers.dump(),
        }

    def restore(self, arrays: Arrays) -> None:
        """Become what was dumped or taken as a snapshot."""
        self.cells.restore(arrays)
        self.memory.restore(arrays)
        self.waiting.restore(arrays["waiting"], arrays["barred"])
        self.waits_from = {shard: sequence for shard, sequence in arrays["waits_from"].tolist()}
        self.granted.restore(arrays["granted"], arrays["grants_seen"])
        self.reservations.restore(arrays)
        self.lots.restore(arrays)
        self.numbers.restore(arrays)

    def state_hash(self) -> int:
        """Digest of the state; equal states have equal digests."""
        digest = xxhash.xxh3_64()
        for name, array in sorted(self.dump().items()):
            digest.update(f"{name}:{array.shape}".encode())
            digest.update(np.ascontiguousarray(array).tobytes())
        return digest.intdigest()
