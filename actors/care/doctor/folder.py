"""Is this data folder whole, and who uses it?"""

from __future__ import annotations

import contextlib
import fcntl
import os
import pathlib

from actors.care.doctor.cut import Cutter
from actors.care.doctor.finding import Finding, ok
from actors.care.reading.apart import apart
from actors.care.reading.log_check import check_log, read_records
from actors.store.checkpoints import read_latest
from actors.store.data_folder import DataFolder
from actors.store.log_reader import LogReader
from actors.store.log_store import log_folder
from actors.store.table_store import TableStore
from router.errors import Damaged, Misconfigured, Retryable, RouterError

_NAMED_MAX = 3
_RESTORE = (
    "Do not start a router on it and keep it as it is. Restore the folder from a backup with `order-router restore`, "
    "which verifies it, then send again what came after the backup: known orders answer as duplicates."
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
        _privacy(folder),
        _shared_memory(folder, owner),
        _tables(folder.tables),
        _desk(folder),
    ]
    logs = [_log(folder.shard(number), 2, bool(owner)) for number in range(identity.shards)]
    logs.append(_log(folder.ledger, 1, bool(owner)))
    for part in (*(folder.shard(number) for number in range(identity.shards)), folder.ledger):
        findings += _checkpoints(part)
    damaged = not owner and any(log.level == "fault" for log in logs)
    return [*findings, *logs, *([_way_out(folder)] if damaged else [])]


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
    from actors.store.keys import KeysRefused, load_keys

    try:
        keys = load_keys(path)
    except KeysRefused as fault:
        return Finding("Keys", "fault", str(fault), "Restore keys.json from a copy, or remove it and add keys.")
    return ok("Keys", f"{len(keys)} keys")


def _privacy(folder: DataFolder) -> Finding:
    """Buyers' addresses and the key of the id hash lie in it: nobody but its owner has anything to look for there."""
    wide = folder.open_to_others()
    if not wide:
        return ok("Privacy", "closed to other users of this machine")
    named = ", ".join(str(path) for path in wide[:_NAMED_MAX])
    more = f" and {len(wide) - _NAMED_MAX} more" if len(wide) > _NAMED_MAX else ""
    owner = folder.path.stat().st_uid
    remedy = (
        f"chown -R {owner} {folder.path} && chmod -R go= {folder.path}; the next `serve` closes its own files, too."
    )
    return Finding("Privacy", "warning", f"others may use or own {named}{more}", remedy)


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


def _log(owner: pathlib.Path, part_count: int, in_use: bool) -> Finding:
    """Read the whole log, in a process of its own: LMDB or the disk may end it.

    Pages are checked where nobody writes them; a running router has opened the file itself.
    """
    subject = f"Log {owner.name}"
    if not (log_folder(owner) / "data.mdb").exists():
        return ok(subject, "empty")
    read = _read_living if in_use else check_log
    try:
        records = apart(lambda _: read(owner, part_count), _quiet)
    except RouterError as fault:
        return Finding(subject, "fault", str(fault), _RESTORE)
    return ok(subject, f"{records:,} records, all checksums right")


def _read_living(owner: pathlib.Path, part_count: int) -> int:
    with contextlib.closing(LogReader(owner, part_count)) as log:
        return read_records(log)


def _way_out(folder: DataFolder) -> Finding:
    """What a cut would keep and lose, so that a person can choose between it and a backup."""
    subject = "Without a backup"
    try:
        cut = apart(lambda _: Cutter(folder, _quiet).plan(), _quiet)
    except RouterError as fault:
        return Finding(subject, "warning", f"a cut cannot be planned: {fault}", _RESTORE)
    kept = ", ".join(f"shard {shard.shard} up to record {shard.inputs}" for shard in cut.shards)
    lost = "; ".join(cut.sentences()) or "nothing is lost: the next start asks the ledger for the outcomes again"
    remedy = f"`order-router doctor --data {folder.path} --cut-to NEW` makes that folder and leaves this one as it is."
    return Finding(subject, "warning", f"a cut keeps {kept}, the ledger up to record {cut.ledger}; {lost}", remedy)


def _quiet(_text: str) -> None:
    """Quick checks show no progress."""


def _tables(path: pathlib.Path) -> Finding:
    store = TableStore(path)
    try:
        faults, versions = list(store.faults()), store.current()
    except RouterError as fault:
        return Finding("Tables", "fault", str(fault), _RESTORE)
    if faults:
        return Finding("Tables", "fault", f"{len(faults)} damaged files; {faults[0]}", _RESTORE)
    return ok("Tables", f"{versions} versions, all checksums right" if versions else "none loaded yet")


def _desk(folder: DataFolder) -> Finding:
    """The version of its schema, or why the desk is closed; what is in it is compared with nothing yet."""
    from actors.store.desk.look import version_found  # heavy

    url = folder.kept_config().desk.url
    where = ", in the database that [desk] url names" if url else ""
    try:
        version = version_found(folder.desk, url, folder.name)
    except (Retryable, Misconfigured) as fault:
        remedy = "Orders do not need it meanwhile: changes wait in the log, and the desk opens when it can."
        return Finding("Desk", "fault", f"closed: {fault}", remedy)
    except Damaged as fault:
        remedy = f"Stop the router and remove {folder.desk}: what the log tells comes back, what people did is lost."
        return Finding("Desk", "fault", str(fault), remedy)
    return ok("Desk", f"none yet{where}" if version is None else f"schema version {version}{where}")


def _checkpoints(owner: pathlib.Path) -> list[Finding]:
    """Only what is wrong: a damaged checkpoint costs a longer start, no order."""
    _, passed_over = read_latest(owner)
    remedy = f"Nothing is lost, the log has it all: stop the router and remove the file from {owner}."
    return [Finding(f"Log {owner.name}", "warning", sentence, remedy) for sentence in passed_over]
