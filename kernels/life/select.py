"""Select: which units of an order an event concerns, and how many there are of them.

class     of units: their stage, or "came back and awaits inspection"
tiers     an event takes units of one group of classes before those of the next
lines     of a plain line its units; of a bundle whole bundles: of each component as many as that takes
filters   a node, a shipment
"""

from __future__ import annotations

from typing import Any

from kernels._jit import inlined_rule, rule
from kernels.life.layout import (
    CLASS_INSPECT,
    DETAIL_SHIFT,
    INSPECT,
    INT64,
    KIND_MARK,
    KIND_RETURN,
    LINE_COUNT,
    LINE_KEYS,
    PART_COUNT,
    PART_SKU,
    PART_UNITS,
    PART_WORDS,
    PARTS,
    SHIP_KEY,
    SHIPMENT_COUNT,
    SHIPMENT_WORDS,
    SHIPMENTS,
    STAGE_ALLOCATED,
    STAGE_BACKORDERED,
    STAGE_HELD,
    STAGE_MASK,
    STAGE_RETURNED,
    TIERS,
)
from kernels.life.runs import end_position, first_position

ANY = -1  # node, SKU or shipment that does not matter


@inlined_rule
def class_of(byte: int) -> int:
    stage = INT64(byte) & STAGE_MASK
    return CLASS_INSPECT if stage == STAGE_RETURNED and INT64(byte) >> DETAIL_SHIFT == INSPECT else stage


@inlined_rule
def is_meant(position: Any, line: int, sku: int, node: int, shipment: int) -> bool:
    return bool(
        position.qty > 0
        and (line == ANY or position.line == line)
        and (sku == ANY or position.sku == sku)
        and (node == ANY or position.node == node)
        and (shipment == ANY or position.shipment == shipment)
    )


@rule
def count_units(book: Any, line: int, sku: int, classes: int, node: int, shipment: int, memory: Any) -> int:
    """Units of the book in any of the classes that are meant."""
    found: int = INT64(0)
    for at in range(first_position(book), end_position(book)):
        position = memory.positions[at]
        if classes >> class_of(position.stage) & 1 and is_meant(position, line, sku, node, shipment):
            found += position.qty
    return found


@inlined_rule
def tiers_of(rule_row: Any, tier: int, event: Any) -> int:
    """Classes of a tier; units that await inspection are meant by a return that says what becomes of them."""
    classes = INT64(rule_row.tiers[tier])
    return 0 if rule_row.kind == KIND_RETURN and tier == 0 and event.disposition < 0 else classes


@rule
def classes_of(rule_row: Any, event: Any, tiers: int = TIERS) -> int:
    """Classes of all tiers, or of so many."""
    classes = 0
    for tier in range(tiers):
        classes |= tiers_of(rule_row, tier, event)
    return classes


@inlined_rule
def held_back(classes: int, rule_row: Any) -> int:
    """The class of units that would be among ``classes`` if no hold was on; 0 where a hold makes no difference."""
    is_kept = classes >> STAGE_ALLOCATED & 1 and not classes >> STAGE_HELD & 1 and rule_row.target != STAGE_HELD
    return 1 << STAGE_HELD if is_kept else 0


@inlined_rule
def is_done(byte: int, rule_row: Any, event: Any) -> bool:
    """Whether an event is a mere repetition of units with this stage byte, of which it is no news."""
    if rule_row.done >> class_of(byte) & 1:
        is_other = rule_row.kind == KIND_RETURN and event.disposition >= 0
        return not is_other or INT64(byte) >> DETAIL_SHIFT == event.disposition
    return bool(rule_row.kind == KIND_MARK and rule_row.tiers[0] >> class_of(byte) & 1)  # it bears the mark already


@rule
def has_done(book: Any, line: int, node: int, shipment: int, rule_row: Any, event: Any, memory: Any) -> bool:
    """Whether an event is a mere repetition of some of the units that it means."""
    for at in range(first_position(book), end_position(book)):
        position = memory.positions[at]
        if is_done(position.stage, rule_row, event) and is_meant(position, line, ANY, node, shipment):
            return True
    return False


@rule
def tiers_meant(book: Any, node: int, shipment: int, rule_row: Any, event: Any, memory: Any) -> int:
    """How many tiers an event without lines may take from: not the far ones where it may be said a second time."""
    if rule_row.far < TIERS and has_done(book, ANY, node, shipment, rule_row, event, memory):
        return INT64(rule_row.far)
    return TIERS


@inlined_rule
def lacks(byte: int, rule_row: Any) -> bool:
    """Whether units are further than the event leads, and it was never reported of them."""
    is_late = rule_row.late >> (INT64(byte) & STAGE_MASK) & 1 and rule_row.seen != 0
    return bool(is_late and (INT64(byte) >> DETAIL_SHIFT) & rule_row.seen == 0)


@inlined_rule
def concerns(byte: int, classes: int, rule_row: Any) -> bool:
    """Whether an event is news of units with this stage byte; ``classes`` are those it takes from."""
    if classes >> class_of(byte) & 1:
        return bool(rule_row.kind != KIND_MARK or (INT64(byte) >> DETAIL_SHIFT) & rule_row.seen == 0)
    return lacks(byte, rule_row)


@rule
def count_concerned(
    book: Any, line: int, sku: int, classes: int, node: int, shipment: int, rule_row: Any, memory: Any
) -> int:  # fmt: skip
    """Units of the book that are meant and of which an event is news."""
    found: int = INT64(0)
    for at in range(first_position(book), end_position(book)):
        position = memory.positions[at]
        if concerns(position.stage, classes, rule_row) and is_meant(position, line, sku, node, shipment):
            found += position.qty
    return found


@inlined_rule
def part_count(book: Any, memory: Any) -> int:
    return INT64(memory.words[book.extra + PART_COUNT]) if book.extra else 0


@inlined_rule
def part_word(book: Any, number: int, word: int, memory: Any) -> int:
    return INT64(memory.words[memory.words[book.extra + PARTS] + PART_WORDS * number + word])


@rule
def is_bundle(book: Any, line: int, memory: Any) -> bool:
    found = False
    for number in range(part_count(book, memory)):
        found |= part_word(book, number, PART_SKU, memory) >> 32 == line
    return found


@rule
def parts_max(book: Any, memory: Any) -> int:
    """More components than any bundle of the order has; those of a line are noted one after the other."""
    most, run, line = 0, 0, -1
    for number in range(part_count(book, memory)):
        here = part_word(book, number, PART_SKU, memory) >> 32
        run = run + 1 if here == line else 1
        most, line = max(most, run), here
    return most + 1


@rule
def count_line_units(
    book: Any, line: int, classes: int, node: int, shipment: int, rule_row: Any, memory: Any
) -> int:  # fmt: skip
    """Units of a line that an event can concern; of a bundle whole bundles, those that still wait included."""
    if not is_bundle(book, line, memory):
        return count_concerned(book, line, ANY, classes, node, shipment, rule_row, memory)
    waiting = count_units(book, line, ANY, classes & 1 << STAGE_BACKORDERED, node, shipment, memory)
    classes &= ~(1 << STAGE_BACKORDERED)
    served = -1
    for number in range(part_count(book, memory)):
        key = part_word(book, number, PART_SKU, memory)
        if key >> 32 != line:
            continue
        sku, units = key & 0xFFFFFFFF, part_word(book, number, PART_UNITS, memory)
        there = count_concerned(book, line, sku, classes, node, shipment, rule_row, memory)
        if there == 0 and count_concerned(book, line, sku, classes, ANY, ANY, rule_row, memory) > 0:
            continue  # this component is sent from another node, or in another parcel
        served = there // units if served < 0 else min(served, there // units)
    return waiting + max(served, 0)


@rule
def line_number(book: Any, line_key: int, line: int, memory: Any) -> int:
    """Number of the line an event names, from 0; -1 where the order has none of this id.

    An id of the channel's own goes first; one that is a number is the line's place where that line has no own id.
    """
    extra = book.extra
    count = memory.words[extra + LINE_COUNT] if extra else 0
    first = memory.words[extra + LINE_KEYS] if extra else 0
    for number in range(count):
        if memory.words[first + number] == line_key:
            return number
    if line < 1 or (line <= count and memory.words[first + line - 1] != 0):
        return -1
    for at in range(first_position(book), end_position(book)):
        if memory.positions[at].line == line - 1:
            return INT64(line - 1)
    return -1


@rule
def count_done(
    book: Any, line: int, sku: int, node: int, shipment: int, rule_row: Any, event: Any, memory: Any
) -> int:  # fmt: skip
    """Units of a line that are meant and of which an event is a mere repetition."""
    found: int = INT64(0)
    for at in range(first_position(book), end_position(book)):
        position = memory.positions[at]
        if is_done(position.stage, rule_row, event) and is_meant(position, line, sku, node, shipment):
            found += position.qty
    return found


@rule
def count_line_done(
    book: Any, line: int, node: int, shipment: int, rule_row: Any, event: Any, memory: Any
) -> int:  # fmt: skip
    """The same of a bundle's line, too: whole bundles, of every component."""
    if not is_bundle(book, line, memory):
        return count_done(book, line, ANY, node, shipment, rule_row, event, memory)
    done = -1
    for number in range(part_count(book, memory)):
        key = part_word(book, number, PART_SKU, memory)
        if key >> 32 == line:
            units = count_done(book, line, key & 0xFFFFFFFF, node, shipment, rule_row, event, memory)
            whole = units // part_word(book, number, PART_UNITS, memory)
            done = whole if done < 0 else min(done, whole)
    return max(done, 0)


@inlined_rule
def shipment_count(book: Any, memory: Any) -> int:
    return INT64(memory.words[book.extra + SHIPMENT_COUNT]) if book.extra else 0


@inlined_rule
def shipment_at(book: Any, number: int, memory: Any) -> int:
    """Place of the words of a shipment; numbers begin at 1."""
    return INT64(memory.words[book.extra + SHIPMENTS]) + SHIPMENT_WORDS * (number - 1)


@rule
def find_shipment(book: Any, key: int, memory: Any) -> int:
    """Number of the shipment with this key, from 1; 0 where there is none."""
    for number in range(1, shipment_count(book, memory) + 1):
        if memory.words[shipment_at(book, number, memory) + SHIP_KEY] == key:
            return number
    return 0
