"""Availability answers as JSON, written by a kernel from texts that are made once a version of the tables."""

from __future__ import annotations

from collections.abc import Iterable

import msgspec
import numpy as np
import numpy.typing as npt

from kernels.text.availability_json import availability_json

I32 = npt.NDArray[np.int32]
I64 = npt.NDArray[np.int64]

_OPEN_NODES, _CLOSE_ROW = b',"nodes":{', b"}}"
_DIGITS_MAX = 20
_PADDING = bytes(8)  # the kernel copies whole words


class AvailabilityText:
    """Writes answers in the names of one version of the tables."""

    def __init__(self, skus: Iterable[str], nodes: Iterable[str]) -> None:
        encode = msgspec.json.encode
        self._sku = _joined(b'{"sku":' + encode(sku) + b',"available":' for sku in skus)
        self._node = _joined([*(encode(node) + b":" for node in nodes), _OPEN_NODES, _CLOSE_ROW])

    def encode(self, sequence: int, skus: I32, total: I64, per_node: I64, unknown: list[str]) -> bytes:
        """``{"sequence","items":[...],"unknown":[...]}``; rows of ``per_node`` go with ``skus``."""
        sku_offset, sku_text = self._sku
        node_offset, node_text = self._node
        assert total.shape == skus.shape and per_node.shape == (skus.size, node_offset.size - 3)
        assert skus.size == 0 or (skus.min() >= 0 and int(skus.max()) + 1 < sku_offset.size), "unknown SKU number"
        lengths = sku_offset[skus + 1] - sku_offset[skus]
        a_row = node_text.size + (_DIGITS_MAX + 1) * (node_offset.size - 2)
        out = np.empty(int(lengths.sum()) + skus.size * a_row + len(_PADDING), np.uint8)
        used = availability_json(skus, total, per_node, sku_offset, sku_text, node_offset, node_text, out)
        head = b'{"sequence":%d,"items":[' % sequence
        return b"".join((head, out[:used].data, b'],"unknown":', msgspec.json.encode(unknown), b"}"))


def _joined(texts: Iterable[bytes]) -> tuple[I64, npt.NDArray[np.uint8]]:
    """Offsets (n+1) and bytes of texts, with padding behind."""
    parts = list(texts)
    offsets = np.zeros(len(parts) + 1, np.int64)
    np.cumsum([len(part) for part in parts], out=offsets[1:])
    return offsets, np.frombuffer(b"".join([*parts, _PADDING]), np.uint8)
