"""Is every bit that turns found, and is everything that was stored before it still there?

A small data folder: every bit of the logs of a shard and of the ledger, of a checkpoint, of the tables and of
``meta.json`` is turned, one at a time, and read back by what ``verify``, ``doctor`` and the router read with.

    found              a sentence says what is damaged; for a record its sequence and part, and all before it is read
    harmless           nothing is said, and everything that is stored reads as before, byte for byte
    carrying nothing   free pages and padding: inverted all together and filled anew, everything reads as before
    missed             none of these: the bench fails

A large folder: random bits of its records by the million, in memory; some bits of its file, with the whole log read.
"""

from __future__ import annotations

import os
import pathlib
import random
import shutil
import tempfile
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from actors.care.reading.log_check import check_log
from actors.care.reading.page_format import Layout
from actors.care.reading.pages import check_pages
from actors.store.checkpoints import Checkpoint, read_latest
from actors.store.data_folder import DataFolder
from actors.store.log_reader import LogReader
from actors.store.log_store import log_folder, log_key
from actors.store.table_store import TableStore
from bench.harness import report as _harness
from bench.trials.flip_folders import large_folder, small_folder
from bench.trials.flip_logs import (
    SAME,
    Bit,
    carrying_nothing,
    looked_at,
    turned,
    values_of,
    whole_digest,
    without_the_check,
)
from router.errors import Damaged, RouterError
from router.log.records import parse

FILLS = 8
ONE_BY_ONE = 256  # bits of bytes that carry nothing, also turned one at a time
LARGE_ORDERS = 65_536
LARGE_SAMPLE = 64
ALONE_SAMPLE = 256
FOLDER_OF_FILES = "/dev/shm"  # files are written and mapped anew for every bit
TOLD = 10


@dataclass
class Tally:
    """What became of the turned bits of one place."""

    found: int = 0
    harmless: int = 0
    carrying_nothing: int = 0
    missed: list[str] = field(default_factory=list)

    def take(self, what: str, verdict: str, must_be_found: bool) -> None:
        if verdict.startswith("found"):
            self.found += 1
        elif verdict == SAME and not must_be_found:
            self.harmless += 1
        else:
            self.missed.append(f"{what}: {verdict}")

    def as_dict(self) -> dict[str, int]:
        counts = {"found": self.found, "harmless": self.harmless, "carrying_nothing": self.carrying_nothing}
        return {"bits": sum(counts.values()) + len(self.missed), **counts, "missed": len(self.missed)}


def run(flips: int, seconds: float, seed: int, every: int = 1, orders: int = LARGE_ORDERS) -> dict[str, Any]:
    """``violations`` is empty when nothing was missed. Random bits end after ``flips`` or ``seconds``; of the small
    folder each ``every``-th bit is turned."""
    conditions, rng = _harness.conditions(), random.Random(seed)
    home = pathlib.Path(tempfile.mkdtemp(dir=FOLDER_OF_FILES if os.path.isdir(FOLDER_OF_FILES) else None))
    try:
        began_s = time.monotonic()
        small = small_folder(home / "small")
        tallies = {
            "shard_log": flip_log(small.shard(0), 2, rng, every),
            "ledger_log": flip_log(small.ledger, 1, rng, every),
            "checkpoint": flip_checkpoint(small.ledger, every),
            "tables": flip_tables(small, every),
            "identity": flip_identity(small, every),
        }
        every_bit_s = time.monotonic() - began_s
        alone = flip_without_the_check(small.shard(0), 2, rng, ALONE_SAMPLE)
        large = large_folder(home / "large", orders)
        began_s = time.monotonic()
        tallies["random_bits"] = flip_records(large.shard(0), flips, seconds, rng)
        random_s = time.monotonic() - began_s
        tallies["large_log"] = flip_large(large.shard(0), 2, rng, LARGE_SAMPLE)
    finally:
        shutil.rmtree(home)
    missed = [f"{name}: {what}" for name, tally in tallies.items() for what in tally.missed]
    return {
        "bench": "flips",
        **{name: tally.as_dict() for name, tally in tallies.items()},
        "every_bit_s": round(every_bit_s, 1),
        "random_bits_per_s": round(tallies["random_bits"].found / random_s),
        "lmdb_alone": alone,
        "seed": seed,
        "violation_count": len(missed),
        "violations": missed[:TOLD],
        "conditions": conditions,
    }


# --- logs ------------------------------------------------------------------------------------------


def flip_log(owner: pathlib.Path, part_count: int, rng: random.Random, every: int) -> Tally:
    """Every bit of a log's file."""
    tally, file = Tally(), log_folder(owner) / "data.mdb"
    content, layout, whole = file.read_bytes(), check_pages(file), whole_digest(owner)
    dead = np.zeros(len(content), bool)
    for start, stop in carrying_nothing(content, layout):
        dead[start:stop] = True
    tally.carrying_nothing = 8 * int(dead.sum())
    _fill(owner, part_count, dead, whole, rng, tally)
    stored = np.zeros(len(content), bool)
    for what, (start, length) in values_of(layout).items():
        stored[start : start + length] = True
        if start // layout.page_bytes not in layout.tree_pages:  # on pages of its own: only its reader sees it
            _flip_record(content[start : start + length], what, tally, every)
            dead[start : start + length] = True
    bits = [(int(at), bit) for at in np.flatnonzero(~dead) for bit in range(8)][::every]
    idle = np.flatnonzero(dead & ~stored)
    one_by_one = [(int(idle[rng.randrange(len(idle))]), rng.randrange(8)) for _ in range(ONE_BY_ONE)]
    for place, verdict in looked_at(owner, part_count, bits, whole):
        tally.take(f"(byte, bit) {place}", verdict, bool(stored[place[0]]))
    for place, verdict in looked_at(owner, part_count, one_by_one, whole):
        if verdict != SAME:
            tally.missed.append(f"(byte, bit) {place} carries nothing, and yet: {verdict}")
    _flip_each_record(owner, part_count, layout, rng, tally)
    return tally


def _fill(owner: pathlib.Path, part_count: int, dead: Any, whole: str, rng: random.Random, tally: Tally) -> None:
    """Every byte that carries nothing gets its opposite, then random content, several times."""
    file = log_folder(owner) / "data.mdb"
    content = np.frombuffer(file.read_bytes(), np.uint8)
    others = np.random.default_rng(rng.randrange(1 << 32))
    for number in range(FILLS):
        filled = content ^ 0xFF if number == 0 else others.integers(0, 256, len(content), np.uint8)
        file.write_bytes(np.where(dead, filled, content).astype(np.uint8).tobytes())
        try:
            check_log(owner, part_count)
            if whole_digest(owner) != whole:
                tally.missed.append("bytes that carry nothing change what is read")
        except RouterError as fault:
            tally.missed.append(f"bytes that carry nothing are said to be damaged: {fault}")
    file.write_bytes(content.tobytes())


def _flip_record(raw: bytes, what: str, tally: Tally, every: int) -> None:
    """Every bit of a record, in memory."""
    changed = bytearray(raw)
    for number in range(0, 8 * len(raw), every):
        at, mask = number >> 3, 1 << (number & 7)
        changed[at] ^= mask
        try:
            parse(changed, what)
            tally.missed.append(f"{what}, bit {number}: read as if nothing were")
        except Damaged:
            tally.found += 1
        changed[at] ^= mask


def _flip_each_record(owner: pathlib.Path, part_count: int, layout: Layout, rng: random.Random, tally: Tally) -> None:
    """One bit of each record: the sentence names it, and every record before it is read."""
    for number, (key, (start, length)) in enumerate(layout.values[b"log"]):
        sequence, part = int.from_bytes(key[:8], "big"), key[8]
        assert log_key(sequence, part) == key
        with turned(log_folder(owner) / "data.mdb", (start + rng.randrange(length), rng.randrange(8))):
            read, said = records_before_damage(owner, part_count)
        if read != number or f"record {sequence} part {part}" not in said:
            tally.missed.append(f"record {sequence} part {part}: {read} records of {number} before it, then {said}")


def records_before_damage(owner: pathlib.Path, part_count: int) -> tuple[int, str]:
    """How many records a reader gets, and what it is told then."""
    reader, read = LogReader(owner, part_count), 0
    try:
        for _ in reader.iterate(1):
            read += 1
    except Damaged as fault:
        return read, str(fault)
    finally:
        reader.close()
    return read, "nothing"


def flip_without_the_check(owner: pathlib.Path, part_count: int, rng: random.Random, count: int) -> dict[str, int]:
    """Bits of LMDB's own pages, read as if ``check_pages`` were not there."""
    layout = check_pages(log_folder(owner) / "data.mdb")
    content = (log_folder(owner) / "data.mdb").read_bytes()
    own = {
        at
        for page in (0, 1, *layout.tree_pages | layout.proof_pages)
        for at in range(page * layout.page_bytes, (page + 1) * layout.page_bytes)
    }
    for start, stop in carrying_nothing(content, layout):
        own.difference_update(range(start, stop))
    places = sorted(own)
    bits: list[Bit] = [(places[rng.randrange(len(places))], rng.randrange(8)) for _ in range(count)]
    return dict(without_the_check(owner, part_count, bits, whole_digest(owner)))


def flip_records(owner: pathlib.Path, flips: int, seconds: float, rng: random.Random) -> Tally:
    """Random bits of a large log's records and documents, each as likely as every other; in memory."""
    file, tally = log_folder(owner) / "data.mdb", Tally()
    content, layout = bytearray(file.read_bytes()), check_pages(file)
    places = [(what, start, length) for what, (start, length) in values_of(layout).items() if length > 80]
    weights = [length for _, _, length in places]
    until_s = time.monotonic() + seconds
    view = memoryview(content)
    while tally.found + len(tally.missed) < flips and time.monotonic() < until_s:
        for what, start, length in rng.choices(places, weights, k=min(1_000, flips)):
            at, mask = start + rng.randrange(length), 1 << rng.randrange(8)
            content[at] ^= mask
            try:
                parse(view[start : start + length], what)
                tally.missed.append(f"{what}, byte {at}: read as if nothing were")
            except Damaged:
                tally.found += 1
            content[at] ^= mask
    return tally


def flip_large(owner: pathlib.Path, part_count: int, rng: random.Random, count: int) -> Tally:
    """Random bits of a large log's file, the whole log read after each."""
    tally, file = Tally(), log_folder(owner) / "data.mdb"
    stored = sorted(values_of(check_pages(file)).values())
    bits = [(rng.randrange(file.stat().st_size), rng.randrange(8)) for _ in range(count)]
    for (at, bit), verdict in looked_at(owner, part_count, bits, whole_digest(owner)):
        inside = any(start <= at < start + length for start, length in stored)
        tally.take(f"byte {at} bit {bit}", verdict, inside)
    return tally


# --- other files -----------------------------------------------------------------------------------


def flip_checkpoint(owner: pathlib.Path, every: int) -> Tally:
    """A damaged checkpoint is passed over; one that is read is what was written."""
    tally = Tally()
    (path,) = owner.glob("checkpoint-*.bin")
    whole = _contents(read_latest(owner)[0])

    def look() -> str:
        kept, passed_over = read_latest(owner)
        return f"found: {passed_over[0]}" if kept is None else SAME if _contents(kept) == whole else "read as another"

    return _flip_file(path, look, tally, every)


def _contents(kept: Checkpoint | None) -> object:
    assert kept is not None
    return kept.sequence, kept.chains, {name: array.tobytes() for name, array in kept.arrays.items()}


def flip_tables(data: DataFolder, every: int) -> Tally:
    tally, store = Tally(), TableStore(data.tables)
    whole = store._manifest()

    def look() -> str:
        try:
            fault = next(iter(store.faults()), None)
        except Damaged as damaged:
            fault = str(damaged)
        return f"found: {fault}" if fault else SAME if store._manifest() == whole else "read as another"

    for path in sorted(data.tables.iterdir()):
        _flip_file(path, look, tally, every)
    return tally


def flip_identity(data: DataFolder, every: int) -> Tally:
    whole = data.identity()

    def look() -> str:
        try:
            return SAME if data.identity() == whole else "read as another"
        except RouterError as fault:
            return f"found: {fault}"

    return _flip_file(data.path / "meta.json", look, Tally(), every)


def _flip_file(path: pathlib.Path, look: Callable[[], str], tally: Tally, every: int) -> Tally:
    for number in range(0, 8 * path.stat().st_size, every):
        with turned(path, (number >> 3, number & 7)):
            tally.take(f"{path.name}, bit {number}", look(), False)
    return tally
