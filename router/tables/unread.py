"""Rows of an upload that could not be read: a row that refers to one of them is not to blame."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence

import msgspec

_QUOTES = re.compile("[\"']")
# Bounds of what a bad upload may cost; far above what an honest one has.
_SKUS_MAX = 1 << 16
_CELLS_MAX = 1 << 10
_BYTES_MAX = 1 << 16


class _AnySku(msgspec.Struct):
    """The SKU alone, of a line that is otherwise wrong."""

    sku: str


class Unread:
    """The SKUs that such rows may be of, as far as their text tells."""

    def __init__(self) -> None:
        self._skus: set[str] = set()
        self._any = False

    def __contains__(self, sku: object) -> bool:
        return self._any or sku in self._skus

    def add_line(self, line: bytes) -> None:
        try:
            self._add([msgspec.json.decode(line, type=_AnySku).sku])
        except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):  # no object: any text in it may be the SKU
            self._add(_QUOTES.split(line[:_BYTES_MAX].decode(errors="replace")))

    def add_cells(self, cells: Sequence[str]) -> None:
        """A CSV record; with a cell too many or too few any of them may be the SKU."""
        self._add(cells[:_CELLS_MAX])

    def add_rest(self) -> None:
        """The upload could not be read to its end; what follows may be any row."""
        self._any = True

    def _add(self, skus: Iterable[str]) -> None:
        self._skus.update(skus)
        if len(self._skus) > _SKUS_MAX:
            self._skus.clear()
            self._any = True
