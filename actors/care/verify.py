"""``order-router verify``: recompute a data folder from its logs and compare with what it claims.

files: every page where LMDB put it            tables: every file's checksum
logs: every checksum, every chain, no gap      every order has its document
books: every unit that an order holds lies in the ledger's cells, and no other
by_batch: every answer is found again          shards: replay ─▶ state hash ══ checkpoint + tail ─▶ state hash
ledger: replay ─▶ conservation, state hash     every outcome ══ the ledger's decision for it
no shard's log ends before what the ledger decided for it
"""

from __future__ import annotations

import functools
from collections.abc import Callable

import lmdb
import pyarrow as pa

from actors.care.reading.apart import ReaderEnded, Show, apart
from actors.care.reading.page_format import BrokenPages
from actors.care.verdict import RESTORE, Finding, Told, Verdict
from actors.care.verify_ledger import LedgerCheck
from actors.care.verify_shard import ShardCheck
from actors.store.data_folder import DataFolder
from actors.store.table_store import TableStore
from router.config import Config
from router.errors import RouterError
from router.queries.balance import BookUnits, LedgerUnits, can_compare, differences

FINDINGS_MAX = 20  # of one place; the rest is counted
# Replaying records that are whole but were written by no router trips over any of these.
_NONSENSE = (pa.ArrowInvalid, AssertionError, IndexError, KeyError, ValueError)

Work = Callable[[Told, Show], None]


class Verifier:
    """Works on a folder that nobody writes; reads everything, changes nothing.

    Every part is looked at by a process of its own: a page that the disk cannot give ends that process only.
    """

    def __init__(self, data: DataFolder, config: Config, progress: Show) -> None:
        self._data = data
        self._config = config
        self._progress = progress
        self._tables = TableStore(data.tables)
        self.verdict = Verdict()

    def run(self) -> Verdict:
        self._apart("tables", self._check_tables)
        ledger = self._apart("ledger", self._check_ledger)
        self.verdict.ledger = ledger.said
        books: list[BookUnits | None] = []
        for number in range(self._data.identity().shards):
            told = self._apart(f"shard {number}", functools.partial(self._check_shard, number, ledger))
            books.append(told.books)
            if told.said:
                self.verdict.shards.append(told.said)
        self._balance(ledger.cells, books)
        return self.verdict

    def _balance(self, cells: LedgerUnits | None, books: list[BookUnits | None]) -> None:
        """Units that orders hold by their books lie in the ledger's cells, and no others."""
        if cells is None or None in books:
            return
        known = [each for each in books if each is not None]
        last = self.verdict.ledger["records"]
        for shard in known:
            if shard.grants_seen > last:
                what = f"it has taken over grants of record {shard.grants_seen} of the ledger, which ends at {last}"
                self.verdict.findings.append(Finding(f"shard {shard.shard}", f"{what}; {RESTORE}"))
        faults = [Finding("ledger", f"{fault}; {RESTORE}") for fault in differences(cells, known)]
        self.verdict.findings += faults[:FINDINGS_MAX]
        self.verdict.ledger["balanced_with_books"] = can_compare(known) and not faults

    def _apart(self, where: str, work: Work) -> Told:
        """A damaged part ends the work on that part only; the others are still looked at."""

        def tell(show: Show) -> Told:
            told = Told()
            _guarded(where, functools.partial(work, told, show), told)
            return told

        try:
            told = apart(tell, self._progress)
        except ReaderEnded as ended:
            told = Told(findings=[Finding(where, f"{ended}; {RESTORE}")])
        self.verdict.findings += told.findings[:FINDINGS_MAX]
        if len(told.findings) > FINDINGS_MAX:
            more = len(told.findings) - FINDINGS_MAX
            self.verdict.findings.append(Finding(where, f"and {more:,} findings more"))
        return told

    def _check_tables(self, told: Told, show: Show) -> None:
        show("tables: reading")
        for fault in self._tables.faults():
            told.find("tables", fault)

    def _check_ledger(self, told: Told, show: Show) -> None:
        LedgerCheck(self._data, self._config, self._tables, told, show).run()

    def _check_shard(self, number: int, ledger: Told, told: Told, show: Show) -> None:
        ShardCheck(number, self._data, self._config, self._tables, ledger, told, show).run()


def _guarded(where: str, work: Callable[[], None], told: Told) -> None:
    try:
        work()
    except BrokenPages as fault:
        told.find(where, f"{fault}; {RESTORE}")
    except RouterError as fault:
        told.find(where, str(fault))
    except (lmdb.Error, OSError) as fault:
        told.find(where, f"its file cannot be read ({fault}); {RESTORE}")
    except _NONSENSE as fault:
        said = f"{type(fault).__name__}: {fault}" if str(fault) else type(fault).__name__
        told.find(where, f"a record is whole but makes no sense here ({said}); {RESTORE}")
