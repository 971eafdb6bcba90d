"""A version of the tables taken back: so that a folder starts whose newest version cannot be loaded.

Only versions that no record of any log names: what was decided is re-derived with the version that it was decided with,
and what lies in the cells has the numbers of the tables it was put there with. Whoever may not load a version decides
nothing with it, so the one that is in the way is never named.
"""

from __future__ import annotations

import contextlib
from collections.abc import Callable
from dataclasses import dataclass

from actors.process.memory import memory_left
from actors.store.data_folder import DataFolder
from actors.store.log_reader import LogReader
from actors.store.table_store import TableStore
from router.errors import Damaged, Misconfigured
from router.ledger.basis import basis_of
from router.log.tail import FIRST_SEQUENCE
from router.tables.footprint import copies

_GIB = 1 << 30
Show = Callable[[str], None]


@dataclass(frozen=True)
class TakenBack:
    """What became of it."""

    taken_back: list[int]
    as_version: int  # the newest one now
    like: int  # and what it is again


def check_room(data: DataFolder) -> None:
    """Refuse in words to start on a folder whose newest version is more than there is memory for, or cannot be read."""
    store = TableStore(data.tables)
    version = store.current()
    try:
        extent = store.extent(version)
    except Damaged as fault:
        raise Damaged(f"{fault}, or {_remedy(data)}") from None
    processes, left = copies(data.kept_config()), memory_left()
    if extent.bytes * processes > left:
        raise Misconfigured(
            f"version {version} of the tables takes {extent} in each of {processes} processes, and "
            f"{left / _GIB:.2f} GiB are free: free some memory, or {_remedy(data)}"
        )


def cannot_start(data: DataFolder, silent: Exception) -> str:
    """What stands on the last line, when owners did not come up: what they said, and the ways out."""
    said = str(silent.__cause__ or silent).strip().splitlines()[-1].rstrip(".")
    return (
        f"the folder {data.path} cannot be loaded: {said}. If that is memory, free some, or {_remedy(data)}; "
        f"`order-router verify --data {data.path}` says whether the folder is whole"
    )


def _remedy(data: DataFolder) -> str:
    return f"take the version back with `order-router tables take-back --data {data.path}`"


def take_back(data: DataFolder, to: int | None, now_ms: int, show: Show) -> TakenBack:
    """Let the newest version be what ``to`` was; None: the one before the compiled form of the newest came. The caller
    holds the folder's lock."""
    store = TableStore(data.tables)
    versions = store.versions()
    if to is None:
        compiled = [entry.compiled for entry in versions]
        to = compiled.index(compiled[-1]) if compiled else 0
    if not 1 <= to < len(versions):
        raise Misconfigured(
            f"there is no version {to} before the newest, {len(versions)}; `order-router tables list` names them"
        )
    named, where = _newest_named(data, show)
    if named > to:
        raise Misconfigured(
            f"version {named} of the tables cannot be taken back: records of {where} were decided with it. Give the "
            "machine more memory, or restore a backup from before it"
        )
    return TakenBack(list(range(to + 1, len(versions) + 1)), store.take_back(to, now_ms), to)


def _newest_named(data: DataFolder, show: Show) -> tuple[int, str]:
    """The newest version that any record names, and where."""
    found = (0, "no log")
    folders = [(data.ledger, 1), *((data.shard(number), 2) for number in range(data.identity().shards))]
    for folder, parts in folders:
        with contextlib.closing(LogReader(folder, parts)) as reader:
            for sequence, _, record in reader.iterate(FIRST_SEQUENCE):
                basis = basis_of(record) if folder == data.ledger else None
                named = max(record.tables_version, basis.granted_by if basis else 0)
                if named > found[0]:
                    found = (named, folder.name)
                show(f"{folder.name}: looking which tables record {sequence:,} names")
    return found
