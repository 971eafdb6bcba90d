"""The sandbox's carrier: rates by zone and weight, labels with tracking numbers, pick-ups, scans.

It has no keys: a label that is asked for twice is bought twice, as with many real ones. It can be asked what it has
of a reference.
"""

from __future__ import annotations

from dataclasses import dataclass, field

from adapters.sandbox.labels import label_pdf, label_zpl, s10_number
from adapters.sandbox.reply import Document, Notice, Reply, refusal

SERVICES = {"economy": (390, 5), "express": (990, 1)}  # price for the first kilogram, days
KILOGRAM_MINOR = 120  # for each further one
ABROAD_FACTOR, ABROAD_DAYS = 3, 3
CURRENCY = "EUR"


@dataclass
class Bought:
    """One label."""

    document: Document  # as it was answered
    metadata: Document
    cod: Document | None = None  # amount and currency to be collected; None = nothing, or it was
    is_voided: bool = False
    scans: list[Document] = field(default_factory=list)


@dataclass
class Carrier:
    run: str
    first_number: int = 0  # of the tracking numbers of this run
    labels: dict[str, Bought] = field(default_factory=dict)  # by label id
    _by_number: dict[str, Bought] = field(default_factory=dict)
    pickups: list[Document] = field(default_factory=list)
    _count: int = 0

    def rates(self, body: Document) -> Reply:
        offers = [_offer(name, body) for name in SERVICES]
        return Reply(200, {"rates": offers})

    def buy(self, body: Document, now_ms: int) -> Reply:
        if body["service"] not in SERVICES:
            return refusal(422, "service_unknown", f"services are {', '.join(SERVICES)}")
        label_id = self._new_id("lab")
        number = s10_number(self.first_number + len(self.labels))
        draw = label_zpl if body["format"] == "zpl" else label_pdf
        document = {
            "id": label_id,
            "tracking_number": number,
            "price": _offer(body["service"], body)["price_minor"],
            "currency": CURRENCY,
            "format": body["format"],
            "content": draw(body["from"], body["to"], number),
            "reference": body["reference"],
        }
        bought = Bought(document, body["metadata"], body.get("cod"))
        self.labels[label_id] = self._by_number[number] = bought
        return Reply(201, document, [self._scanned(bought, "created", "", 0, now_ms)])

    def labels_of(self, reference: str) -> Reply:
        found = [each.document for each in self.labels.values() if each.document["reference"] == reference]
        return Reply(200, {"labels": found})

    def void(self, label_id: str) -> Reply:
        """Voiding what is void is no fault; what is on its way cannot be voided."""
        bought = self.labels.get(label_id)
        if bought is None:
            return refusal(404, "label_unknown", "no label has this id")
        if any(scan["code"] != "created" for scan in bought.scans):
            return refusal(409, "label_used", "the parcel is on its way")
        bought.is_voided = True
        return Reply(200, {"id": label_id, "status": "voided"})

    def pick_up(self, body: Document) -> Reply:
        document = {"id": self._new_id("pick"), "reference": body["reference"], "parcels": body["parcels"]}
        self.pickups.append(document)
        return Reply(201, document)

    def pickups_of(self, reference: str) -> Reply:
        return Reply(200, {"pickups": [each for each in self.pickups if each["reference"] == reference]})

    def tracking(self, number: str) -> Reply:
        bought = self._by_number.get(number)
        if bought is None:
            return refusal(404, "number_unknown", "no parcel has this tracking number")
        return Reply(200, {"number": number, "metadata": bought.metadata, "scans": bought.scans})

    def scan(self, number: str, body: Document, now_ms: int) -> Reply:
        """What a driver's scanner would do, for whoever tries things out."""
        bought = self._by_number.get(number)
        if bought is None:
            return refusal(404, "number_unknown", "no parcel has this tracking number")
        notice = self._scanned(bought, body["code"], body.get("place", ""), body.get("eta", 0), now_ms)
        return Reply(201, bought.scans[-1], [notice])

    def _scanned(self, bought: Bought, code: str, place: str, eta_ms: int, now_ms: int) -> Notice:
        scan = {"id": self._new_id("scan"), "code": code, "at": now_ms, "place": place, "eta": eta_ms}
        if code == "delivered" and bought.cod is not None:
            scan["collected"], bought.cod = bought.cod, None
        bought.scans.append(scan)
        data = {"number": bought.document["tracking_number"], "metadata": bought.metadata, "scans": [scan]}
        return Notice("tracking.updated", self._new_id("evt"), now_ms, data)

    def _new_id(self, kind: str) -> str:
        self._count += 1
        return f"{kind}_{self.run}_{self._count}"


def _offer(service: str, body: Document) -> Document:
    price_minor, days = SERVICES[service]
    price_minor += KILOGRAM_MINOR * (max(1, body["parcel"]["weight_g"]) - 1) // 1_000
    is_abroad = body["from"]["country"] != body["to"]["country"]
    return {
        "service": service,
        "price_minor": price_minor * (ABROAD_FACTOR if is_abroad else 1),
        "currency": CURRENCY,
        "days": days + (ABROAD_DAYS if is_abroad else 0),
    }
