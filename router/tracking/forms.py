"""The published forms of tracking numbers, one row a form: whose it is, how it is written, its check digit."""

from __future__ import annotations

import re
from typing import NamedTuple

from router.tracking.carriers import POSTS
from router.tracking.check_digits import (
    Check,
    deutsche_post,
    fedex,
    gls,
    gs1,
    mod_7,
    mod_37_36,
    smart_post_20,
    ups,
    upu_s10,
    usps_20,
)


class Form(NamedTuple):
    """A row of FORMS."""

    carrier: str  # code, a key of CARRIERS
    name: str
    pattern: re.Pattern[str]  # of a whole normalised number; its groups are ``check``'s body and the check digit
    check: Check | None = None  # None: it has no check digit


def _form(carrier: str, name: str, pattern: str, check: Check | None = None) -> Form:
    """``#`` stands for a digit."""
    return Form(carrier, name, re.compile(pattern.replace("#", "[0-9]"), re.ASCII), check)


def _s10(country: str, carrier: str) -> Form:
    return _form(carrier, f"UPU S10 of {country}", rf"[A-Z]{{2}}(#{{8}})(#){country}", upu_s10)


# Where a number has several forms of one carrier, the first is named.
FORMS: tuple[Form, ...] = (
    _form("ups", "UPS 1Z", r"1Z([0-9A-Z]{15})(#)", ups),
    _form("usps", "USPS IMpb", r"(?:420#{5}(?:#{4})?)?(9[1-5]#{19}|9[2-5]#{23})(#)", gs1),
    _form("usps", "USPS IMpb without its 91", r"(#{19})(#)", usps_20),
    _form("usps", "USPS, 20 digits", r"(#{19})(#)", gs1),
    _form("fedex", "FedEx Express", r"(#{11})(#)", fedex),
    _form("fedex", "FedEx Ground", r"(#{14})(#)", gs1),
    _form("fedex", "FedEx Ground 96", r"96#{5}(#{14})(#)", gs1),
    _form("fedex", "FedEx Ground SSCC", r"(00#{15})(#)", gs1),
    _form("fedex", "FedEx Ground Economy", r"(92#{19})(#)", gs1),
    _form("fedex", "FedEx Ground Economy without its 92", r"(#{19})(#)", smart_post_20),
    _form("fedex", "FedEx barcode, 34 digits", r"(?:10|96)#{18}(#{13})(#)", fedex),
    _form("dhl_express", "DHL Express waybill", r"(#{9})(#)", mod_7),
    _form("dhl_express", "DHL Express licence plate", r"JD#{16,18}"),
    _form("dhl_parcel", "DHL Parcel SSCC", r"(?:00)?(340434#{11})(#)", gs1),
    _form("dhl_parcel", "Deutsche Post Identcode", r"(#{11})(#)", deutsche_post),
    _form("dhl_parcel", "DHL Parcel licence plate", r"(?:JJD|JVGL)#{10,20}"),
    _form("gls", "GLS parcel number", r"(#{11})(#)", gls),
    _form("dpd", "DPD parcel number", r"(#{14})([0-9A-Z])", mod_37_36),
    _form("dpd", "DPD parcel number without check character", r"#{14}"),
    _form("dpd", "DPD barcode, 28 characters", r"([0-9A-Z]{7}#{20})([0-9A-Z])", mod_37_36),
    _form("canada_post", "Canada Post", r"(#{15})(#)", gs1),
    _form("ontrac", "OnTrac", r"([CD]#{13})(#)", ups),
    _form("sf_express", "SF Express waybill", r"SF#{12,13}"),
    _form("amazon", "Amazon Logistics", r"TB[ACM]#{12}"),
    _form("postnl", "PostNL", r"3S[A-Z]{4}#{7,11}"),
    *(_s10(country, carrier) for country, carrier in POSTS.items()),
)
