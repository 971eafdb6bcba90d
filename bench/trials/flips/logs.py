"""Bits of the logs: of the whole file, of its records alone, and what LMDB alone would make of them."""

from __future__ import annotations

import pathlib
import random
import time
from typing import Any

import numpy as np

from actors.care.reading.log_check import check_log
from actors.care.reading.page_format import Layout
from actors.care.reading.pages import check_pages
from actors.store.log_reader import LogReader
from actors.store.log_store import log_folder, log_key
from bench.trials.flips.bits import (
    SAME,
    Bit,
    carrying_nothing,
    looked_at,
    turned,
    values_of,
    whole_digest,
    without_the_check,
)
from bench.trials.flips.tally import Tally
from router.errors import Damaged, RouterError
from router.log.records import parse

FILLS = 8
ONE_BY_ONE = 256  # bits of bytes that carry nothing, also turned one at a time


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
