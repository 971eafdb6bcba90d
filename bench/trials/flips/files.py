"""Bits of what lies beside the logs: a checkpoint, the tables, the folder's identity."""

from __future__ import annotations

import pathlib
from collections.abc import Callable

from actors.store.checkpoints import Checkpoint, read_latest
from actors.store.data_folder import DataFolder
from actors.store.table_store import TableStore
from bench.trials.flips.bits import SAME, turned
from bench.trials.flips.tally import Tally
from router.errors import Damaged, RouterError


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
