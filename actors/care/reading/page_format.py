"""The layout of LMDB 0.9's files (64-bit, little endian), and what a look at one finds."""

from __future__ import annotations

import struct
from dataclasses import dataclass, field

from router.errors import Damaged

HEADER = struct.Struct("<QHHHH")  # page number, pad, flags, lower, upper
HEADER_BYTES = 16
NODE = struct.Struct("<HHHH")  # low and high half of the size or page, flags or page, key size
TREE = struct.Struct("<IHHQQQQQ")  # pad, flags, depth, branch, leaf and overflow pages, entries, root
META = struct.Struct("<IIQQ")  # magic, version, address, map size; then two trees, last page, transaction
TREES_AT = HEADER_BYTES + META.size
ENDS_AT = TREES_AT + 2 * TREE.size
META_BYTES = ENDS_AT + 16
U64 = struct.Struct("<Q")
MAGIC, VERSION = 0xBEEFC0DE, 1
BRANCH, LEAF, OVERFLOW, META_PAGE = 1, 2, 4, 8
BIG, SUBTREE = 1, 2  # flags of a node
INTEGER_KEYS = 8  # flag of the tree of free pages
NO_PAGE = (1 << 64) - 1
DEPTH_MAX = 32

Extent = tuple[int, int]  # first byte and length in the file


class BrokenPages(Damaged):
    """The file is not built as LMDB builds them."""


@dataclass(frozen=True)
class Tree:
    pad: int
    flags: int
    depth: int
    branch_pages: int
    leaf_pages: int
    overflow_pages: int
    entries: int
    root: int


@dataclass(frozen=True)
class Meta:
    free: Tree
    main: Tree
    last_page: int
    transaction: int


@dataclass
class Layout:
    """Where everything stands: for naming what a byte belongs to."""

    page_bytes: int
    meta: Meta
    values: dict[bytes, list[tuple[bytes, Extent]]] = field(default_factory=dict)  # sub-database -> keys and places
    tree_pages: set[int] = field(default_factory=set)  # branch and leaf pages, those of the free pages' tree too
    free_pages: set[int] = field(default_factory=set)
    proof_pages: set[int] = field(default_factory=set)  # which show that both meta pages tell the truth
    used: set[int] = field(default_factory=set)  # every page in use, values included


@dataclass
class Count:
    branch: int = 0
    leaf: int = 0
    overflow: int = 0
    entries: int = 0
