"""Names of countries as exports write them, in ISO 3166 codes; the names are those of the ``pycountry`` package."""

from __future__ import annotations

import gettext
from functools import cache

import pycountry

from router.spelling import plain
from router.tables.countries import country_code, is_country
from router.tables.tax_areas import TERRITORIES

# Names and short forms in use that ISO 3166 does not have.
_IN_USE = {
    "uk": "GB",
    "great britain": "GB",
    "england": "GB",
    "scotland": "GB",
    "wales": "GB",
    "northern ireland": "GB",
    "u.s.a.": "US",
    "u.s.": "US",
    "america": "US",
    "eire": "IE",
    "republic of ireland": "IE",
    "holland": "NL",
    "russia": "RU",
    "south korea": "KR",
    "korea": "KR",
    "north korea": "KP",
    "czech republic": "CZ",
    "turkey": "TR",
    "vietnam": "VN",
    "taiwan": "TW",
    "hong kong sar": "HK",
    "macau": "MO",
    "macao": "MO",
    "ivory coast": "CI",
    "laos": "LA",
    "syria": "SY",
    "iran": "IR",
    "bolivia": "BO",
    "venezuela": "VE",
    "tanzania": "TZ",
    "moldova": "MD",
    "brunei": "BN",
    "cape verde": "CV",
    "swaziland": "SZ",
    "macedonia": "MK",
    "vatican city": "VA",
    "kosovo": "XK",
    "palestine": "PS",
    "uae": "AE",
    "the netherlands": "NL",
    "mainland china": "CN",
    "prc": "CN",
}


@cache
def _names(language: str) -> dict[str, str]:
    """Names in one language, folded, and their codes; ``""`` is English with the forms in use."""
    translated = gettext.translation("iso3166-1", pycountry.LOCALES_DIR, [language]).gettext if language else str
    found: dict[str, str] = {} if language else dict(_IN_USE)
    for country in pycountry.countries:
        for kind in ("name", "common_name", "official_name"):
            name = getattr(country, kind, None)
            if name:
                found.setdefault(_folded(translated(name)), country.alpha_2)
        if not language:
            found.setdefault(country.alpha_3.casefold(), country.alpha_2)
    return found


def _folded(name: str) -> str:
    return plain(name).casefold()


def has_language(language: str) -> bool:
    return gettext.find("iso3166-1", pycountry.LOCALES_DIR, [language]) is not None


def country_named(text: str, languages: tuple[str, ...]) -> str | None:
    """The code of a country that is written as its code or its name; None where nothing is known of it."""
    written = country_code(text)
    if is_country(written) or written in TERRITORIES:
        return written
    for language in ("", *languages):
        code = _names(language).get(_folded(text))
        if code:
            return code
    return None
