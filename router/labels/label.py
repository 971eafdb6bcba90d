"""What our own label shows: made of the shipment and addresses alone, so one that is printed again is the same."""

from __future__ import annotations

from typing import NamedTuple

from router.labels.address import PostalAddress


class Label(NamedTuple):
    sender: PostalAddress
    receiver: PostalAddress
    tracking_number: str
    carrier: str
    service: str
    order_id: str
    node: str
    shipment_id: str
    weight_g: int

    def __repr__(self) -> str:
        """Without addresses."""
        return f"Label({self.shipment_id})"

    @property
    def carried(self) -> str:
        return " ".join(filter(None, (self.carrier, self.service)))

    @property
    def weight(self) -> str:
        """In kilograms, as scales and carriers write it."""
        return f"{self.weight_g / 1_000:.3f} kg"
