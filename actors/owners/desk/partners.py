"""The partners of the configuration, as the desk calls them, and what its refunds ask of it."""

from __future__ import annotations

import sys

from actors.owners.desk.parcels import Parcels
from actors.owners.desk.refunds import RefundTerms
from actors.owners.desk.shipment_plan import CarrierPartner, ShipmentTerms
from actors.owners.desk.told_events import ToldEvents
from actors.store.data_folder import DataFolder
from actors.store.secret_places import secret_at
from adapters._intents import Figures, Label, PayLink, Refund
from adapters._registry import AnyAdapter, open_partner, settings_of
from adapters._spec import CarrierSettings, PaymentSettings
from router.config import Config, RefundOrder
from router.errors import Misconfigured
from router.work.kinds import QUEUES
from router.work.pay import PayTerms


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


def pay_terms(config: Config) -> PayTerms:
    """Raises Misconfigured where the partner that is to make links cannot."""
    given = config.payments
    repeats = {name: settings_of(name, each)[0].spec.repeats for name, each in config.partners.items()}
    able = [name for name, intents in repeats.items() if PayLink in intents]
    if given.partner and given.partner not in able:
        said = f"[payments] partner: {given.partner!r} is no partner that makes payment links"
        raise Misconfigured(f"{said}; name one of {', '.join(able) or 'those that do, under [partners.NAME]'}.")
    return PayTerms(
        scope=config.order_id_scope,
        partner=given.partner or (able[0] if len(able) == 1 else ""),
        transfer_to=given.transfer_to,
        link_lives_ms=given.link_lives_ms,
        pay_again=given.pay_again,
        other_ways_after=given.other_ways_after,
        instalments_from=given.instalments_from,
        instalment_days=given.instalment_days,
        instalment_within_ms=given.instalment_within_ms,
        figures_of=frozenset(name for name, intents in repeats.items() if Figures in intents),
        answer_ms=config.desk.answer_within_ms.payments,
    )


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
