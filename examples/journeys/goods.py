"""What the shop of the journeys sells, from where, and how its router is configured."""

from __future__ import annotations

from typing import Any

import msgspec

CONFIG = """
[policy]
unpaid = "hold"                     # an order waits for its money
issuer = ["Chairs & Lamps Ltd", "Hafenweg 1, 10115 Berlin"]

[policy.channels.service]
unpaid = "allocate"                 # what is sent once more was paid before

[desk]
undelivered_after_ms = 3_000        # days, in a real shop

[payments]
pay_again = true
instalments_from.EUR = 1_000_000    # from 10,000 EUR on, halves are offered
instalment_days = 0                 # the second one as soon as all has left

[partners.pay]
adapter = "sandbox_payments"
url = "{sandbox}"
allow_private = true
api_key = "env:SANDBOX_KEY"
hook_secrets = ["env:SANDBOX_HOOK_SECRET"]

[partners.ship]
adapter = "sandbox_carrier"
url = "{sandbox}"
allow_private = true
api_key = "env:SANDBOX_KEY"
hook_secrets = ["env:SANDBOX_HOOK_SECRET"]
carriers = ["parcelline"]
services = {{ standard = "economy" }}
"""


def _rows() -> dict[str, list[dict[str, Any]]]:
    sku = {"currency": "EUR", "tax_class": "standard"}
    prices = {"CHAIR": (5_000, 4_000), "MUG": (1_290, 420), "LAMP": (4_500, 900)}
    places = {"BERLIN": ("DE", "10115", "Lager 1"), "LYON": ("FR", "69001", "Quai 2")}
    return {
        "skus": [{"sku": name, "name": name.title(), "price": price, "weight_g": weight_g, **sku}
                 for name, (price, weight_g) in prices.items()],
        "nodes": [{"node": node, "kind": "warehouse", "country": country, "postcode": postcode, "line1": street,
                   "name": "Chairs & Lamps", "city": node.title()}
                  for node, (country, postcode, street) in places.items()],
        "rates": [{"carrier": "parcelline", "service": "standard", "from_zone": "*", "to_zone": "DE", "min_g": 0,
                   "max_g": None, "price": 490, "days": 2}],
        "taxes": [{"country": "DE", "tax_class": "standard", "rate_bp": 1_900, "inclusive": True}],
        "stock": [{"sku": sku, "node": node, "on_hand": on_hand} for sku, node, on_hand in (
            ("CHAIR", "BERLIN", 400), ("MUG", "BERLIN", 50), ("LAMP", "BERLIN", 6), ("LAMP", "LYON", 4))],
    }  # fmt: skip


TABLES = {table: b"\n".join(msgspec.json.encode(row) for row in rows) for table, rows in _rows().items()}
