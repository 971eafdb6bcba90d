"""Customers' names and addresses, made up from parts: valid in form, nobody's in fact."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pyarrow as pa

from bench.harness.arrays import I64

PEOPLE = 8_192
FIRST = ("Ada", "Bram", "Chloé", "Dilek", "Emil", "Farah", "Grete", "Hugo", "Ines", "Jonas", "Kim", "Lena", "Milo")
LAST = ("Abbott", "Bauer", "Costa", "Dubois", "Evans", "Fischer", "Garcia", "Hansen", "Ivanova", "Jones", "Keller")
STREETS = ("Mill Lane", "Station Road", "Hauptstraße", "Rue de la Gare", "Oak Street", "Harbour Walk", "Park Avenue")
# country, region, city, postcode with # for a digit, currency index, share
PLACES = (
    ("GB", "", "London", "SE# #AA", 0, 30),
    ("GB", "", "Manchester", "M# #BD", 0, 15),
    ("DE", "BE", "Berlin", "10###", 1, 12),
    ("DE", "BY", "München", "80###", 1, 8),
    ("FR", "", "Paris", "750##", 1, 10),
    ("US", "CA", "Los Angeles", "900##", 2, 13),
    ("US", "NY", "New York", "100##", 2, 12),
)
_COLUMNS = (
    "customer_name",
    "customer_email",
    "ship_to_name",
    "ship_to_line1",
    "ship_to_city",
    "ship_to_region",
    "ship_to_postcode",
    "ship_to_country",
)


@dataclass(frozen=True)
class People:
    fragments: list[str]  # JSON from the customer's name to the end of ship_to
    currency: I64  # index into workload.CURRENCIES
    table: dict[str, pa.Array]

    def columns(self, person: I64) -> dict[str, pa.Array]:
        rows = pa.array(person)
        return {name: column.take(rows) for name, column in self.table.items()}


def make_people(seed: int) -> People:
    rng = np.random.default_rng((seed, 1 << 41))
    shares = np.array([place[5] for place in PLACES]) / 100
    where = rng.choice(len(PLACES), PEOPLE, p=shares)
    fragments, rows = [], []
    for number in range(PEOPLE):
        country, region, city, pattern, _, _ = PLACES[where[number]]
        name = f"{FIRST[rng.integers(len(FIRST))]} {LAST[rng.integers(len(LAST))]}"
        email = f"c{number}@mail.example"
        line1 = f"{rng.integers(1, 240)} {STREETS[rng.integers(len(STREETS))]}"
        postcode = "".join(str(rng.integers(10)) if mark == "#" else mark for mark in pattern)
        rows.append((name, email, name, line1, city, region, postcode, country))
        fragments.append(
            f'"name":"{name}","email":"{email}"}},"ship_to":{{"name":"{name}","line1":"{line1}","city":"{city}",'
            + (f'"region":"{region}",' if region else "")
            + f'"postcode":"{postcode}","country":"{country}"}}'
        )
    table = {column: pa.array([row[at] for row in rows]) for at, column in enumerate(_COLUMNS)}
    currency = np.array([place[4] for place in PLACES], np.int64)[where]
    return People(fragments, currency, table)
