"""Orders as they were meant: the one place where texts get their normal form, before anything is decided by them.

    blanks of any kind alone    nothing was given
    currency, countries         upper case, ordinary width:  " de" = "DE"
    ids                         as they are: another spelling of an id is another id
    every other text            composed letters, no blanks at its ends

Documents keep what was sent. Regions and postcodes go through ``router/tables/places.py``, coupons and payment words
through the shard, each once for every spelling it has met.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from kernels.text.odd_texts import odd_texts
from kernels.text.scan_form import ABSENT
from router.ids import plain_numbers
from router.spelling import character_marks, plain, settled
from router.wire.fields import PRIORITY, TEXT_FIELDS
from router.wire.order_columns import OrderColumns
from router.wire.texts import Texts

U8 = npt.NDArray[np.uint8]

_MARKS: U8 = np.frombuffer(character_marks(), np.uint8)
_UPPER = frozenset({"currency", "ship_to.country", "bill_to.country"})
_IDS = frozenset({"order_id", "channel", "customer.id", "payment.reference", "sku", "node"})
_KEPT = frozenset({"seller"})  # part of where an id counts: old orders of a seller are found under the same text
_SPACE, _LOWER_A, _DELETE = 0x20, 0x61, 0x7F


def _id(text: str) -> str:
    return text if settled(text) else ""


def _code(text: str) -> str:
    return plain(text).upper()


def meant(field: str, text: str) -> str:
    """One text of a field (``ship_to.country``, ``sku``) as :func:`settle` has it; "" where it says nothing."""
    return text if field in _KEPT else _rule(field)(text)


def _rule(field: str) -> Callable[[str], str]:
    return _id if field in _IDS else _code if field in _UPPER else settled


def settle(columns: OrderColumns) -> OrderColumns:
    """The columns with settled texts; the very same ones where there was nothing to do, as nearly always."""
    texts = _settled_texts(columns.text)
    skus, line_nodes = (_settled(column, 0, _id) for column in (columns.skus, columns.line_nodes))
    if texts is columns.text and skus is None and line_nodes is None:
        return columns
    return dataclasses.replace(
        columns,
        text=texts,
        skus=columns.skus if skus is None else Texts.of_arrays([skus]),
        line_nodes=columns.line_nodes if line_nodes is None else Texts.of_arrays([line_nodes]),
    )


def as_meant(columns: OrderColumns) -> OrderColumns:
    """Settled columns without what goes without saying: priority 0, a line called by its own number."""
    number, line_ids = list(columns.number), columns.line_ids
    if (number[PRIORITY] == 0).any():
        number[PRIORITY] = np.where(number[PRIORITY] == 0, ABSENT, number[PRIORITY])
    elif not line_ids.sizes.any():
        return columns
    if line_ids.sizes.any():
        line_ids = _without_own_numbers(columns)
    return dataclasses.replace(columns, number=number, line_ids=line_ids)


def _settled_texts(texts: Texts) -> Texts:
    changed = {}
    for field, name in enumerate(TEXT_FIELDS):
        if name in _KEPT or texts.offsets[field, 0] == texts.offsets[field, -1]:
            continue
        array = _settled(texts, field, _rule(name), name in _UPPER)
        if array is not None:
            changed[field] = array
    return texts.with_columns(changed) if changed else texts


def _settled(texts: Texts, field: int, rule: Callable[[str], str], is_upper: bool = False) -> pa.StringArray | None:
    """The column by a rule; None where the rule changes nothing."""
    text = texts.text[field]
    lowest, highest = text.min(initial=_DELETE - 1), text.max(initial=0)
    if lowest > _SPACE and highest < (_LOWER_A if is_upper else _DELETE):
        return None  # no blank anywhere and nothing beyond ASCII: codes and ids, as they nearly always are
    odd = np.ones(texts.rows, np.uint8)
    if not (is_upper and highest >= _LOWER_A) and not odd_texts(texts.offsets[field], text, _MARKS, odd):
        return None
    column = texts.array(field)
    spellings = column.take(pa.array(np.flatnonzero(odd))).dictionary_encode()
    before = spellings.dictionary.to_pylist()
    after = [rule(text) for text in before]
    if after == before:
        return None
    meant = pa.array(after, pa.string()).take(spellings.indices)
    return pc.replace_with_mask(column, pa.array(odd.astype(bool)), meant)


def _without_own_numbers(columns: OrderColumns) -> Texts:
    called = columns.line_ids.array()
    first = np.repeat(columns.line_offsets[:-1], np.diff(columns.line_offsets))
    own = plain_numbers(called) == np.arange(1, len(called) + 1) - first
    if not own.any():
        return columns.line_ids
    return Texts.of_arrays([pc.if_else(pa.array(own), "", called)])
