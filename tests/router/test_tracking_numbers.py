"""Tracking numbers: samples of every carrier, what a check digit finds of mistyped digits, and whose a number is."""

from __future__ import annotations

import itertools
import random
import string

import pytest

from router.tracking.carriers import CARRIERS, POSTS, carriers_named
from router.tracking.check_digits import (
    ALPHABET,
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
from router.tracking.forms import FORMS
from router.tracking.numbers import carrier_guess, fault, guesses, normalise, readings, tracking_url

# Numbers that carriers or their users published, with right check digits where there are any.
SAMPLES = [
    ("UPS 1Z", "ups", "1Z 999 AA1 01 2345 6784"),
    ("UPS 1Z", "ups", "1Z5R89390357567127"),
    ("USPS IMpb", "usps", "9400 1112 0108 0805 4830 16"),
    ("USPS IMpb", "usps", "9361289878700317633795"),
    ("USPS IMpb", "usps", "420 22153 9101026837331000039521"),
    ("USPS IMpb", "usps", "4201002334249200190132607600833457"),
    ("USPS IMpb", "usps", "92748931507708513018050063"),
    ("USPS IMpb without its 91", "usps", "7196 9010 7560 0307 7385"),
    ("USPS, 20 digits", "usps", "0307 1790 0005 2348 3741"),
    ("FedEx Express", "fedex", "9865 7878 8855"),
    ("FedEx Express", "fedex", "974367662710"),
    ("FedEx Ground", "fedex", "041441760228964"),
    ("FedEx Ground", "fedex", "568283610012000"),
    ("FedEx Ground 96", "fedex", "9611020987654312345672"),
    ("FedEx Ground SSCC", "fedex", "00 0123 4500 0000 0027"),
    ("FedEx Ground Economy", "fedex", "9261292700768711948021"),
    ("FedEx Ground Economy without its 92", "fedex", "61299998820821171811"),
    ("FedEx barcode, 34 digits", "fedex", "1001921334250001000300779017972697"),
    ("FedEx barcode, 34 digits", "fedex", "9622001900000000000000776632517510"),
    ("DHL Express waybill", "dhl_express", "33 1881 0025"),
    ("DHL Express waybill", "dhl_express", "8487135506"),
    ("DHL Parcel SSCC", "dhl_parcel", "00340434161094022115"),
    ("Deutsche Post Identcode", "dhl_parcel", "56.310 243.031 3"),
    ("DHL Parcel licence plate", "dhl_parcel", "JJD0099999999"),
    ("DHL Parcel licence plate", "dhl_parcel", "JVGL0999999990"),
    ("DPD barcode, 28 characters", "dpd", "0081 827 0998 0000 0200 45 327 276 N"),
    ("DPD barcode, 28 characters", "dpd", "008182709980000020033350276c"),
    ("Canada Post", "canada_post", "7035114477138472"),
    ("OnTrac", "ontrac", "C11031500001879"),
    ("OnTrac", "ontrac", "D10011354453707"),
    ("Amazon Logistics", "amazon", "TBA502887274000"),
    ("PostNL", "postnl", "3SDEVC201611210"),
    ("UPU S10 of GB", "royal_mail", "RR 473 124 829 GB"),
]
# Of each formula: signs of a body, its length, and signs that it takes for each other in some place.
CHECKS: list[tuple[Check, str, int]] = [
    (gs1, string.digits, 21),
    (gls, string.digits, 11),
    (usps_20, string.digits, 19),
    (smart_post_20, string.digits, 19),
    (deutsche_post, string.digits, 11),
    (upu_s10, string.digits, 8),
    (fedex, string.digits, 11),
    (ups, string.digits, 15),
    (mod_7, string.digits, 9),
    (mod_37_36, ALPHABET, 27),
]
FINDS_ALL = (gs1, gls, usps_20, smart_post_20, mod_37_36)


@pytest.mark.parametrize(("form", "carrier", "number"), SAMPLES)
def test_published_numbers_are_read_as_their_carriers_own(form: str, carrier: str, number: str) -> None:
    found = {(reading.form, reading.carrier) for reading in readings(number) if not reading.is_mistyped}
    assert (form, carrier) in found
    assert fault(number, CARRIERS[carrier].name) is None
    assert carrier in [guess.carrier for guess in guesses(number)]


def test_every_form_belongs_to_a_carrier_and_says_where_its_check_digit_is() -> None:
    for form in FORMS:
        assert form.carrier in CARRIERS
        assert form.pattern.groups == (0 if form.check is None else 2), form.name


@pytest.mark.parametrize(("check", "signs", "length"), CHECKS, ids=lambda value: getattr(value, "__name__", ""))
def test_a_single_mistyped_sign_is_found_as_far_as_the_formula_goes(check: Check, signs: str, length: int) -> None:
    """Everything but what the module's first lines name, and those are indeed not found."""
    chance = random.Random(length)
    missed = 0
    for _ in range(300):
        body = "".join(chance.choices(signs, k=length))
        at, other = chance.randrange(length), chance.choice(signs)
        if other == body[at]:
            continue
        if check(body[:at] + other + body[at + 1 :]) == check(body):
            missed += 1
            assert is_excused(check, body, at, other), (body, at, other)
    assert (missed == 0) == (check in FINDS_ALL)


def is_excused(check: Check, body: str, at: int, other: str) -> bool:
    apart = abs(int(body[at]) - int(other))
    if check is mod_7:
        return apart == 7
    if check in (ups, deutsche_post):
        return apart == 5 and at % 2 == (1 if check is ups else 0)
    return (check is fedex and check(body) == "0") or (check is upu_s10 and check(body) == "5")


def test_two_neighbours_exchanged_are_found_as_far_as_the_formula_goes() -> None:
    """3a + b and 3b + a are the same by 10 where a and b are 5 apart, and only there; by 11 neighbours differ."""
    for first, second in itertools.combinations(string.digits, 2):
        one, two = gs1(f"40{first}{second}07"), gs1(f"40{second}{first}07")
        assert (one == two) == (int(second) - int(first) == 5)
        for at in range(7):
            left, right = "3141592"[:at], "3141592"[at + 1 :]
            one, two = upu_s10(left + first + second + right), upu_s10(left + second + first + right)
            assert one != two or one == "5", "which stands for two remainders"


def test_a_wrong_check_digit_is_told_with_the_right_one() -> None:
    found = fault("1z999aa1 0123456785", "UPS Standard")
    assert found is not None and (found.expected, found.found) == ("4", "5")
    assert found.words == "a UPS number like this one (UPS 1Z) has the check digit 4, not 5"
    assert fault("3318810026", "DHL") is not None, "of the two DHL only one has such numbers"
    assert carrier_guess("1Z999AA10123456785") is None and guesses("1Z999AA10123456785") == []


@pytest.mark.parametrize(
    ("number", "carrier"),
    [
        ("JD-1", "dhl"),  # none of its published forms
        ("1Z999AA10123456785", "parcelline"),  # a carrier that nobody knows
        ("1Z999AA10123456785", "dhl"),
        ("3318810026", "DHL Freight"),  # of the name, and not of the forms
        ("7196 9010 7560 0307 7385", "usps"),  # right by one of two forms
        ("01090501234567", "dpd"),  # without its check character
        ("", "ups"),
    ],
)
def test_what_cannot_be_judged_has_no_fault(number: str, carrier: str) -> None:
    assert fault(number, carrier) is None


def test_posts_are_told_by_the_country_at_the_end() -> None:
    for country, carrier in POSTS.items():
        assert carrier_guess(f"RR473124829{country}") == carrier
    assert carrier_guess("RR473124829ZZ") is None and fault("RR473124828GB", "Royal Mail") is not None


def test_a_guess_names_one_carrier_or_none() -> None:
    assert carrier_guess("9261292700768711948021") is None, "USPS and FedEx both write it"
    assert carrier_guess("01090501234567") is None, "fourteen digits without a check character may be anybody's"
    assert carrier_guess("SF1234567890123") == "sf_express"
    assert carrier_guess("PO-77") is None


def test_carriers_are_known_by_name_and_service() -> None:
    assert carriers_named("ups_standard") == carriers_named("UPS") == ["ups"]
    assert carriers_named("DHL") == ["dhl_express", "dhl_parcel"]
    assert carriers_named("Royal Mail Tracked 48") == ["royal_mail"]
    assert carriers_named("upside") == carriers_named("") == []


def test_an_address_is_that_of_the_carrier_whose_form_the_number_has() -> None:
    assert tracking_url("1z 999 aa1 01 2345 6784", "UPS") == "https://www.ups.com/track?tracknum=1Z999AA10123456784"
    assert tracking_url("1Z999AA10123456784", None) == tracking_url("1Z999AA10123456784", "ups")
    parcel, waybill = tracking_url("00340434161094022115", "dhl"), tracking_url("3318810025", "dhl")
    assert parcel is not None and parcel.startswith("https://www.dhl.de/")
    assert waybill is not None and waybill.startswith("https://www.dhl.com/en/express/")
    assert tracking_url("PL-1", "parcelline") is tracking_url("3SDEVC201611210", "postnl") is None
    assert tracking_url("a&b=<1>", "gls") == "https://gls-group.com/track/A%26B%3D%3C1%3E"


def test_every_address_has_one_place_for_the_number() -> None:
    for carrier in CARRIERS.values():
        assert not carrier.page or (carrier.page.startswith("https://") and carrier.page.count("{}") == 1)


def test_blanks_hyphens_and_points_are_no_part_of_a_number() -> None:
    assert normalise(" 1z\u00a0999-aa1\u201101.2345 6784 ") == "1Z999AA10123456784"
