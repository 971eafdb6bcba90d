"""Is a log whole by itself? Pages, records in their chain, documents, the way back from a question to its answer."""

from __future__ import annotations

import contextlib
import pathlib
from collections.abc import Iterator
from typing import Protocol

from actors.care.reading.page_format import BrokenPages, Layout
from actors.care.reading.pages import check_pages
from actors.store.log_reader import LogReader
from actors.store.log_store import BY_NUMBER, DATABASES, log_folder
from router.errors import Damaged
from router.ledger.number_series import runs_in
from router.life.documents import DocumentNumber, Series
from router.log.kinds import QUESTIONS, Kind
from router.log.number_runs import Run
from router.log.questions import Answered, kept_digest
from router.log.records import INPUT, DamagedRecord, Record
from router.log.tail import FIRST_SEQUENCE


class Log(Protocol):
    """A log that can be read: ``LogReader``, ``LogStore``, or the simulation's."""

    def iterate(self, from_sequence: int) -> Iterator[tuple[int, int, Record]]: ...
    def read_documents(self, sequence: int) -> Record | None: ...
    def find_batch(self, shard: int, sequence: int) -> Answered | None: ...
    def find_run(self, seller: str, series: int, number: int) -> Run | None: ...


def check_structure(owner: pathlib.Path) -> Layout | None:
    """Pages and sub-databases of a log that nobody writes, None where there is none; LMDB may open it after this."""
    file = log_folder(owner) / "data.mdb"
    if not file.exists() or not file.stat().st_size:  # an empty one was just being made
        return None
    layout = check_pages(file)
    if layout.values.keys() - {BY_NUMBER} != set(DATABASES):
        names = ", ".join(sorted(name.decode(errors="replace") for name in layout.values))
        raise BrokenPages(f"data.mdb: its sub-databases are {names or 'missing'}")
    if [key for key, _ in layout.values[b"meta"]] != [b"epoch"]:
        raise BrokenPages("data.mdb: it does not say which epoch it is in")
    return layout


def check_log(owner: pathlib.Path, part_count: int) -> int:
    """Read a log that nobody writes; returns its records, raises Damaged at the first thing that is wrong."""
    layout = check_structure(owner)
    with contextlib.closing(LogReader(owner, part_count)) as log:
        records = read_records(log)
        if layout is not None:
            for fault in epoch_faults(log):
                raise DamagedRecord(fault, str(owner))
            faults = entry_faults(log, part_count, len(layout.values[b"by_batch"]))
            for fault in (*faults, *run_faults(log, len(layout.values.get(BY_NUMBER, ())))):
                raise DamagedRecord(fault, str(owner))
    return records


def read_records(log: Log) -> int:
    """Read every record and the documents beside it; returns the records."""
    records = 0
    try:
        for sequence, part, record in log.iterate(FIRST_SEQUENCE):
            records += 1
            documents = log.read_documents(sequence) if part == INPUT else None
            if part == INPUT and record.kind is Kind.ORDERS and documents is None:
                raise Damaged(f"the documents of record {sequence} are missing")
    except Damaged as fault:
        raise Damaged(f"damaged after {records:,} records: {fault}") from None
    return records


def epoch_faults(log: LogReader) -> Iterator[str]:
    last = log.last_sequence(INPUT)
    newest = log.read(last, INPUT) if last else None
    stored = log.epoch()
    if newest is not None and newest.epoch > stored:
        yield f"record {last} was written in epoch {newest.epoch}, the log says {stored}"


def entry_faults(log: Log, part_count: int, entries: int) -> Iterator[str]:
    """Each answer of a ledger is found again by the question it was given to, and nothing else is."""
    answers = 0
    for sequence, _, record in log.iterate(FIRST_SEQUENCE) if part_count == 1 else ():
        if record.kind not in QUESTIONS:
            continue
        answers += 1
        question = f"shard {record.batch_number}, batch {record.batch_id}"
        found = log.find_batch(record.batch_number, record.batch_id)
        if found is None or found.sequence != sequence:
            there = None if found is None else found.sequence
            yield f"the entry of {question} leads to record {there}, its answer is record {sequence}"
        elif found.digest != kept_digest(record):
            yield f"the entry of {question} names another question than record {sequence} answers"
    if entries != answers:
        yield f"{entries} entries lead to {answers} answers"


def run_faults(log: Log, entries: int) -> Iterator[str]:
    """Each run of numbers of a ledger is found again by its first and its last, and there are no other entries."""
    runs = 0
    for sequence, _, record in log.iterate(FIRST_SEQUENCE):
        for run in runs_in(record):
            runs += 1
            for number in {run.first, run.first + run.how_many - 1}:
                if log.find_run(run.seller, run.series, number) != run:
                    name = DocumentNumber(run.seller, Series(run.series), number)
                    yield f"the entry of {name} does not lead to record {sequence}, which gave it"
    if entries != runs:
        yield f"{entries} entries lead to {runs} runs of numbers"
