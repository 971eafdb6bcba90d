"""The partners of the configuration, as the desk calls them, and what its refunds ask of it."""

from __future__ import annotations

import sys

from actors.owners.desk.parcels import Parcels
from actors.owners.desk.refunds import RefundTerms
from actors.owners.desk.shipment_plan import CarrierPartner, ShipmentTerms
from actors.owners.desk.told_events import ToldEvents
from actors.store.data_folder import DataFolder
from actors.store.secret_places import secret_at
from adapters._intents import Label, Refund
from adapters._registry import AnyAdapter, open_partner, settings_of
from adapters._spec import CarrierSettings, PaymentSettings
from router.config import Config, RefundOrder
from router.errors import Misconfigured
from router.work.kinds import QUEUES


def open_partners(config: Config) -> list[AnyAdapter]:
    """Those that can be used: calls of one whose secret has gone since ``serve`` began wait until the next start."""
    found = []
    for partner, given in config.partners.items():
        try:
            found.append(open_partner(partner, given, secret_at))
        except Misconfigured as fault:
            print(f"a partner is not called: {fault}", file=sys.stderr, flush=True)
    return found


def refund_terms(config: Config) -> RefundTerms:
    def limit_minor(role: str, currency: str) -> int | None:
        limits = config.desk.refund_limits.get(role)
        return None if limits is None else limits.get(currency, 0)

    answer_ms = config.desk.answer_within_ms.payments
    return RefundTerms(config.order_id_scope, _refunding(config), answer_ms, limit_minor)


def shipment_terms(config: Config) -> ShipmentTerms:
    return ShipmentTerms(config.order_id_scope, _labelling(config), config.desk.answer_within_ms.carriers)


def parcels_of(config: Config) -> Parcels:
    """Tracking numbers are kept where a carrier may tell of them."""
    return Parcels(bool(_labelling(config)), config.desk.answer_within_ms.carriers)


def told_events(data: DataFolder, config: Config) -> ToldEvents:
    answer_ms: dict[str, int] = {queue: getattr(config.desk.answer_within_ms, queue) for queue in QUEUES}
    return ToldEvents(config.order_id_scope, data.key(), answer_ms)


def _refunding(config: Config) -> dict[str, RefundOrder]:
    """Partners that give money back, and which of their payments first."""
    opened = {partner: settings_of(partner, given) for partner, given in config.partners.items()}
    return {
        partner: settings.refund_order
        for partner, (adapter, settings) in opened.items()
        if Refund in adapter.spec.repeats and isinstance(settings, PaymentSettings)
    }


def _labelling(config: Config) -> dict[str, CarrierPartner]:
    """By carrier, as rates name it, the partner that makes its labels: the first that says so, or is called so."""
    found: dict[str, CarrierPartner] = {}
    for partner, given in config.partners.items():
        adapter, settings = settings_of(partner, given)
        if Label in adapter.spec.repeats and isinstance(settings, CarrierSettings):
            for carrier in settings.carriers or (partner,):
                found.setdefault(carrier, CarrierPartner(partner, settings.services))
    return found
