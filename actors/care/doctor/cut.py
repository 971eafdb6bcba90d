"""The way out of a damaged log without a backup: a new folder that ends before the damage, and what is lost, by name.

Nothing of the damaged folder is changed. Each log is kept up to its last whole record, then all are cut to fit:

- where an input is lost that the ledger had answered, the ledger is cut before its first such answer, because the
  shard's next batch will have that number again;
- an outcome whose decision is cut away goes too. Where the ledger was cut, inputs behind its last answer to their
  shard go as well: what they led to cannot be known.

Damage in outcomes alone loses nothing: the next start asks the ledger again and gets the same decisions.
"""

from __future__ import annotations

import contextlib
import itertools
import pathlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field

import lmdb
import msgspec
import pyarrow as pa

from actors.care.backup import SMALL_FILES, copy_file, copy_tables, empty_target
from actors.care.reading.whole_records import WholeRecords
from actors.store.data_folder import DataFolder
from actors.store.log_store import (
    DATABASES_MAX,
    EPOCH_KEY,
    LogStore,
    batch_key,
    documents_key,
    log_folder,
    log_key,
    pack_epoch,
)
from actors.store.private import FILE_MODE, make_folder, new_file, sync_folder, sync_folders
from actors.store.table_store import TableStore
from router.errors import Misconfigured
from router.ledger.number_series import runs_in
from router.log.documents import document_of, presentable
from router.log.kinds import Kind
from router.log.questions import pack_answered
from router.log.records import (
    INPUT,
    OUTCOME_PART,
    frame_documents,
    parse,
    read_batch,
    read_documents,
    write_documents,
)
from router.log.tail import FIRST_SEQUENCE

_PUTS_A_TRANSACTION = 64  # a transaction keeps its pages in memory
Show = Callable[[str], None]


@dataclass
class ShardCut:
    shard: int
    inputs: int  # newest input that is kept
    outcomes: int  # newest outcome that is kept
    newest: int  # newest sequence there was, as far as can be told
    lost_orders: list[str] = field(default_factory=list)
    unnamed: list[int] = field(default_factory=list)  # lost sequences whose orders cannot be read any more
    decided_anew: int = 0  # orders kept whose decision is lost
    documents_lost: list[int] = field(default_factory=list)


@dataclass
class Cut:
    ledger: int  # newest record that is kept
    ledger_newest: int
    shards: list[ShardCut]
    faults: list[str]

    @property
    def lost_orders(self) -> int:
        return sum(len(shard.lost_orders) for shard in self.shards)

    def sentences(self) -> Iterator[str]:
        if self.ledger < self.ledger_newest:
            yield (
                f"ledger: records {self.ledger + 1} to {self.ledger_newest} are lost; send stock movements again that "
                "came after them, and count what is on hand"
            )
        for cut in self.shards:
            if cut.inputs < cut.newest:
                unnamed = f"; those of {_spans(cut.unnamed)} cannot be named" if cut.unnamed else ""
                yield (
                    f"shard {cut.shard}: records {cut.inputs + 1} to {cut.newest} are lost, {len(cut.lost_orders)} "
                    f"orders and the events among them{unnamed}"
                )
            if cut.decided_anew:
                yield f"shard {cut.shard}: {cut.decided_anew} orders are kept and decided anew at the next start"
            if cut.documents_lost:
                yield f"shard {cut.shard}: documents of records {_spans(cut.documents_lost)} are lost, as if erased"


class Cutter:
    """Plans a cut of a folder that nobody runs on, and makes it."""

    def __init__(self, data: DataFolder, show: Show) -> None:
        self._data = data
        self._show = show
        show("reading what is whole")
        self._ledger = WholeRecords(data.ledger, 1)
        self._shards = [WholeRecords(data.shard(number), 2) for number in range(data.identity().shards)]

    def plan(self) -> Cut:
        inputs = [shard.tail.last[INPUT] for shard in self._shards]
        questions = self._ledger.answered
        lost = (at for at, asked in enumerate(questions) if asked and asked.sequence > inputs[asked.shard])
        kept = next(lost, len(questions))
        cut_short = kept < self._ledger.newest or bool(self._ledger.faults)
        answers = [asked for asked in questions[:kept] if asked]
        shards = [
            self._plan_shard(number, {asked.sequence for asked in answers if asked.shard == number}, cut_short)
            for number in range(len(inputs))
        ]
        faults = [fault for log in (self._ledger, *self._shards) for fault in log.faults]
        return Cut(kept, max(kept, self._ledger.newest), shards, faults)

    def _plan_shard(self, number: int, decided: set[int], cut_short: bool) -> ShardCut:
        log = self._shards[number]
        newest_decided = max(decided, default=FIRST_SEQUENCE - 1)
        inputs = min(log.tail.last[INPUT], newest_decided) if cut_short else log.tail.last[INPUT]
        outcomes = FIRST_SEQUENCE - 1
        for sequence, kind in log.kinds.items():
            undecided = sequence not in decided and (kind is Kind.OUTCOMES or sequence > newest_decided and cut_short)
            if sequence > inputs or undecided:
                break
            outcomes = sequence
        asked = [question.sequence for question in filter(None, self._ledger.answered) if question.shard == number]
        cut = ShardCut(number, inputs, outcomes, max([log.newest, *asked]))
        for sequence in range(inputs + 1, cut.newest + 1):
            ids = self._ids(log, sequence)
            cut.lost_orders += ids or []
            if ids is None:
                cut.unnamed.append(sequence)
        for sequence in range(outcomes + 1, inputs + 1):
            if sequence not in decided and log.record(sequence, OUTCOME_PART) is not None:
                cut.decided_anew += len(self._ids(log, sequence) or [])
        cut.documents_lost = [
            sequence for sequence in range(FIRST_SEQUENCE, inputs + 1) if self._lacks_documents(log, sequence)
        ]
        return cut

    def _ids(self, log: WholeRecords, sequence: int) -> list[str] | None:
        """Orders of a sequence, from the record or from the documents; None where neither can be read."""
        record = log.record(sequence, INPUT)
        if record is not None:
            orders = record.kind is Kind.ORDERS
            return list(read_batch(record).column("order_id").to_pylist()) if orders else []
        rows = self._documents(log, sequence)
        return None if rows is None else [str(row.get("order_id")) for row in rows]

    def _documents(self, log: WholeRecords, sequence: int) -> list[dict[str, object]] | None:
        raw = log.raw_documents(sequence)
        if raw is None:
            return None
        batch = read_documents(parse(raw, log.where))
        found = (document_of(batch, row) for row in range(batch.num_rows))
        return [document for document in found if document is not None]

    def _lacks_documents(self, log: WholeRecords, sequence: int) -> bool:
        record = log.record(sequence, INPUT)
        return record is not None and record.kind is Kind.ORDERS and log.raw_documents(sequence) is None

    # --- making it -------------------------------------------------------------------------------

    def make(self, target: pathlib.Path) -> Cut:
        """The new folder, and beside it the documents of the lost orders, ready to be sent again."""
        target = empty_target(target)
        for fault in TableStore(self._data.tables).faults():
            raise Misconfigured(
                f"{fault}. Tables cannot be cut; their files never change, so take tables/ from a backup of this "
                "folder that is new enough, then try again"
            )
        cut = self.plan()
        new = DataFolder(target)
        make_folder(target)
        for name in SMALL_FILES:
            with contextlib.suppress(FileNotFoundError):
                copy_file(self._data.path / name, new.path / name)
        copy_tables(self._data.tables, new.tables)
        for shard in cut.shards:
            self._show(f"writing shard {shard.shard}")
            ends = (shard.inputs, shard.outcomes)
            self._write(self._shards[shard.shard], new.shard(shard.shard), ends, shard.documents_lost)
        self._show("writing the ledger")
        self._write(self._ledger, new.ledger, (cut.ledger,), [])
        self._write_lost(cut, target.with_name(target.name + ".lost.ndjson"))
        sync_folders(target)
        sync_folder(target.parent)
        return cut

    def _write(self, log: WholeRecords, owner: pathlib.Path, ends: tuple[int, ...], undocumented: list[int]) -> None:
        folder = log_folder(owner)
        make_folder(owner)
        make_folder(folder)
        room = 2 * sum(length for _, length in [*log.places.values(), *log.documents.values()]) + (64 << 20)
        with lmdb.open(str(folder), map_size=room, max_dbs=DATABASES_MAX, mode=FILE_MODE) as environment:
            puts = self._puts(log, LogStore(environment, len(ends), str(owner), create=True), ends, undocumented)
            while chunk := list(itertools.islice(puts, _PUTS_A_TRANSACTION)):
                with environment.begin(write=True) as writing:
                    for database, key, value in chunk:
                        writing.put(key, value, db=database)  # type: ignore[arg-type]

    def _puts(
        self, log: WholeRecords, store: LogStore, ends: tuple[int, ...], undocumented: list[int]
    ) -> Iterator[tuple[object, bytes, bytes | bytearray]]:
        """Sub-database, key and value of everything that is kept of a log."""
        yield store.meta, EPOCH_KEY, pack_epoch(log.epoch)
        for sequence, part in sorted(log.places):
            if sequence <= ends[part]:
                yield store.log, log_key(sequence, part), log.raw(sequence, part)
        for sequence in log.documents:
            documents = log.raw_documents(sequence)
            if sequence <= ends[INPUT] and documents is not None:
                yield store.documents, documents_key(sequence), documents
        for sequence in undocumented:
            yield store.documents, documents_key(sequence), self._erased(log, sequence)
        for at, asked in enumerate(log.answered[: ends[INPUT]] if len(ends) == 1 else []):
            if asked is not None:
                entry = pack_answered(at + FIRST_SEQUENCE, asked.digest)
                yield store.by_batch, batch_key(asked.shard, asked.sequence), entry
                record = log.record(at + FIRST_SEQUENCE, INPUT)
                for run in runs_in(record) if record is not None else ():
                    yield store.by_number, run.key, run.value

    def _erased(self, log: WholeRecords, sequence: int) -> bytearray:
        record = log.record(sequence, INPUT)
        assert record is not None
        rows = read_batch(record).num_rows
        return frame_documents(sequence, write_documents(pa.record_batch({"json": pa.nulls(rows, pa.binary())})))

    def _write_lost(self, cut: Cut, path: pathlib.Path) -> None:
        with new_file(path) as file:
            for shard in cut.shards:
                for sequence in range(shard.inputs + 1, shard.newest + 1):
                    for document in self._documents(self._shards[shard.shard], sequence) or []:
                        file.write(msgspec.json.encode(presentable(document)) + b"\n")


def _spans(numbers: list[int]) -> str:
    """As people write them: 3, 5 to 9."""
    spans: list[list[int]] = []
    for number in numbers:
        if spans and number == spans[-1][1] + 1:
            spans[-1][1] = number
        else:
            spans.append([number, number])
    return ", ".join(str(first) if first == last else f"{first} to {last}" for first, last in spans)
