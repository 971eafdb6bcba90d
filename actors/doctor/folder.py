"""Is this data folder whole, and who uses it?"""

from __future__ import annotations

import fcntl
import os
import pathlib

import lmdb

from actors.checkpoints import read_latest
from actors.data_folder import DataFolder
from actors.doctor.finding import Finding, ok
from actors.log_reader import LogReader
from actors.table_store import TableStore
from router.errors import RouterError
from router.log_tail import FIRST_SEQUENCE

_RESTORE = (
    "Do not start a router on it. Keep a copy of the whole folder as it is, restore the folder from a backup, run "
    "`order-router verify` on it, then send again what came after the backup: known orders answer as duplicates."
)


def check(path: pathlib.Path) -> list[Finding]:
    folder = DataFolder(path)
    try:
        identity = folder.identity()
    except RouterError as fault:
        remedy = "Name the folder that `serve --data` uses; a new one is made by the first `serve`."
        return [Finding("Data folder", "fault", str(fault), remedy)]
    owner = lock_owner(folder.path)
    findings = [
        ok("Data folder", f"{folder.path}, format {identity.format}, {identity.shards} shards"),
        ok("In use by", f"process {owner}" if owner else "nobody"),
        _keys(folder.path),
        _shared_memory(folder, owner),
        _tables(folder.tables),
    ]
    for number in range(identity.shards):
        findings += [_log(folder.shard(number), part_count=2), *_checkpoints(folder.shard(number))]
    return [*findings, _log(folder.ledger, part_count=1), *_checkpoints(folder.ledger)]


def lock_owner(folder: pathlib.Path) -> str:
    """Process number in the lock file when the lock is held, "" when it is free."""
    path = folder / "lock"
    if not path.exists():
        return ""
    descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except BlockingIOError:
        return os.read(descriptor, 32).decode(errors="replace").strip() or "unknown"
    finally:
        os.close(descriptor)
    return ""


def _keys(path: pathlib.Path) -> Finding:
    from actors.keys import KeysRefused, load_keys

    try:
        keys = load_keys(path)
    except KeysRefused as fault:
        return Finding("Keys", "fault", str(fault), "Restore keys.json from a copy, or remove it and add keys.")
    loose = [name for name in ("keys.json", "admin.key") if _readable_by_others(path / name)]
    if loose:
        return Finding("Keys", "warning", f"{' and '.join(loose)} can be read by others", f"chmod 600 in {path}")
    return ok("Keys", f"{len(keys)} keys")


def _readable_by_others(path: pathlib.Path) -> bool:
    return path.exists() and bool(path.stat().st_mode & 0o077)


def _shared_memory(folder: DataFolder, owner: str) -> Finding:
    """Mapped arrays are rebuilt at every start, so what a killed router leaves behind only takes memory."""
    if not folder.shared.exists():
        return ok("Mapped arrays", "none")
    size = sum(path.stat().st_blocks * 512 for path in folder.shared.rglob("*") if path.is_file())
    found = f"{size >> 20} MiB in {folder.shared}"
    if owner:
        return ok("Mapped arrays", found)
    remedy = f"Left by a router that was killed; the next `serve` clears it, or: rm -r {folder.shared}"
    return Finding("Mapped arrays", "warning", found, remedy)


def _log(owner: pathlib.Path, part_count: int) -> Finding:
    """Read the whole log: checksums, chain and sequence are verified on the way."""
    subject = f"Log {owner.name}"
    if not (owner / "log" / "data.mdb").exists():
        return ok(subject, "empty")
    records = 0
    reader = LogReader(owner, part_count)
    try:
        for _ in reader.iterate(FIRST_SEQUENCE):
            records += 1
    except (RouterError, lmdb.Error) as fault:
        return Finding(subject, "fault", f"damaged after {records:,} records: {fault}", _RESTORE)
    finally:
        reader.close()
    return ok(subject, f"{records:,} records, all checksums right")


def _tables(path: pathlib.Path) -> Finding:
    store = TableStore(path)
    try:
        faults, versions = list(store.faults()), store.current()
    except RouterError as fault:
        return Finding("Tables", "fault", str(fault), _RESTORE)
    if faults:
        return Finding("Tables", "fault", f"{len(faults)} damaged files; {faults[0]}", _RESTORE)
    return ok("Tables", f"{versions} versions, all checksums right" if versions else "none loaded yet")


def _checkpoints(owner: pathlib.Path) -> list[Finding]:
    """Only what is wrong: a damaged checkpoint costs a longer start, no order."""
    _, passed_over = read_latest(owner)
    remedy = f"Nothing is lost, the log has it all: stop the router and remove the file from {owner}."
    return [Finding(f"Log {owner.name}", "warning", sentence, remedy) for sentence in passed_over]
