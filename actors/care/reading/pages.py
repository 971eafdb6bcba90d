"""Is an LMDB file built as LMDB builds them? Read as bytes, because LMDB trusts its pages.

LMDB keeps no checksum. A turned bit in one of its trees makes it follow a wrong page number, which ends the process by
a signal, or pass over records without a word. So the file is checked here before LMDB may open it, with plain reads
that can at worst fail with a sentence:

    both meta pages ─▶ main tree ─▶ log, documents, by_batch, meta: every page in its place, every key in order, every
    ─▶ free pages     count as the meta page says, every page of the file in use once or free once

Values on overflow pages are not read: they have checksums of their own.
"""

from __future__ import annotations

import functools
import mmap
import pathlib
import struct
from collections.abc import Callable, Iterator

from actors.care.reading.page_format import (
    BIG,
    BRANCH,
    DEPTH_MAX,
    ENDS_AT,
    HEADER,
    HEADER_BYTES,
    INTEGER_KEYS,
    LEAF,
    MAGIC,
    META,
    META_BYTES,
    META_PAGE,
    NO_PAGE,
    NODE,
    OVERFLOW,
    SUBTREE,
    TREE,
    TREES_AT,
    U64,
    VERSION,
    BrokenPages,
    Count,
    Extent,
    Layout,
    Meta,
    Tree,
)


def check_pages(path: pathlib.Path) -> Layout:
    """The layout of a file that nobody writes; raises BrokenPages at the first thing that LMDB would not write."""
    return _read(path, None)


def whole_pages(path: pathlib.Path, faults: list[str]) -> Layout:
    """What can be reached over whole pages; what cannot is left out, with a sentence in ``faults`` for each."""
    return _read(path, faults)


def _read(path: pathlib.Path, faults: list[str] | None) -> Layout:
    with open(path, "rb") as file:
        size = path.stat().st_size
        if size < META_BYTES:
            raise BrokenPages(f"{path.name} has {size} bytes, less than one page")
        with mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as content, memoryview(content) as view:
            return _Walk(view, path.name, faults).run()


class _Walk:
    def __init__(self, content: memoryview, name: str, faults: list[str] | None) -> None:
        self._content = content
        self._name = name
        self._faults = faults
        self._page_bytes = 0
        self._proof: set[int] = set()

    def run(self) -> Layout:
        for meta in [self._newest_meta()] if self._faults is None else self._any_metas():
            self.layout = layout = Layout(self._page_bytes, meta, proof_pages=self._proof, used={0, 1})
            self._passing(functools.partial(self._read_trees, meta))
            if layout.values:
                break
        if self._faults is None:
            self._free_pages(meta)
            lost = set(range(meta.last_page + 1)) - layout.used - layout.free_pages
            if lost:
                self._fail(f"page {min(lost)} is neither in use nor free")
        return layout

    def _read_trees(self, meta: Meta) -> None:
        for name, place in self._tree(meta.main, "main tree"):
            self._passing(functools.partial(self._read_subtree, name, place))

    def _passing(self, work: Callable[[], object]) -> None:
        """Go on behind a fault where the caller wants what can be read."""
        try:
            work()
        except BrokenPages as fault:
            if self._faults is None:
                raise
            self._faults.append(str(fault))

    # --- meta pages ------------------------------------------------------------------------------

    def _any_metas(self) -> list[Meta]:
        """Meta pages that can be read, the newest first; the older one leads to the transaction before."""
        found: list[Meta] = []
        self._passing(lambda: found.append(self._meta(0, 0)))
        self._page_bytes = self._page_bytes or mmap.PAGESIZE
        self._passing(lambda: found.append(self._meta(1, self._page_bytes)))
        if not found:
            self._fail("neither of its meta pages can be read")
        found.sort(key=lambda meta: -meta.transaction)
        self._passing(lambda: self._check_size(found[0]))
        return found

    def _newest_meta(self) -> Meta:
        first = self._meta(0, 0)
        second = self._meta(1, self._page_bytes)
        older, newer = sorted((first, second), key=lambda meta: meta.transaction)
        if first.transaction & 1 and first.transaction or not second.transaction & 1 and second.transaction:
            self._fail("a meta page does not hold a transaction of its own")
        if newer.transaction - older.transaction > 1:
            self._fail(f"its meta pages hold transactions {older.transaction} and {newer.transaction}, not neighbours")
        if newer.main.root == NO_PAGE and newer.transaction:
            self._fail(f"transaction {newer.transaction} has no main tree")
        self._check_size(newer)
        for meta in (older, newer):
            self._check_transaction(meta)
        return newer

    def _check_size(self, meta: Meta) -> None:
        held = self._page_bytes * (meta.last_page + 1)
        if len(self._content) < held:
            self._fail(f"has {len(self._content)} bytes of {held}: its end is missing")

    def _check_transaction(self, meta: Meta) -> None:
        """Every transaction frees pages and lists them under its own number, so a changed number contradicts the list.

        The pages of the transaction before the newest are whole too: LMDB keeps them until that one is replaced.
        """
        if meta.free.root == NO_PAGE:
            if meta.transaction > 1:  # the first one, or a compacted copy, had nothing to free
                self._fail(f"transaction {meta.transaction} lists no free pages")
            return
        page, (key, where) = meta.free.root, (b"", f"free pages of transaction {meta.transaction}")
        for level in range(min(meta.free.depth, DEPTH_MAX), 0, -1):
            start = self._page(page, 1, LEAF if level == 1 else BRANCH, meta.last_page, where)
            self._proof.add(page)
            at, flags, key = self._nodes(start, page, level == 1, where)[-1]
            low, high, _, _ = NODE.unpack_from(self._content, at)
            page = low | high << 16 | flags << 32
        if int.from_bytes(key, "little") != meta.transaction:
            self._fail(f"its newest free pages are not those of transaction {meta.transaction}")

    def _meta(self, number: int, at: int) -> Meta:
        if at + META_BYTES > len(self._content):
            self._fail(f"ends inside meta page {number}")
        page, _, flags, _, _ = HEADER.unpack_from(self._content, at)
        magic, version, _, _ = META.unpack_from(self._content, at + HEADER_BYTES)
        if (page, flags, magic, version) != (number, META_PAGE, MAGIC, VERSION):
            self._fail(f"meta page {number} is not one of LMDB 0.9")
        free = Tree(*TREE.unpack_from(self._content, at + TREES_AT))
        main = Tree(*TREE.unpack_from(self._content, at + TREES_AT + TREE.size))
        last_page, transaction = struct.unpack_from("<QQ", self._content, at + ENDS_AT)
        if number == 0:
            self._page_bytes = free.pad
        if self._page_bytes < 512 or self._page_bytes & (self._page_bytes - 1) or free.pad != self._page_bytes:
            self._fail(f"meta page {number} says that a page has {free.pad} bytes")
        if free.flags != INTEGER_KEYS or main.flags:
            self._fail(f"meta page {number} has unknown flags")
        return Meta(free, main, last_page, transaction)

    # --- trees -----------------------------------------------------------------------------------

    def _read_subtree(self, name: bytes, place: Extent) -> None:
        tree, where = self._subtree(name, place), f"tree of {name.decode(errors='replace')}"
        self.layout.values[name] = self._tree(tree, where)

    def _subtree(self, name: bytes, place: Extent) -> Tree:
        at, length = place
        if length != TREE.size:
            self._fail(f"the entry of {name!r} in the main tree is no tree")
        tree = Tree(*TREE.unpack_from(self._content, at))
        if tree.pad or tree.flags:
            self._fail(f"the tree of {name!r} has unknown flags")
        return tree

    def _tree(self, tree: Tree, where: str) -> list[tuple[bytes, Extent]]:
        """All keys in order with the places of their values; counts and depth as the tree's record says."""
        found: list[tuple[bytes, Extent]] = []
        count = Count()
        if tree.root != NO_PAGE:
            if not 0 < tree.depth <= DEPTH_MAX:
                self._fail(f"{where}: {tree.depth} levels")
            read = functools.partial(self._branch_or_leaf, tree, tree.root, tree.depth, None, None)
            self._passing(functools.partial(read, where, found, count))
        elif tree.depth:
            self._fail(f"{where}: {tree.depth} levels and no root")
        said = (tree.branch_pages, tree.leaf_pages, tree.overflow_pages, tree.entries)
        if (count.branch, count.leaf, count.overflow, count.entries) != said:
            self._passing(lambda: self._fail(f"{where}: its pages and entries are not as many as it says"))
        return found

    def _branch_or_leaf(
        self,
        tree: Tree,
        page: int,
        level: int,
        least: bytes | None,
        below: bytes | None,
        where: str,
        found: list[tuple[bytes, Extent]],
        count: Count,
    ) -> None:
        """One page of a tree and all under it; its keys lie from ``least`` on and before ``below``."""
        start = self._take(page, 1, LEAF if level == 1 else BRANCH, where)
        nodes = self._nodes(start, page, level == 1, where)
        keys = [key for _, _, key in nodes]
        self._check_order(tree, keys[1:] if level > 1 else keys, least, below, f"{where}, page {page}")
        if level == 1:
            count.leaf += 1
            count.entries += len(nodes)
            for at, flags, key in nodes:
                self._passing(functools.partial(self._leaf, at, flags, key, f"{where}, page {page}", found, count))
            return
        count.branch += 1
        bounds = [least, *keys[1:], below]
        for number, (at, flags, _) in enumerate(nodes):
            low, high, _, _ = NODE.unpack_from(self._content, at)
            child = low | high << 16 | flags << 32
            read = functools.partial(self._branch_or_leaf, tree, child, level - 1, bounds[number], bounds[number + 1])
            self._passing(functools.partial(read, where, found, count))

    def _leaf(
        self, at: int, flags: int, key: bytes, where: str, found: list[tuple[bytes, Extent]], count: Count
    ) -> None:
        found.append((key, self._value(at, flags, key, where, count)))

    def _check_order(self, tree: Tree, keys: list[bytes], least: bytes | None, below: bytes | None, where: str) -> None:
        order = [_sorted_as(tree, key) for key in keys]
        for key in keys:
            if tree.flags and len(key) != 8:
                self._fail(f"{where}: a key of {len(key)} bytes")
        if any(one >= other for one, other in zip(order, order[1:], strict=False)):
            self._fail(f"{where}: keys out of order")
        if order and least is not None and order[0] < _sorted_as(tree, least):
            self._fail(f"{where}: a key that belongs further left")
        if order and below is not None and order[-1] >= _sorted_as(tree, below):
            self._fail(f"{where}: a key that belongs further right")

    def _nodes(self, start: int, page: int, leaf: bool, where: str) -> list[tuple[int, int, bytes]]:
        """Extent, flags and key of every node of a page; each node lies inside the page, none on another."""
        _, _, _, lower, upper = HEADER.unpack_from(self._content, start)
        count = (lower - HEADER_BYTES) // 2
        if lower < HEADER_BYTES or lower & 1 or not lower <= upper <= self._page_bytes or not count:
            self._fail(f"{where}, page {page}: impossible bounds")
        nodes: list[tuple[int, int, bytes]] = []
        spans: list[tuple[int, int]] = []
        for (offset,) in struct.iter_unpack("<H", self._content[start + HEADER_BYTES : start + lower]):
            if offset & 1 or not upper <= offset <= self._page_bytes - NODE.size:
                self._fail(f"{where}, page {page}: a node outside its room")
            low, high, flags, key_bytes = NODE.unpack_from(self._content, start + offset)
            inline = 0 if not leaf else 8 if flags & BIG else low | high << 16
            end = offset + NODE.size + key_bytes + inline
            if end > self._page_bytes or (not key_bytes and (leaf or len(nodes))):
                self._fail(f"{where}, page {page}: a node of impossible size")
            spans.append((offset, end + (end & 1)))
            key_at = start + offset + NODE.size
            nodes.append((start + offset, flags, bytes(self._content[key_at : key_at + key_bytes])))
        spans.sort()
        if spans[0][0] != upper or any(one[1] != other[0] for one, other in zip(spans, spans[1:], strict=False)):
            self._fail(f"{where}, page {page}: its nodes do not lie side by side")
        if spans[-1][1] != self._page_bytes:
            self._fail(f"{where}, page {page}: its nodes end before the page does")
        return nodes

    def _value(self, at: int, flags: int, key: bytes, where: str, count: Count) -> Extent:
        low, high, _, key_bytes = NODE.unpack_from(self._content, at)
        length = low | high << 16
        value_at = at + NODE.size + key_bytes
        main = where.startswith("main tree")
        if flags not in ((SUBTREE,) if main else (0, BIG)):
            self._fail(f"{where}: node {key!r} has unknown flags")
        if not flags & BIG:
            return value_at, length
        (first,) = U64.unpack_from(self._content, value_at)
        pages = (HEADER_BYTES - 1 + length) // self._page_bytes + 1
        start = self._take(first, pages, OVERFLOW, where)
        (said,) = struct.unpack_from("<I", self._content, start + 12)
        if said != pages:
            self._fail(f"page {first}: it says it begins {said} pages, its value takes {pages}")
        count.overflow += pages
        return start + HEADER_BYTES, length

    def _take(self, page: int, pages: int, kind: int, where: str) -> int:
        """The first byte of a run of pages, which are in use from now on and were not before."""
        start, run = self._page(page, pages, kind, self.layout.meta.last_page, where), range(page, page + pages)
        if not self.layout.used.isdisjoint(run):
            self._fail(f"{where}: leads to page {page}, which is in use already")
        self.layout.used.update(run)
        if kind != OVERFLOW:
            self.layout.tree_pages.add(page)
        return start

    def _page(self, page: int, pages: int, kind: int, last_page: int, where: str) -> int:
        """The first byte of a run of pages that begins as such a run does."""
        if not 1 < page <= page + pages - 1 <= last_page:
            self._fail(f"{where}: leads to page {page}, which is not there")
        if (page + pages) * self._page_bytes > len(self._content):
            self._fail(f"{where}: leads to page {page}, which lies behind the end of the file")
        start = page * self._page_bytes
        number, _, flags, _, _ = HEADER.unpack_from(self._content, start)
        if (number, flags) != (page, kind):
            self._fail(f"{where}: page {page} is not what belongs there")
        return start

    # --- free pages ------------------------------------------------------------------------------

    def _free_pages(self, meta: Meta) -> None:
        entries = self._tree(meta.free, "tree of free pages")
        for _, place in entries:
            for page in self._page_list(place):
                if page in self.layout.used or page in self.layout.free_pages or not 1 < page <= meta.last_page:
                    self._fail(f"page {page} is listed as free and is not")
                self.layout.free_pages.add(page)

    def _page_list(self, place: Extent) -> Iterator[int]:
        at, length = place
        (count,) = U64.unpack_from(self._content, at) if length >= 8 else (length,)
        if length & 7 or 8 * (count + 1) > length:
            self._fail("a list of free pages is longer than its room")
        pages = [page for (page,) in struct.iter_unpack("<Q", self._content[at + 8 : at + 8 * (count + 1)])]
        if pages != sorted(set(pages), reverse=True):
            self._fail("a list of free pages is out of order")
        yield from pages

    def _fail(self, what: str) -> None:
        raise BrokenPages(f"{self._name}: {what}")


def _sorted_as(tree: Tree, key: bytes) -> tuple[int, bytes]:
    """What LMDB compares of a key in this tree: a number, or its bytes."""
    return (int.from_bytes(key, "little"), b"") if tree.flags else (0, key)
