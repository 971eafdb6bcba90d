"""What a shipment is to be: its units, its carrier, who makes its label, its number; and the call for the label."""

from __future__ import annotations

from collections.abc import Mapping
from typing import NamedTuple

import msgspec
from sqlalchemy import Connection

from actors.store.desk import shipments
from actors.store.desk.ids import uuid7
from adapters import _intents
from adapters._intents import OrderReference
from router.ids import Scope
from router.labels.address import PostalAddress
from router.life.shipments import NO_DAY, Chosen, ShipmentRefused, chosen, free_units, weight_of
from router.life.shipments import planned as plan
from router.tracking.numbers import fault, normalise
from router.tracking.own import own_number
from router.work.acts import order_named
from router.work.shipment import GONE, Shipment, ShipmentAsked


class CarrierPartner(NamedTuple):
    """Who makes the labels of a carrier."""

    partner: str
    services: Mapping[str, str]  # our name of a service -> the partner's, where they differ


class ShipmentTerms(NamedTuple):
    """What the configuration says of shipments."""

    scope: Scope
    partners: Mapping[str, CarrierPartner]  # by carrier, as rates name it
    answer_ms: int  # that people have for an item


class Planning:
    """Reads in the transaction it is given, so that two requests cannot have the same units."""

    def __init__(self, terms: ShipmentTerms) -> None:
        self._terms = terms

    def planned(self, connection: Connection, asked: ShipmentAsked) -> Shipment:
        before = [each for each in shipments.of_order(connection, asked.order_key) if each.holds_units(asked)]
        taken = [(each.node, units) for each in before for units in each.units]
        node, units = plan(
            free_units(asked.opened, taken, {each.shipment_id for each in before}), asked.node, asked.units
        )
        weight_g = asked.weight_g or weight_of(units, asked.unit_weight_g)
        promised = asked.promised_day.get(node, asked.promised_day.get("", NO_DAY))
        bands = asked.bands.get(node, ())
        carried = chosen(bands, weight_g, asked.carrier, asked.service, asked.policy, promised)
        return Shipment(
            shipment_id=uuid7(asked.now_ms),
            order_key=asked.order_key,
            order_id=asked.order_id,
            channel=asked.channel,
            seller=asked.seller,
            order_version=asked.version,
            node=node,
            lines=msgspec.json.encode(units).decode(),
            carrier=carried.carrier,
            service=carried.service,
            partner=self._partner_of(carried, node, asked),
            weight_g=weight_g,
            price_minor=-1 if carried.price_minor is None else carried.price_minor,
            currency=asked.currency,
            arrives_day=carried.arrives_day,
            promised_day=promised,
            label_form=asked.form,
            tracking_number="",
            label_id="",
            state="requested",
            detail="",
            is_to_ship=asked.ship,
            asked_by=asked.caller,
            asked_ms=asked.now_ms,
            changed_ms=asked.now_ms,
        )

    def _partner_of(self, carried: Chosen, node: str, asked: ShipmentAsked) -> str:
        """Who is asked for the label; "" where nobody is, or somebody has one already and types its number."""
        found = self._terms.partners.get(carried.carrier)
        if found is None or asked.tracking_number:
            return ""
        if not carried.service:
            raise ShipmentRefused(
                f"service: {carried.carrier} makes labels by service, and no rate names one; name it."
            )
        for what, address in ((f"node {node} of the table nodes", asked.ship_from[node]), ("ship_to", asked.ship_to)):
            if address.missing:
                said = f"{what} has no {', '.join(address.missing)}, without which {carried.carrier} makes no label"
                raise ShipmentRefused(f"{said}; add what is missing.")
        return found.partner

    def number_of(self, connection: Connection, shipment: Shipment, typed: str) -> str:
        """The number on the label of a parcel of which nobody is asked."""
        if not typed:
            return own_number(shipment.shipment_id)
        wrong = fault(typed, shipment.carrier)
        if wrong is not None:
            raise ShipmentRefused(f"tracking_number: {wrong.words}; type it as it stands on the label.")
        number = normalise(typed)
        others = [each for each in shipments.tracked(connection, number) if each.state not in GONE]
        if any(each.carrier == shipment.carrier for each in others):
            raise ShipmentRefused("tracking_number: another shipment of this carrier has it; type that of this parcel.")
        return number

    def intent(self, shipment: Shipment, asked: ShipmentAsked) -> _intents.Label:
        services = self._terms.partners[shipment.carrier].services
        return _intents.Label(
            key=shipment.label_key,
            order=OrderReference(
                **order_named(shipment.order_id, shipment.channel, shipment.seller, self._terms.scope)
            ),
            shipment_id=shipment.shipment_id,
            ship_from=_to_partner(asked.ship_from[shipment.node]),
            ship_to=_to_partner(asked.ship_to),
            parcel=_intents.Parcel(shipment.weight_g),
            service=services.get(shipment.service, shipment.service),
            form=shipment.label_form,
        )


def _to_partner(address: PostalAddress) -> _intents.Address:
    return _intents.Address(**msgspec.structs.asdict(address))
