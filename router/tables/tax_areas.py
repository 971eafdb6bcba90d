"""Which tax area a postcode lies in: the longest prefix that the table names, else a territory that postcodes tell.

Some parts of countries are taxed as others, and people who live there rarely write a region: their postcodes say it.
"""

from __future__ import annotations

from collections.abc import Sequence

from router.tables.countries import country_code, plain_postcode

TERRITORIES = ("XI", "IC")  # see as_territory
# Country and first characters of the postcode -> the area, where the address says no region that has one.
_TOLD_BY_POSTCODE = {
    ("GB", "BT"): "GB-NIR",
    ("ES", "35"): "ES-GC",
    ("ES", "38"): "ES-TF",
    ("ES", "51"): "ES-CE",
    ("ES", "52"): "ES-ML",
    ("FI", "22"): "AX",
}
_TOLD_BY = 2  # characters of it


def as_territory(country: str, region: str, postcode: str) -> tuple[str, str]:
    """Country and region of codes that customs use for parts of countries: XI Northern Ireland, IC the Canaries."""
    code = country_code(country)
    if code == "XI":
        return "GB", region or "NIR"
    if code == "IC":
        return "ES", region or {"35": "GC", "38": "TF"}.get(plain_postcode(postcode)[:2], "")
    return country, region


class TaxAreas:
    """The areas of one version, by postcode."""

    def __init__(self, areas: Sequence[str]) -> None:
        self._numbers = {area: number for number, area in enumerate(areas)}
        self._sizes: dict[str, list[int]] = {}
        for area in areas:
            country, colon, prefix = area.partition(":")
            if colon and len(prefix) not in self._sizes.setdefault(country, []):
                self._sizes[country].append(len(prefix))
        for sizes in self._sizes.values():
            sizes.sort(reverse=True)

    def narrowest(self, country: str, postcode: str, wider: int) -> int:
        """The area of a plain postcode; ``wider`` is that of region or country."""
        if not postcode:
            return wider
        postcode = postcode.removeprefix(country)
        for size in self._sizes.get(country, ()):
            area = self._numbers.get(f"{country}:{postcode[:size]}")
            if area is not None and size <= len(postcode):
                return area
        told = self._numbers.get(_TOLD_BY_POSTCODE.get((country, postcode[:_TOLD_BY]), ""), 0)
        return told if told and wider == self._numbers.get(country, 0) else wider
