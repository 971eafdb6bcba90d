"""Origins: whose order it is, and which invoices stand for it; what numbering has to know of every order at once.

Six bytes an order, by row of the order index, for as long as the order is known: money comes and goes after its book
was let go, too. Who it is of, is the number of a distinct (channel, seller, came paid); a router has few.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import msgspec
import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc
import xxhash

from router.arrow.arrays import numbers, with_room
from router.config import Invoicing, Policy
from router.life.documents import Document
from router.life.states import PaymentState

I64 = npt.NDArray[np.int64]
U16 = npt.NDArray[np.uint16]
U32 = npt.NDArray[np.uint32]
U64 = npt.NDArray[np.uint64]

WHOLE = (1 << 16) - 1  # of `standing`: an invoice of the whole order; other numbers count invoices of parts
INVOICING: tuple[Invoicing, ...] = ("none", "capture", "ship")
_POLICIES_KEPT = 8
_KINDS_MAX = 1 << 14  # combinations in one record that are looked up in a table of their own
_MIXER = np.uint64(0x9E3779B97F4A7C15)


class Origin(NamedTuple):
    channel: str
    seller: str
    came_paid: bool


class Origins:
    """Of one shard."""

    def __init__(self) -> None:
        self._numbers: dict[Origin, int] = {}
        self.known: list[Origin] = []
        self._seller_numbers: dict[str, int] = {}
        self._seller_names: list[str] = []
        self._seller_of: list[int] = []  # by number of the origin
        self._of_row: U32 = np.zeros(0, np.uint32)
        self._standing: U16 = np.zeros(0, np.uint16)
        self._invoicing: dict[int, npt.NDArray[np.uint8]] = {}  # by version of the tables

    @property
    def nbytes(self) -> int:
        return self._of_row.nbytes + self._standing.nbytes

    # --- orders ----------------------------------------------------------------------------------

    def note(self, admitted: pa.RecordBatch, rows: I64) -> None:
        """Orders of a record; ``rows`` are theirs in the index."""
        if not len(rows):
            return
        self._reserve(rows)
        channel, seller = (pc.dictionary_encode(admitted.column(name)) for name in ("channel", "seller"))
        came_paid = numbers(admitted, "payment") == PaymentState.PAID
        sellers = len(seller.dictionary)
        mixed = (channel.indices.to_numpy().astype(np.int64) * sellers + seller.indices.to_numpy()) * 2 + came_paid
        kinds = 2 * sellers * len(channel.dictionary)
        if kinds <= _KINDS_MAX:
            present = np.flatnonzero(np.bincount(mixed, minlength=kinds))
        else:
            present, mixed = np.unique(mixed, return_inverse=True)
        names = [column.dictionary.to_pylist() for column in (channel, seller)]
        found = [
            self._number(Origin(names[0][at // 2 // sellers], names[1][at // 2 % sellers], bool(at % 2)))
            for at in present.tolist()
        ]
        table = np.array(found, np.uint32)
        if kinds <= _KINDS_MAX:
            table = np.zeros(kinds, np.uint32)
            table[present] = found
        self._of_row[rows] = table[mixed]

    def _number(self, origin: Origin) -> int:
        number = self._numbers.setdefault(origin, len(self.known))
        if number == len(self.known):
            self.known.append(origin)
        return number

    def _reserve(self, rows: I64) -> None:
        wanted = int(rows.max()) + 1
        if wanted > len(self._of_row):
            room = max(wanted, 2 * len(self._of_row), 1 << 12)
            self._of_row, self._standing = with_room(self._of_row, room), with_room(self._standing, room)

    def of(self, rows: I64) -> U32:
        """Numbers of the origins of orders."""
        return self._of_row[rows]

    def invoicing(self, version: int, policy: Policy) -> npt.NDArray[np.uint8]:
        """By number of the origin what makes its invoices: a place in INVOICING; ``policy`` is that of a version of the
        tables."""
        known = self._invoicing.get(version)
        if known is None or len(known) < len(self.known):
            more = self.known[0 if known is None else len(known) :]
            added = [INVOICING.index(policy.of_order(one.channel, one.seller).invoices) for one in more]
            known = np.concatenate([np.zeros(0, np.uint8) if known is None else known, np.array(added, np.uint8)])
            self._invoicing[version] = known
            while len(self._invoicing) > _POLICIES_KEPT:
                del self._invoicing[next(iter(self._invoicing))]
        return known

    def sellers(self, origins: U32) -> I64:
        """Numbers of sellers, by numbers of origins."""
        for one in self.known[len(self._seller_of) :]:
            number = self._seller_numbers.setdefault(one.seller, len(self._seller_names))
            self._seller_names += [one.seller] * (number == len(self._seller_names))
            self._seller_of.append(number)
        return np.array(self._seller_of, np.int64)[origins]

    def seller(self, number: int) -> str:
        return self._seller_names[number]

    def came_paid(self, origins: U32) -> npt.NDArray[np.bool_]:
        return np.array([one.came_paid for one in self.known], np.bool_)[origins]

    # --- their invoices ----------------------------------------------------------------------------

    def standing(self, rows: I64) -> U16:
        """Invoices of orders that were not withdrawn."""
        return self._standing[rows]

    def invoiced(self) -> I64:
        """Rows of the orders for which invoices stand."""
        return np.flatnonzero(self._standing)

    def made(self, rows: I64, documents: npt.NDArray[np.uint8]) -> None:
        """Documents that a batch made. What withdraws invoices is never in one batch with what makes some
        (split_events.py)."""
        whole, part, withdrawn = (
            rows[documents == kind] for kind in (Document.INVOICE, Document.INVOICE_OF_PART, Document.INVOICE_WITHDRAWN)
        )
        self._standing[whole] = WHOLE
        np.add.at(self._standing, part, np.uint16(1))
        for row in withdrawn.tolist():
            self._standing[row] = after(int(self._standing[row]), Document.INVOICE_WITHDRAWN)

    # --- state -----------------------------------------------------------------------------------

    def state_hash(self, order_hi: U64) -> int:
        """Digest over the orders with these hashes, by row; the same whatever numbers origins have."""
        count = len(order_hi)
        rows = np.arange(min(count, len(self._of_row)))
        texts = [xxhash.xxh3_64_intdigest(repr(tuple(one)).encode()) for one in self.known] or [0]
        words = np.array(texts, np.uint64)[self._of_row[rows]] + self._standing[rows]
        mixed = (words ^ order_hi[rows]) * _MIXER
        return int(np.bitwise_xor.reduce(mixed ^ mixed >> np.uint64(29), initial=np.uint64(0)))

    def dump(self) -> dict[str, npt.NDArray[Any]]:
        """The state for a checkpoint until the next change."""
        known = np.frombuffer(msgspec.json.encode([list(one) for one in self.known]), np.uint8)
        return {"known": known, "of_row": self._of_row, "standing": self._standing}

    def restore(self, arrays: dict[str, npt.NDArray[Any]]) -> None:
        """Become what was dumped."""
        self.known = msgspec.json.decode(arrays["known"].tobytes(), type=list[Origin])
        self._numbers = {origin: number for number, origin in enumerate(self.known)}
        self._of_row, self._standing = arrays["of_row"].copy(), arrays["standing"].copy()
        self._invoicing.clear()
        self._seller_of.clear()


def after(standing: int, document: int) -> int:
    """What stands for an order after a document of it was made."""
    if document == Document.INVOICE:
        return WHOLE
    if document == Document.INVOICE_OF_PART:
        return standing + 1
    if document == Document.INVOICE_WITHDRAWN:
        return 0 if standing == WHOLE else standing - 1
    return standing
