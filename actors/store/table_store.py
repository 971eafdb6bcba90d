"""Reference tables on disk: every version as rows and compiled, named by one manifest.

    DIR/tables/manifest.json          versions, and which files each is made of
    DIR/tables/skus-000003.rows        rows of the table that version 3 replaced
    DIR/tables/compiled-000003.tables the compiled form (a put of stock, or a policy, has none of its own)

A version exists when the manifest names it: its files are synced before, the manifest replaced in one
step after. A crash in between leaves the former version current and files that the next put overwrites.
Versions are never removed, because claims and log records name them. One that is taken back, because it cannot be
loaded, is followed by another that is what an earlier one was; nothing was decided with those between. One process
writes, any may read.
"""

from __future__ import annotations

import dataclasses
import os
import pathlib
import re
import threading
from collections.abc import Callable, Collection, Iterator
from typing import Any

import msgspec
import pyarrow as pa
import xxhash

from actors.process.memory import memory_left
from actors.store.private import make_folder, new_file, sync_folder
from actors.store.row_files import lines_in, pack_rows, unpack_rows
from router.config import Policy
from router.errors import Damaged, TableRejected
from router.tables.compile import accept, compile_tables, empty_tables
from router.tables.compiled import Tables
from router.tables.footprint import NOTHING, Extent, extent_of, no_room
from router.tables.row_types import TableRows
from router.tables.rows import Rows
from router.tables.table_bytes import (
    DIGEST_BYTES,
    shapes_in,
    tables_from_bytes,
    tables_to_bytes,
    unsealed,
)
from router.tables.withdrawn import InUse, refuse_withdrawals

FILE_NAME = re.compile(r"(?:compiled-\d{6,12}\.tables|[a-z]+-\d{6,12}\.rows)", re.ASCII)
_KEPT = 4  # versions a reader keeps in memory
_NODE_UPLOADS = 16  # that are looked through for a node that is gone


class Version(msgspec.Struct, frozen=True, forbid_unknown_fields=True, omit_defaults=True):
    """What has a default came later: versions from before it are written, and sealed, as they were."""

    table: str  # the one it replaced, "policy", or "back" where it is an earlier version again
    now_ms: int
    rows: dict[str, str]  # table -> file
    compiled: str
    policy: dict[str, Any] | None = None  # as it differs from the defaults; None: the configuration's of the day


class Manifest(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Entry 0 is version 1; version 0 is "nothing loaded"."""

    versions: list[Version] = []
    checksum: str = ""  # of the versions; "" in the first folders

    @property
    def files(self) -> set[str]:
        """All that some version needs."""
        return {name for version in self.versions for name in (version.compiled, *version.rows.values())}


class TableStore:
    """Reads versions for anyone; ``put`` is for the one process that holds the data folder's lock."""

    def __init__(self, folder: str | os.PathLike[str]) -> None:
        self._folder = pathlib.Path(folder)
        self._loaded: dict[int, Tables] = {}
        self._loading = threading.Lock()
        self._rows: tuple[int, TableRows] | None = None
        self._seen: tuple[bytes, Manifest] | None = None  # the manifest as it was last, and what it says

    def current(self) -> int:
        """The newest version; 0 before the first put."""
        return len(self._manifest().versions)

    def load(self, version: int) -> Tables:
        """Any version there ever was; raises Damaged when its file is not what was written."""
        with self._loading:
            if version not in self._loaded:
                while len(self._loaded) >= _KEPT:
                    del self._loaded[min(self._loaded)]
                self._loaded[version] = self._read(version)
            return self._loaded[version]

    def policies(self, default: Policy) -> Callable[[int], Policy]:
        """The policy of any version, without its tables; ``default`` for versions from before policies were kept."""
        known: dict[int, Policy] = {}
        before_kept = msgspec.structs.replace(default, invoices="none", cod="as_unpaid")  # as it was at the time

        def policy_of(version: int) -> Policy:
            if version not in known:
                given = self._version(version).policy if version else None
                known[version] = before_kept if given is None else msgspec.convert(given, Policy)
            return known[version]

        return policy_of

    def faults(self) -> Iterator[str]:
        """A sentence for every file that some version needs and that is not what was written."""
        for name in sorted(self._manifest().files):
            try:
                self._bytes(name)
            except Damaged as fault:
                yield str(fault)

    def put(self, upload: Rows, now_ms: int, copies: int = 1, in_use: InUse | None = None) -> int:
        """The version with the upload's rows, durable; raises TableRejected with nothing applied, also where there is
        no memory for ``copies`` of it, and where it leaves out rows that are ``in_use``, if that is asked."""
        manifest = self._manifest()
        former = len(manifest.versions)
        stored, tables = self._stored_rows(former), self.load(former)
        rows = accept(upload, stored, tables)
        if in_use is not None:
            refuse_withdrawals(upload.table, stored, rows, tables, in_use)
        lacks = no_room(upload, stored, rows, tables, copies, memory_left())
        if lacks is not None:
            raise TableRejected(upload.table, [lacks], 1)
        version = former + 1
        before = manifest.versions[-1] if former else None
        if upload.table == "stock" and before is not None:  # on-hand is the ledger's: nothing to compile
            compiled, made = before.compiled, dataclasses.replace(tables, version=version)
        else:
            compiled, made = f"compiled-{version:06d}.tables", compile_tables(version, rows, tables, now_ms, stored)
            self._write(compiled, tables_to_bytes(made))
        file = f"{upload.table}-{version:06d}.rows"
        self._write(file, pack_rows(getattr(rows, upload.table)))
        files = {**(before.rows if before else {}), upload.table: file}
        entry = Version(upload.table, now_ms, files, compiled, before.policy if before else None)
        self._replace_manifest(Manifest([*manifest.versions, entry]))
        made = dataclasses.replace(made, policy=tables.policy)
        with self._loading:
            self._loaded[version] = made
        self._rows = (version, rows)
        return version

    def put_policy(self, policy: Policy, now_ms: int) -> int:
        """The version with this policy, durable: the current one where it has it already."""
        versions = self._manifest().versions
        given = msgspec.json.decode(msgspec.json.encode(policy))  # as it is read back: a tuple would never be the same
        if versions and versions[-1].policy == given:
            return len(versions)
        before = versions[-1] if versions else Version("policy", now_ms, {}, "")
        if not before.compiled:
            before = msgspec.structs.replace(before, compiled=f"compiled-{1:06d}.tables")
            self._write(before.compiled, tables_to_bytes(empty_tables(now_ms)))
        entry = msgspec.structs.replace(before, table="policy", now_ms=now_ms, policy=given)
        self._replace_manifest(Manifest([*versions, entry]))
        return len(versions) + 1

    def take_back(self, to: int, now_ms: int) -> int:
        """A new version that is what ``to`` was, durable. The caller sees to it that nothing was decided with a version
        behind it: the numbers that those gave out will be given out again."""
        versions = self._manifest().versions
        assert 1 <= to < len(versions), f"{to} is not a version before the newest"
        entry = msgspec.structs.replace(versions[to - 1], table="back", now_ms=now_ms, policy=versions[-1].policy)
        self._replace_manifest(Manifest([*versions, entry]))
        return len(versions) + 1

    def versions(self) -> list[Version]:
        """All there ever were, version 1 first."""
        return self._manifest().versions

    def extent(self, version: int) -> Extent:
        """What a version spans, without loading it."""
        if version == 0:
            return NOTHING
        path = self._folder / self._version(version).compiled
        try:
            with pa.memory_map(str(path)) as file:
                file.seek(DIGEST_BYTES)
                return extent_of(shapes_in(pa.ipc.open_stream(file).schema))
        except (OSError, pa.ArrowInvalid, KeyError, TypeError, msgspec.DecodeError) as fault:
            raise Damaged(f"{path} is missing or damaged ({fault}); restore it from a copy") from None

    def rows(self, version: int) -> TableRows:
        """The rows a version was compiled from."""
        files = self._version(version).rows if version else {}
        return TableRows(**{table: unpack_rows(table, self._bytes(file)) for table, file in files.items()})

    def nodes_left(self, version: int, nodes: Collection[str]) -> dict[str, int]:
        """Of nodes that have no row in a version, the version with which that began; not of those that had none in the
        last uploads of nodes either."""
        versions, left, missing = self.versions()[:version], dict[str, int](), set(nodes)
        files = [entry.rows.get("nodes") for entry in versions]
        last = version
        for _ in range(_NODE_UPLOADS):
            file = files[last - 1] if last else None
            if file is None or not missing:
                break
            there = missing & {row.node for row in unpack_rows("nodes", self._bytes(file))}
            left |= dict.fromkeys(there, last + 1)
            missing -= there
            while last and files[last - 1] == file:
                last -= 1
        return left

    def newest_rows(self) -> TableRows:
        """The rows of the newest version; for the process that puts."""
        return self._stored_rows(self.current())

    def lines(self, table: str, version: int) -> Iterator[list[bytes]]:
        """Rows of one table of a version as they are stored, one JSON object a line, some thousand at a time: whatever
        the table's size, no more of it is in memory. Raises Damaged before the first where they are not what was
        written."""
        name = self._version(version).rows.get(table) if version else None
        return iter(()) if name is None else lines_in(self._folder / name)

    def _stored_rows(self, version: int) -> TableRows:
        if self._rows is None or self._rows[0] != version:
            self._rows = (version, self.rows(version))
        return self._rows[1]

    def _read(self, version: int) -> Tables:
        if version == 0:
            return empty_tables(0)
        entry = self._version(version)
        same = (other for other in self._loaded if other and self._version(other).compiled == entry.compiled)
        shared = next(same, None)
        tables = tables_from_bytes(self._bytes(entry.compiled)) if shared is None else self._loaded[shared]
        policy = None if entry.policy is None else msgspec.convert(entry.policy, Policy)
        return dataclasses.replace(tables, version=version, policy=policy)

    def _bytes(self, name: str) -> bytes:
        """A whole file, its checksum verified."""
        path = self._folder / name
        try:
            content = path.read_bytes()
            unsealed(content)
        except (FileNotFoundError, Damaged) as fault:
            raise Damaged(f"{path} is missing or damaged ({fault}); restore it from a copy") from None
        return content

    def _version(self, version: int) -> Version:
        versions = self._manifest().versions
        if not 1 <= version <= len(versions):
            raise Damaged(f"{self._folder} has no tables version {version}, only up to {len(versions)}")
        return versions[version - 1]

    def _manifest(self) -> Manifest:
        """Taken apart again only where its bytes are others: gateways look four times a second, and with 5,000 versions
        decoding and judging them takes some 40 ms."""
        path = self._folder / "manifest.json"
        try:
            content = path.read_bytes()
        except FileNotFoundError:
            return Manifest()
        seen = self._seen
        if seen is None or seen[0] != content:
            self._seen = seen = (content, parse_manifest(content, path))
        return seen[1]

    def _replace_manifest(self, manifest: Manifest) -> None:
        sealed_manifest = Manifest(manifest.versions, _checksum(manifest.versions))
        self._write("manifest.json.new", msgspec.json.encode(sealed_manifest))
        os.replace(self._folder / "manifest.json.new", self._folder / "manifest.json")
        sync_folder(self._folder)

    def _write(self, name: str, content: bytes) -> None:
        """A synced file; its name is synced with the folder before the manifest names it."""
        make_folder(self._folder.resolve())  # may be a link of ours to another disk
        with new_file(self._folder / name) as file:
            file.write(content)
        sync_folder(self._folder)


def parse_manifest(content: bytes, path: pathlib.Path) -> Manifest:
    """Raises Damaged when it is not what was written, also where it leads out of its folder."""
    try:
        manifest = msgspec.json.decode(content, type=Manifest)
    except (msgspec.DecodeError, UnicodeDecodeError) as fault:
        raise Damaged(f"{path} cannot be read ({fault}); restore it from a copy") from None
    if manifest.checksum not in ("", _checksum(manifest.versions)):
        raise Damaged(f"{path} does not fit its checksum; restore it from a copy")
    for name in sorted(manifest.files):
        if not FILE_NAME.fullmatch(name):
            raise Damaged(f"{path} names {name!r}, which is no file of a table; restore it from a copy")
    return manifest


def _checksum(versions: list[Version]) -> str:
    return xxhash.xxh3_128_hexdigest(msgspec.json.encode(versions))
