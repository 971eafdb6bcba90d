"""Parcels: the shipments of an order, which units are meant by one, and into which one units come.

named      pick, pack and ship put units into the parcel that they name; those that lie in it already are meant first,
           and where nothing new is said of them those that lie in none
unnamed    what is shipped without a name goes in one parcel, called by its number; what was packed stays in its own
all        while all units lie together no parcel is noted: the only one is "1", its tracking number the book's
"""

from __future__ import annotations

from typing import Any

from kernels._jit import inlined_rule, rule
from kernels.life.layout import (
    CLASS_INSPECT,
    INT64,
    NOT_SHIPPED,
    SHIP_KEY,
    SHIP_TRACKING,
    SHIPMENT_COUNT,
    SHIPMENT_UNKNOWN,
    SHIPMENT_WORDS,
    SHIPMENTS,
    SHIPMENTS_MAX,
    STAGE_CANCELLED,
    STAGE_DELIVERED,
    STAGE_LOST,
    STAGE_RETURNED,
    STAGE_SHIPPED,
    WHICH_PARCEL,
)
from kernels.life.open import extra_of
from kernels.life.runs import grown_words
from kernels.life.select import (
    ANY,
    classes_of,
    count_concerned,
    count_units,
    find_shipment,
    held_back,
    shipment_at,
    shipment_count,
)
from kernels.life.units import has_units


@rule
def shipment_meant(book: Any, event: Any, rule_row: Any, terms: Any, memory: Any) -> int:
    """The shipment whose units an event is about: ANY where it names none, -2 where the order has no such shipment."""
    if event.shipment == 0 or not rule_row.filters or rule_row.assigns:
        return ANY
    number = find_shipment(book, event.shipment, memory)
    if number > 0:
        return number
    is_only = shipment_count(book, memory) == 0 and event.shipment == terms.shipment_keys[1]
    return ANY if is_only else -2


@rule
def own_parcel(book: Any, line: int, node: int, event: Any, rule_row: Any, memory: Any) -> int:
    """What is meant where units are put into a parcel: those in it, while the event is news of any of them; then those
    in no parcel, of which it is, too, or would be but for a hold. Where it is news of neither: again those in it; if
    there are none any."""
    number, classes = find_shipment(book, event.shipment, memory), classes_of(rule_row, event)
    if number > 0 and count_concerned(book, line, ANY, classes, node, number, rule_row, memory) > 0:
        return number
    if count_concerned(book, line, ANY, classes | held_back(classes, rule_row), node, 0, rule_row, memory) > 0:
        return 0
    is_there = number > 0 and count_units(book, line, ANY, ~(1 << STAGE_CANCELLED), node, number, memory) > 0
    return number if is_there else ANY


@rule
def lacks_parcel(book: Any, node: int, event: Any, rule_row: Any, memory: Any) -> bool:
    """Whether the event may need one parcel more than an order can have."""
    if rule_row.assigns == 0 or shipment_count(book, memory) < SHIPMENTS_MAX:
        return False
    if event.shipment != 0:
        return find_shipment(book, event.shipment, memory) == 0
    classes = classes_of(rule_row, event)
    return rule_row.assigns == 2 and count_concerned(book, ANY, ANY, classes, node, 0, rule_row, memory) > 0


@rule
def add_shipment(book: Any, key: int, terms: Any, memory: Any) -> int:
    """Number of a new shipment of the order; one that nobody named is called by its number, or by the next free one."""
    count = shipment_count(book, memory)
    number = count
    while key == 0:
        number = number % SHIPMENTS_MAX + 1
        if find_shipment(book, terms.shipment_keys[number], memory) == 0:
            key = terms.shipment_keys[number]
    extra = extra_of(book, memory)
    first = grown_words(
        memory.words[extra + SHIPMENTS], SHIPMENT_WORDS * count, SHIPMENT_WORDS, memory
    )  # fmt: skip
    memory.words[extra + SHIPMENTS], memory.words[extra + SHIPMENT_COUNT] = first, count + 1
    memory.words[first + SHIPMENT_WORDS * count + SHIP_KEY] = key
    memory.words[first + SHIPMENT_WORDS * count + SHIP_TRACKING] = 0
    return count + 1


@rule
def parcel_after(
    book: Any, number: int, is_late: bool, event: Any, rule_row: Any, parcels: int, terms: Any, memory: Any
) -> int:  # fmt: skip
    """The parcel that units of parcel ``number`` come into, made where there is none yet.

    ``parcels`` is how many the order had before the event: what goes without a name goes in one. A late report does not
    take units out of the parcel that they left in.
    """
    if rule_row.assigns == 0:
        return number
    if number == 0 or (event.shipment != 0 and not is_late):
        if event.shipment != 0:
            number = find_shipment(book, event.shipment, memory)
            if number == 0:
                number = add_shipment(book, event.shipment, terms, memory)
        elif rule_row.assigns == 2:
            number = parcels + 1
            if shipment_count(book, memory) == parcels:
                add_shipment(book, 0, terms, memory)
    set_parcel_tracking(book, number, event, memory)
    return number


@inlined_rule
def set_parcel_tracking(book: Any, number: int, event: Any, memory: Any) -> None:
    if number > 0 and event.tracking != 0:
        memory.words[shipment_at(book, number, memory) + SHIP_TRACKING] = event.tracking


@inlined_rule
def names_parcel(event: Any, rule_row: Any) -> bool:
    """Whether the event names the parcel that it puts units into."""
    return bool(rule_row.assigns != 0 and event.shipment != 0)


@rule
def tracking_of(book: Any, number: int, memory: Any) -> int:
    """Tracking number of a parcel, 0 none known; of parcel 0 the book's own."""
    return memory.words[shipment_at(book, number, memory) + SHIP_TRACKING] if number > 0 else INT64(book.tracking)


@rule
def learn_tracking(book: Any, number: int, tracking: int, memory: Any) -> bool:
    """A parcel's tracking number is kept where nobody told it before; whether it was."""
    if tracking == 0 or tracking_of(book, number, memory) != 0:
        return False
    if number > 0:
        memory.words[shipment_at(book, number, memory) + SHIP_TRACKING] = tracking
    else:
        book.tracking = tracking
    return True


@rule
def learns_from_ship(book: Any, event: Any, rule_row: Any, terms: Any, memory: Any) -> bool:
    """Whether a ship that moves nothing tells the tracking number of the parcel that it names, or of the only one."""
    if rule_row.assigns != 2 or event.tracking == 0:
        return False
    count = shipment_count(book, memory)
    number = count
    if event.shipment != 0:
        number = find_shipment(book, event.shipment, memory)
        if number == 0 and (count > 0 or event.shipment != terms.shipment_keys[1]):
            return False
    elif count > 1:
        return False
    return learn_tracking(book, number, event.tracking, memory)


@rule
def parcel_scanned(book: Any, event: Any, terms: Any, memory: Any) -> int:
    """Number of the parcel that a scan is of, 0 while no parcel has a number; -1 * a refusal where there is none."""
    count = shipment_count(book, memory)
    if event.shipment != 0:
        number = find_shipment(book, event.shipment, memory)
        is_only = count == 0 and event.shipment == terms.shipment_keys[1] and was_shipped(book, memory)
        return number if number > 0 or is_only else -SHIPMENT_UNKNOWN
    if count == 0 and not was_shipped(book, memory):
        return -NOT_SHIPPED
    for number in range(1, count + 1):
        if event.tracking != 0 and tracking_of(book, number, memory) == event.tracking:
            return number
    if event.tracking != 0 and book.tracking == event.tracking:
        return 0
    if event.tracking == 0 and count > 1:
        return -WHICH_PARCEL
    is_new = event.tracking == 0 or tracking_of(book, count, memory) == 0
    return count if count <= 1 and is_new else -SHIPMENT_UNKNOWN


@rule
def names_differ(book: Any, number: int, event: Any, memory: Any) -> bool:
    """Whether a scan that names parcel ``number`` has the tracking number of another one, not also of this."""
    if event.shipment == 0 or event.tracking == 0 or tracking_of(book, number, memory) == event.tracking:
        return False
    for other in range(1, shipment_count(book, memory) + 1):
        if tracking_of(book, other, memory) == event.tracking:
            return True
    return False


@rule
def was_shipped(book: Any, memory: Any) -> bool:
    beyond = 1 << STAGE_SHIPPED | 1 << STAGE_DELIVERED | 1 << STAGE_LOST | 1 << STAGE_RETURNED | 1 << CLASS_INSPECT
    return has_units(book, beyond, memory)
