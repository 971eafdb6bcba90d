"""The fields of events as decoders take them: numbers among texts and numbers, keys, what each type takes.

All of it is made from ``router/log/event_fields.py`` and ``router/life/event_types.py``; a field or type that is added
there is read, checked and shown here without another line.
"""

from __future__ import annotations

import zlib
from collections.abc import Iterator

import numpy as np
import numpy.typing as npt

from kernels.text import scan_form as scan
from router.arrow.string_table import StringTable
from router.life.event_types import EVENT_TYPES, NEEDS, TAKES, OrderEvent
from router.life.states import DISPOSITIONS
from router.log.event_fields import COMMON, FIELDS, Field, Form
from router.wire.key_table import Key, KeyTable

U64 = npt.NDArray[np.uint64]

ALL: dict[str, Field] = COMMON | FIELDS
TEXT_FIELDS = tuple(name for name, field in ALL.items() if field.form in (Form.ID, Form.TEXT))
NUMBER_FIELDS = tuple(
    name for name, field in ALL.items() if field.form in (Form.AMOUNT, Form.COUNT, Form.TIME, Form.FLAG)
)
TEXT = {name: number for number, name in enumerate(TEXT_FIELDS)}
NUMBER = {name: number for number, name in enumerate(NUMBER_FIELDS)}
TIME_FIELDS = tuple(name for name in NUMBER_FIELDS if ALL[name].form is Form.TIME)
LINES = "lines"  # the one field of that form
LINE_FIELDS = ("line_id", "qty")
PERSONAL = tuple(name for name, field in FIELDS.items() if field.is_personal)
SHOWN = tuple(name for name, field in FIELDS.items() if not (field.is_personal or field.is_decided_on))

assert [name for name, field in ALL.items() if field.form is Form.LINES] == [LINES]

TYPE_NAMES = StringTable(list(EVENT_TYPES))
TYPE_NUMBERS = np.array([*EVENT_TYPES.values(), -1], np.int8)  # by number in TYPE_NAMES; its -1 finds the last
DISPOSITION_NAMES = StringTable(list(DISPOSITIONS))
DISPOSITION_NUMBERS = np.array([*DISPOSITIONS.values(), -1], np.int8)

BIT = {name: number for number, name in enumerate(FIELDS)}  # of a field in the masks below and in those of rows
# Of a field in a fingerprint: by its name, so that no number moves when a field is added between others.
TAG = {name: zlib.crc32(name.encode()) for name in ALL}

_KINDS = {
    Form.ID: scan.TEXT,
    Form.TEXT: scan.TEXT,
    Form.AMOUNT: scan.NUMBER,
    Form.COUNT: scan.NUMBER,
    Form.TIME: scan.TIME,
    Form.FLAG: scan.FLAG,
    Form.LINES: scan.SOME_LINES,
}


def _mask(names: tuple[str, ...]) -> int:
    return sum(1 << BIT[name] for name in names)


def _masks(fields: dict[OrderEvent, tuple[str, ...]], of_unknown: int) -> U64:
    masks = np.zeros(max(OrderEvent) + 2, np.uint64)
    for event, names in fields.items():
        masks[event] = _mask(names)
    masks[-1] = of_unknown  # type -1
    return masks


TAKEN = _masks(TAKES, _mask(tuple(FIELDS)))  # by number of the type: fields that it takes
NEEDED = _masks(NEEDS, 0)


def _keys() -> Iterator[Key]:
    for bit, (name, field) in enumerate(ALL.items()):
        yield Key(scan.TOP_LEVEL, name, bit, _KINDS[field.form], TEXT.get(name, NUMBER.get(name, 0)))
    yield Key(scan.LINE_LEVEL, "line_id", scan.LINE_BIT, scan.LINE_TEXT, scan.LINE_ID_START)
    yield Key(scan.LINE_LEVEL, "qty", scan.LINE_BIT + 1, scan.LINE_NUMBER, scan.QTY)


assert len(ALL) <= scan.REFUSED and len(set(TAG.values())) == len(ALL)
EVENT_KEYS = KeyTable(list(_keys()), len(TEXT_FIELDS), len(NUMBER_FIELDS), unknown=scan.REFUSED)
