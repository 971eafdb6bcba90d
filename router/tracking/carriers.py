"""Carriers whose tracking numbers are known here: what they are called, and the address of their public page."""

from __future__ import annotations

import re
from collections.abc import Mapping
from types import MappingProxyType
from typing import NamedTuple
from urllib.parse import quote

_WORDS = re.compile("[0-9a-z]+", re.ASCII)


class Carrier(NamedTuple):
    """A row of CARRIERS."""

    name: str
    names: tuple[str, ...]  # as events may call it: letters and digits alone, without blanks
    page: str = ""  # address of its public page, ``{}`` for the number; "" where its form is not published


# By code, which readers of an order are shown.
CARRIERS: Mapping[str, Carrier] = MappingProxyType({
    "ups": Carrier("UPS", ("ups",), "https://www.ups.com/track?tracknum={}"),
    "fedex": Carrier("FedEx", ("fedex", "federalexpress"), "https://www.fedex.com/fedextrack/?trknbr={}"),
    "usps": Carrier("USPS", ("usps", "unitedstatespostalservice"), "https://tools.usps.com/go/TrackConfirmAction?tLabels={}"),
    "dhl_express": Carrier("DHL Express", ("dhlexpress", "dhl"), "https://www.dhl.com/en/express/tracking.html?AWB={}"),
    "dhl_parcel": Carrier(
        "DHL Parcel", ("dhlparcel", "dhlpaket", "dhl", "deutschepost"),
        "https://www.dhl.de/de/privatkunden/pakete-empfangen/verfolgen.html?piececode={}",
    ),
    "gls": Carrier("GLS", ("gls",), "https://gls-group.com/track/{}"),
    "dpd": Carrier("DPD", ("dpd",), "https://tracking.dpd.de/status/en_US/parcel/{}"),
    "ontrac": Carrier("OnTrac", ("ontrac",), "https://www.ontrac.com/tracking/?number={}"),
    "sf_express": Carrier("SF Express", ("sfexpress", "sf", "shunfeng")),
    "amazon": Carrier("Amazon Logistics", ("amazon", "amazonlogistics", "amzl"), "https://track.amazon.com/tracking/{}"),
    "royal_mail": Carrier(
        "Royal Mail", ("royalmail", "parcelforce"), "https://www.royalmail.com/track-your-item#/tracking-results/{}"
    ),
    "canada_post": Carrier(
        "Canada Post", ("canadapost", "postescanada"), "https://www.canadapost-postescanada.ca/track-reperage/en#/search?searchFor={}"
    ),
    "la_poste": Carrier("La Poste", ("laposte", "colissimo"), "https://www.laposte.fr/outils/suivre-vos-envois?code={}"),
    "japan_post": Carrier(
        "Japan Post", ("japanpost",),
        "https://trackings.post.japanpost.jp/services/srv/search/direct?reqCodeNo1={}&locale=en",
    ),
    "australia_post": Carrier("Australia Post", ("australiapost", "auspost"), "https://auspost.com.au/mypost/track/#/details/{}"),
    "austrian_post": Carrier("Austrian Post", ("austrianpost", "oesterreichischepost", "postat"), "https://www.post.at/sv/sendungsdetails?snr={}"),
    "postnl": Carrier("PostNL", ("postnl",)),  # its page asks for the postcode, too
    "bpost": Carrier("bpost", ("bpost",)),
    "swiss_post": Carrier("Swiss Post", ("swisspost", "postch", "schweizerischepost")),
    "correos": Carrier("Correos", ("correos",)),
    "poste_italiane": Carrier("Poste Italiane", ("posteitaliane",)),
    "postnord": Carrier("PostNord", ("postnord",)),
    "posten_norge": Carrier("Posten Norge", ("postennorge", "posten", "bring")),
    "poczta_polska": Carrier("Poczta Polska", ("pocztapolska",)),
    "an_post": Carrier("An Post", ("anpost",)),
    "china_post": Carrier("China Post", ("chinapost", "chinaems")),
    "hongkong_post": Carrier("Hongkong Post", ("hongkongpost",)),
    "singapore_post": Carrier("Singapore Post", ("singaporepost", "singpost")),
    "korea_post": Carrier("Korea Post", ("koreapost",)),
    "india_post": Carrier("India Post", ("indiapost",)),
    "correios": Carrier("Correios", ("correios",)),
})  # fmt: skip

# Who writes numbers of the UPU's standard S10, by the country at their end (ISO 3166-1 alpha-2).
POSTS: Mapping[str, str] = MappingProxyType({
    "AT": "austrian_post", "AU": "australia_post", "BE": "bpost", "BR": "correios", "CA": "canada_post",
    "CH": "swiss_post", "CN": "china_post", "DE": "dhl_parcel", "DK": "postnord", "ES": "correos", "FR": "la_poste",
    "GB": "royal_mail", "HK": "hongkong_post", "IE": "an_post", "IN": "india_post", "IT": "poste_italiane",
    "JP": "japan_post", "KR": "korea_post", "NL": "postnl", "NO": "posten_norge", "PL": "poczta_polska",
    "SE": "postnord", "SG": "singapore_post", "US": "usps",
})  # fmt: skip

# Businesses of the same name whose numbers have forms of their own: nothing is said of them.
_OTHERS = frozenset({
    "dhlecommerce", "dhlfreight", "dhlglobalforwarding", "dhlglobalmail", "dhlsupplychain", "fedexfreight",
    "fedexcustomcritical", "upsfreight", "upsmailinnovations", "upssupplychain", "amazonshipping", "glsus",
})  # fmt: skip


def carriers_named(text: str) -> list[str]:
    """Codes of the carriers that an event may mean by its ``carrier``: ``UPS``, ``ups_standard``, ``DHL`` (two).

    What stands behind the name of a carrier is taken for its service. None where nobody here is called so.
    """
    words = _WORDS.findall(text.lower())
    for count in range(len(words), 0, -1):
        name = "".join(words[:count])
        found = [code for code, carrier in CARRIERS.items() if name in carrier.names]
        if found or name in _OTHERS:
            return found
    return []


def page_of(carrier: str, number: str) -> str | None:
    """Address of the public page of a parcel; ``carrier`` is a code. None where nobody published its form."""
    page = CARRIERS[carrier].page
    return page.format(quote(number, safe="")) if page else None
