"""Plain model of what events do to the units of an order: each takes some, one group after the other, or none at all.

The caller hands in a copy of the order, and throws it away where this raises ``Refused`` or ``Repeats``.
"""

from __future__ import annotations

from router.life.event_types import OrderEvent
from router.life.states import LEFT, LIVE, Disposition, Stage, stage_byte
from tests.reference.life.events import Moves, Refused, Repeats
from tests.reference.life.order import Shipment

E, U = OrderEvent, Stage
ANY = None
SHIPMENTS_MAX = 255
MARKING = {E.SEND_TO_NODE, E.ACCEPT}


def number_of(order, key):
    """Number of the parcel with this id, 0 where there is none."""
    return next((at + 1 for at, shipment in enumerate(order.shipments) if shipment.key == key), 0)


def free_name(order):
    """A parcel that nobody named is called by its number, or by the next one that no other has."""
    count = len(order.shipments)
    names = (str((count + more) % SHIPMENTS_MAX + 1) for more in range(SHIPMENTS_MAX))
    return next(name for name in names if not number_of(order, name))


class Taking:
    """One event on the units of one order. ``falls_at`` is the stage in which a node's on-hand falls."""

    def __init__(self, order, event, rule, falls_at):
        self.order, self.event, self.rule, self.falls_at = order, event, rule, falls_at
        self.moves = Moves()
        self.cancelled = []  # cell moves that may give back a parcel's day
        self.new_parcel = None  # number of the one that goes without a name

    def run(self):
        event, rule = self.event, self.rule
        shipment = self.parcel_meant()
        names_node = event.node is not None and (rule.filters or event.type == E.RETURN)
        names_parcel = event.shipment is not None and rule.filters and (rule.assigns or shipment is not ANY)
        if event.lines or names_node or names_parcel:
            self.order.together = False
        todo = self.check_lines(shipment) if event.lines else self.check_all(shipment)
        self.check_room(shipment)
        if self.order.together and event.tracking is not None:
            self.order.tracking = event.tracking
        if event.lines:
            for line, qty in todo:
                self.take_line(line, qty, shipment)
        else:
            self.take_all(shipment)
        if not self.moves.units:
            raise Repeats
        self.give_days_back()
        return self.moves

    # --- which units are meant -------------------------------------------------------------------

    @property
    def tiers(self):
        """Groups of classes, one after the other; what awaits inspection is meant where its outcome is said."""
        is_plain_return = self.event.type == E.RETURN and self.event.disposition is None
        return [() if is_plain_return and at == 0 else tier for at, tier in enumerate(self.rule.tiers)]

    def is_in(self, heap, tier):
        """Whether its units are of a tier, and the event is news of them."""
        return heap.group in tier and not (self.event.type in MARKING and heap.detail & self.rule.seen)

    def lacks(self, heap):
        """Further than the event leads, and it was never reported of them."""
        return bool(self.rule.seen) and heap.stage in self.rule.late and not heap.detail & self.rule.seen

    def concerns(self, heap):
        return self.lacks(heap) or any(self.is_in(heap, tier) for tier in self.tiers)

    def is_done(self, heap):
        """Whether the event is a mere repetition of its units; another outcome of what came back is none."""
        if heap.group in self.rule.done:
            says = self.event.disposition if self.event.type == E.RETURN else None
            return says is None or heap.detail == says
        return self.event.type in MARKING and heap.stage == U.ALLOCATED and bool(heap.detail & self.rule.seen)

    def near(self, heaps):
        """Tiers that a report without lines is about; not the far ones where it may be said for the second time."""
        return self.tiers[: self.rule.far] if any(self.is_done(heap) for heap in heaps) else self.tiers

    def meant(self, shipment, line=ANY, sku=ANY):
        """Heaps with units that are meant by the event's node and by what else is asked for."""
        node = self.event.node if self.rule.filters and self.event.type != E.RETURN else ANY
        wanted = ((node, "node"), (shipment, "shipment"), (line, "line"), (sku, "sku"))
        return [
            heap
            for heap in self.order.heaps
            if heap.qty and all(value is ANY or getattr(heap, name) == value for value, name in wanted)
        ]

    def is_held_back(self, heap, tiers):
        """Whether it would be of these tiers if no hold was on."""
        classes = {number for tier in tiers for number in tier}
        return heap.stage == U.HELD and U.ALLOCATED in classes and U.HELD not in classes and self.rule.target != U.HELD

    def held(self, shipment, line):
        """Units of a line that the event could concern as well, if they were not on hold."""
        if not any(self.is_held_back(heap, self.tiers) for heap in self.meant(shipment, line)):
            return 0
        return self.there_are(shipment, line, or_held=True) - self.there_are(shipment, line)

    def there_are(self, shipment, line, or_held=False):
        """Units of a line that the event can concern; of a bundle whole ones, and those that still wait."""
        concerned = [h for h in self.order.heaps if self.concerns(h) or (or_held and self.is_held_back(h, self.tiers))]
        heaps = [heap for heap in self.meant(shipment, line) if heap in concerned]
        if line not in self.order.parts:
            return sum(heap.qty for heap in heaps)
        waiting = sum(heap.qty for heap in heaps if heap.stage == U.BACKORDERED)
        whole = []
        for sku, each in self.order.parts[line].items():
            units = sum(heap.qty for heap in heaps if heap.sku == sku and heap.stage != U.BACKORDERED)
            elsewhere = [h for h in self.order.heaps if h.qty and h.line == line and h.sku == sku and h in concerned]
            if units or not elsewhere:  # a component that comes from another node, or in another parcel, is not meant
                whole.append(units // each)
        return waiting + min(whole, default=0)

    # --- parcels ---------------------------------------------------------------------------------

    def number_of(self, key):
        return number_of(self.order, key)

    def parcel_meant(self, line=ANY):
        """The parcel whose units are meant. Where the event puts units into it: its own, else those in none yet,
        as long as it is news of them."""
        key = self.event.shipment
        if key is None or not self.rule.filters:
            return ANY
        number = self.number_of(key)
        if not self.rule.assigns:
            if number or (key == "1" and not self.order.shipments):
                return number or ANY  # while none has a name, the only parcel is "1"
            raise Refused("SHIPMENT_UNKNOWN")
        heaps = self.meant(ANY, line)
        news = {heap.shipment for heap in heaps if self.concerns(heap)}
        if number and number in news:
            return number
        if 0 in news or any(heap.shipment == 0 and self.is_held_back(heap, self.tiers) for heap in heaps):
            return 0
        return number if any(heap.shipment == number > 0 and heap.stage != U.CANCELLED for heap in heaps) else ANY

    def check_room(self, shipment):
        """An order has so many parcels at most."""
        needs_one = False
        if self.rule.assigns and self.event.shipment is not None:
            needs_one = not self.number_of(self.event.shipment)
        elif self.rule.assigns == 2 and not self.order.together:
            needs_one = any(heap.shipment == 0 and self.concerns(heap) for heap in self.meant(shipment))
        if needs_one and len(self.order.shipments) >= SHIPMENTS_MAX:
            raise Refused("LIMIT")

    def parcel_after(self, heap):
        """Number of the parcel that a heap's units lie in afterwards, made where there is none yet."""
        if self.order.together:
            return 0
        stays = self.rule.assigns == 0 or (heap.shipment and (self.event.shipment is None or self.lacks(heap)))
        if stays or (self.event.shipment is None and self.rule.assigns == 1):
            number = heap.shipment
        elif self.event.shipment is not None:
            number = self.number_of(self.event.shipment) or self.add_parcel(self.event.shipment)
        else:
            self.new_parcel = self.new_parcel or self.add_parcel(free_name(self.order))
            number = self.new_parcel
        if number and self.rule.assigns and self.event.tracking is not None:
            self.order.shipments[number - 1].tracking = self.event.tracking
        return number

    def add_parcel(self, key):
        self.order.shipments.append(Shipment(key))
        return len(self.order.shipments)

    # --- looking first ---------------------------------------------------------------------------

    def check_all(self, shipment):
        heaps = self.meant(shipment)
        if any(self.lacks(heap) or any(self.is_in(heap, tier) for tier in self.near(heaps)) for heap in heaps):
            return
        held = sum(heap.qty for heap in heaps if self.is_held_back(heap, self.near(heaps)))
        if held:
            raise Refused("ON_HOLD_NOW", -1, 0, held)
        if self.rule.target == U.CANCELLED and any(heap.stage in LIVE for heap in heaps):
            raise Refused("TRANSITION")
        raise Repeats if any(self.is_done(heap) for heap in heaps) else Refused("TRANSITION")

    def check_lines(self, shipment):
        """The lines that are named with their units, None = all that can be; every one has to have them."""
        todo, asked = [], {}
        for at, named in enumerate(self.event.lines):
            line = self.line_of(named)
            if line is None:
                raise Refused("LINE_UNKNOWN", at)
            meant = shipment if not self.rule.assigns else self.parcel_meant(line) if named.qty is None else ANY
            there, held = self.there_are(meant, line), self.held(meant, line)
            wanted = 1 if named.qty is None else asked.get(line, 0) + named.qty
            if there < wanted <= there + held:
                raise Refused("ON_HOLD_NOW", at, wanted, held)
            if named.qty is None:
                if not there and not any(self.is_done(heap) for heap in self.meant(meant, line)):
                    raise Refused("NOT_ENOUGH", at, 1, 0)
            else:
                asked[line] = wanted
                if not there and self.is_told_again(meant, line, wanted):
                    todo.append((line, 0))
                    continue
                if there < asked[line]:
                    raise Refused("NOT_ENOUGH", at, asked[line], there)
                if self.leaves_open(line, asked[line]):
                    raise Refused("WHICH_NODE", at)
            todo.append((line, named.qty))
        return todo

    def is_told_again(self, shipment, line, units):
        """Whether so many units, or bundles, have been where the event leads; a cancel is for others each time."""
        heaps = [heap for heap in self.meant(shipment, line) if self.is_done(heap)]
        parts = self.order.parts.get(line)
        if parts is None:
            done = sum(heap.qty for heap in heaps)
        else:
            done = min(sum(heap.qty for heap in heaps if heap.sku == sku) // each for sku, each in parts.items())
        return self.rule.target != U.CANCELLED and done >= units

    def leaves_open(self, line, units):
        """Whether it is not said which units leave their node: some of those that several nodes have alike."""
        if not self.rule.assigns or self.event.node is not None:
            return False
        parts = self.order.parts.get(line, {ANY: 1})
        return any(self.parts_nodes(line, sku, units * each) for sku, each in parts.items())

    def parts_nodes(self, line, sku, units):
        key = self.event.shipment
        own = key is not None and self.number_of(key)
        for rank in range(3):
            for tier in self.tiers:
                alike = [
                    heap for heap in self.meant(ANY, line, sku)
                    if heap.group in tier and rank == (
                        0 if key is None or (own and heap.shipment == own) else 1 if heap.shipment == 0 else 2
                    )
                ]  # fmt: skip
                there = sum(heap.qty for heap in alike)
                if units < there:
                    return units > 0 and len({heap.node for heap in alike}) > 1
                units -= there
        return False

    def line_of(self, named):
        """An id of the channel's own goes first; else it is the line's place, where that line has no own id."""
        keys = self.order.line_keys
        if named.key is not None and named.key in keys:
            return keys.index(named.key)
        place = named.number - 1
        return place if 0 <= place < len(keys) and keys[place] is None else None

    # --- then moving -----------------------------------------------------------------------------

    def take_all(self, shipment):
        for tier in self.near(self.meant(shipment)):
            for heap in self.meant(shipment):
                if self.is_in(heap, tier):
                    self.move(heap, heap.qty)
            if self.rule.first_only and self.moves.units:
                return
        for heap in self.meant(shipment):
            if self.lacks(heap):
                self.move(heap, heap.qty)

    def take_line(self, line, qty, shipment):
        """Units of a line; of a bundle of each component what so many consist of. Who waits goes first."""
        places = [shipment]
        if self.rule.assigns and self.event.shipment is not None:
            own = self.number_of(self.event.shipment)
            places = [self.parcel_meant(line)] if qty is None else [*([own] if own else []), 0, ANY]
        if qty is None:
            qty = self.there_are(places[0], line)
        if line not in self.order.parts:
            self.take(places, line, ANY, qty)
            return
        qty = self.take(places, line, self.waiting_sku(line), qty)
        for sku, each in self.order.parts[line].items():
            self.take(places, line, sku, qty * each)

    def waiting_sku(self, line):
        """What a bundle's units that wait are counted as: the bundle's own SKU, which is none of its components."""
        return next((h.sku for h in self.order.heaps if h.line == line and h.sku not in self.order.parts[line]), -1)

    def take(self, places, line, sku, units):
        """Move up to so many units, what lies further in front of the warehouse last; how many are left."""
        for shipment in places:
            for tier in [*self.tiers, None]:
                for heap in self.meant(shipment, line, sku):
                    if units and (self.lacks(heap) if tier is None else self.is_in(heap, tier)):
                        moved = min(units, heap.qty)
                        self.move(heap, moved)
                        units -= moved
        return units

    def move(self, heap, units):
        """Move units of one heap and tell it."""
        order, place, account = self.order, (heap.line, heap.sku, heap.node), heap.account
        before, parcel = stage_byte(heap.stage, heap.detail), heap.shipment
        stage, detail = self.after(heap)
        to_node = heap.node
        if self.event.type == E.RETURN and self.event.node is not None:
            to_node = self.event.node
        number = self.parcel_after(heap)
        value = order.shift(heap, units, to_node, stage, detail, number)
        self.moves.units.append((*place, to_node, before, stage_byte(stage, detail), parcel, number, units, value))
        kind = (place[0], place[1], to_node, stage, detail, number)
        account_after = next(other.account for other in order.heaps if other.qty and other.kind == kind)
        if account != account_after or place[2] != to_node:
            row = [*place, to_node, units, account, account_after, -1]
            self.moves.cells.append(row)
            if stage == U.CANCELLED:
                self.cancelled.append(row)

    def after(self, heap):
        """Stage and detail of a heap's units after the event."""
        rule = self.rule
        if self.lacks(heap) or self.event.type in MARKING:
            return heap.stage, heap.detail | rule.seen
        if self.event.type == E.RETURN:
            return U.RETURNED, int(self.event.disposition or Disposition.INSPECT)
        if rule.target in (U.HELD, U.ALLOCATED, U.CANCELLED):
            return rule.target, 0
        facts = heap.detail if heap.stage >= U.PICKED else 0
        return rule.target, facts | rule.seen | (LEFT if rule.target >= self.falls_at else 0)

    def give_days_back(self):
        """A node's parcel is given back once, with the last units that were to come from there."""
        for row in self.cancelled:
            node = row[2]
            if node in self.order.days and not self.order.sends_from(node):
                row[7] = self.order.days.pop(node)
