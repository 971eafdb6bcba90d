"""How cells are read: numbers, money, noise, times and zones, lists, countries, and what is done to texts."""

from __future__ import annotations

import os
import time

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from adapters.channels.csv.numbers import NumberFormat
from tests.labs.csv_files import HEADER, PLAIN, Outcome, row, translate


def one(said: str, **cells: str) -> Outcome:
    quoted = {name: f'"{cell}"' for name, cell in cells.items()}
    return translate(PLAIN + said, HEADER + row("1", **quoted))


GERMAN = '[file]\ndecimal = ","\nthousands = "."\n'
AMERICAN = '[file]\nthousands = ","\n'
SWISS = '[file]\nthousands = "\'"\n'
FRENCH = '[file]\ndecimal = ","\nthousands = " "\n'


@pytest.mark.parametrize(
    ("said", "text", "pieces"),
    [
        (GERMAN, "1.000", 1000),
        (GERMAN, "1000", 1000),
        (GERMAN, "12.345.678", 12_345_678),
        (GERMAN, "2,0", 2),
        *(
            (GERMAN, text, None)
            for text in ("1.5", "1.50", "10.00", "1.0000", "1..000", "2,5", ".000", "1.000.00", "1.000.")
        ),
        (AMERICAN, "1,000", 1000),
        (AMERICAN, "2.0", 2),
        *(
            (AMERICAN, text, None)
            for text in ("1,5", "1,50", "1,0000", "1,,000", "1,000,", ",000", "12,34,567", "1 000")
        ),
        (SWISS, "1'000", 1000),
        (SWISS, "1\u2019000", 1000),
        (SWISS, "1'00", None),
        (FRENCH, "1 000", 1000),
        (FRENCH, "1\u202f000", 1000),
        (FRENCH, "1\u00a0000", 1000),
        (FRENCH, "1 00", None),
        ("", "1,000", None),
        ("", "\u0661", None),
        ("", "+3", 3),
    ],
)
def test_marks_stand_only_where_they_can(said: str, text: str, pieces: int | None) -> None:
    found = one(said, pieces=text)
    if pieces is None:
        assert found.reasons == {"number_format": 1} and repr(text) in found.details
    else:
        assert found.line["qty"] == pieces


@pytest.mark.parametrize(
    ("said", "text", "price"),
    [
        (GERMAN, "1.234,50", 123450),
        (GERMAN, "12,5", 1250),
        *((GERMAN, text, None) for text in ("12.50", "12.5", "1.23,45", "1,234.50", "12,505", ",50", "50,")),
        (AMERICAN, "1,234.50", 123450),
        *((AMERICAN, text, None) for text in ("12,50", "1,23,456.00", ",50", "1,,234.00", "12.5,0", "1.234,50", "12.")),
        ("", "\u22125.00", -500),
    ],
)
def test_an_amount_is_read_exactly_or_refused(said: str, text: str, price: int | None) -> None:
    found = one(said, price=text)
    if price is None:
        assert found.reasons == {"amount_format": 1}
    else:
        assert found.line["unit_price"] == price


@settings(deadline=None)
@given(st.integers(0, 10**12), st.sampled_from([(".", ""), (".", ","), (",", "."), (",", " "), (".", "'")]))
def test_whatever_is_written_in_a_format_is_read_in_it(minor: int, marks: tuple[str, str]) -> None:
    decimal, thousands = marks
    text = f"{minor // 100:,}".replace(",", thousands) + f"{decimal}{minor % 100:02}"
    assert NumberFormat(decimal, thousands).minor(text, 2) == minor


@pytest.mark.parametrize(
    ("currency", "text", "price"),
    [
        ("USD", "$10.00", 1000),
        ("USD", "US $10.00", 1000),
        ("USD", "10.00 USD", 1000),
        ("USD", "-$10.00", -1000),
        ("USD", "$-10.00", -1000),
        ("AUD", "AU $3,000.00", 300000),
        ("AUD", "A$3.00", 300),
        ("AUD", "$3.00", 300),
        ("CAD", "C $3.00", 300),
        ("BRL", "R$3.00", 300),
        ("EUR", "3.00 \u20ac", 300),
        ("GBP", "\u00a33.00", 300),
        ("JPY", "\uffe5300", 300),
        ("CNY", "\u00a53.00", 300),
        ("PLN", "3.00 z\u0142", 300),
        ("EUR", "$10.00", None),
        ("USD", "AU $3.00", None),
        ("USD", "3.00 \u20ac", None),
        ("EUR", "3.00 each", None),
        ("EUR", "free", None),
        ("EUR", "3.00%", None),
    ],
)
def test_a_money_mark_is_read_where_it_is_one_of_the_orders_currency(
    currency: str, text: str, price: int | None
) -> None:
    said = PLAIN.replace('"EUR"', f'"{currency}"') + AMERICAN
    found = translate(said, HEADER + row("1", price=f'"{text}"'))
    if price is None:
        assert found.reasons == {"amount_format": 1} and text in found.details
    else:
        assert found.line["unit_price"] == price


@pytest.mark.parametrize("currency", ["eur", " Eur ", "\uff25\uff35\uff32"])
def test_a_currency_is_read_as_the_router_reads_it(currency: str) -> None:
    constant = PLAIN.replace('"EUR"', f'"{currency}"')
    assert translate(constant, HEADER + row("1", price="3.00")).line["unit_price"] == 300
    column = PLAIN.replace('currency = "EUR"', "").replace('"ship_to.line1"', "currency")
    assert translate(column, HEADER + row("1", price="3.00", street=currency)).line["unit_price"] == 300
    assert translate(column, HEADER + row("1", price="3.00", street="euro")).reasons == {"currency_unknown": 1}


@pytest.mark.parametrize(
    ("rounding", "text", "price"),
    [
        ("noise", "59.99000168", 5999),
        ("noise", "59.98999786", 5999),
        ("noise", "9999.990234375", 999999),
        ("noise", "12.5", 1250),
        ("noise", "12.505", None),
        ("noise", "12.502", None),
        ("half_up", "12.505", 1251),
        ("half_even", "12.505", 1250),
        ("half_up", "-12.505", -1251),
        (None, "59.99000168", None),
        ("noise", "59." + "9" * 60, 6000),
        ("half_up", "1" * 90 + ".00", None),
    ],
)
def test_the_noise_of_floats_is_rounded_away_where_the_mapping_says_so(
    rounding: str | None, text: str, price: int | None
) -> None:
    found = one(f'[cells."lines.unit_price"]\nround = "{rounding}"\n' if rounding else "", price=text)
    assert found.reasons == ({"amount_format": 1} if price is None else {})
    assert price is None or found.line["unit_price"] == price


ZONED = '[file]\ntime_formats = ["%Y-%m-%d %H:%M:%S %Z", "%Y-%m-%d %H:%M:%S %z"]\ntime_zone = "America/Los_Angeles"\n'


@pytest.mark.parametrize("machine", ["UTC", "America/Los_Angeles", "Asia/Shanghai", "Europe/Berlin"])
@pytest.mark.parametrize(
    ("text", "moment"),
    [
        ("2026-03-02 10:00:00 UTC", "2026-03-02T10:00:00Z"),
        ("2026-03-02 10:00:00 GMT", "2026-03-02T10:00:00Z"),
        ("2026-03-02 10:00:00 utc", "2026-03-02T10:00:00Z"),
        ("2026-03-02 10:00:00 Z", "2026-03-02T10:00:00Z"),
        ("2026-07-02 10:00:00 GMT", "2026-07-02T10:00:00Z"),
        ("2026-03-02 10:00:00 +0100", "2026-03-02T09:00:00Z"),
        ("2026-03-02 10:00:00 PST", None),
        ("2026-03-02 10:00:00 CST", None),
        ("2026-03-02 10:00:00 CET", None),
        ("2026-03-02 10:00:00 BST", None),
        ("2026-03-02 10:00:00", None),
    ],
)
def test_names_of_zones_are_those_of_the_list_on_every_machine(
    machine: str, text: str, moment: str | None, monkeypatch: pytest.MonkeyPatch
) -> None:
    before = os.environ.get("TZ")
    monkeypatch.setenv("TZ", machine)
    time.tzset()
    try:
        found = one(ZONED, when=text)
    finally:
        monkeypatch.undo()
        assert os.environ.get("TZ") == before
        time.tzset()
    if moment is None:
        assert found.reasons == {"time_format": 1}
    else:
        assert found.order["placed_at"] == moment


@pytest.mark.parametrize(
    ("text", "moment"),
    [
        ("2026-03-02 10:00:00 PST", "2026-03-02T18:00:00Z"),
        ("2026-07-02 10:00:00 pdt", "2026-07-02T17:00:00Z"),
        ("2026-07-02 10:00:00 CET", "2026-07-02T08:00:00Z"),  # a zone of its own knows its summer time
        ("2026-07-02 10:00:00 MEZ", None),
    ],
)
def test_a_mapping_can_name_further_zones(text: str, moment: str | None) -> None:
    names = '[file.zone_names]\nPST = "-08:00"\nPDT = "-07:00"\nCET = "Europe/Berlin"\n'
    found = one(ZONED + names, when=text)
    assert found.reasons == ({} if moment else {"time_format": 1})
    assert not moment or found.order["placed_at"] == moment


@pytest.mark.parametrize(
    ("formats", "text", "moment"),
    [
        ('["epoch_s"]', "1772442000", "2026-03-02T09:00:00Z"),
        ('["epoch_ms"]', "1772442000123", "2026-03-02T09:00:00Z"),
        ('["epoch_s"]', "1772442000.5", "2026-03-02T09:00:00Z"),
        ('["epoch_s"]', "2026-03-02", None),
        ('["epoch_s"]', "99999999999999", None),
        ('["iso"]', "2026-03-02T10:00:00.5+01:00", "2026-03-02T09:00:00Z"),
        ('["iso"]', "2026-03-02T09:00:00Z", "2026-03-02T09:00:00Z"),
        ('["%d-%b-%y", "%m/%d/%Y"]', "02-Mar-26", "2026-03-02T00:00:00Z"),
        ('["%d-%b-%y", "%m/%d/%Y"]', "3/2/2026", "2026-03-02T00:00:00Z"),
        ('["%d-%b-%y", "%m/%d/%Y"]', "30/2/2026", None),
    ],
)
def test_formats_of_one_column(formats: str, text: str, moment: str | None) -> None:
    found = one(f"[cells.placed_at]\nformats = {formats}\n", when=text)
    assert found.reasons == ({} if moment else {"time_format": 1})
    assert not moment or found.order["placed_at"] == moment


def test_a_column_can_have_its_own_marks_and_zone() -> None:
    said = """[cells."lines.unit_price"]
decimal = ","
thousands = "."
[cells.placed_at]
time_zone = "Asia/Shanghai"
"""
    found = one(said, price="1.234,5", when="2026-03-02 09:00:00")
    assert found.line["unit_price"] == 123450 and found.order["placed_at"] == "2026-03-02T01:00:00Z"


@pytest.mark.parametrize(
    ("pattern", "text"),
    [
        ("%Y-%m-%dT%H:%M:%SZ", "2026-07-02T10:00:00Z"),
        ("%Y-%m-%d %H:%M:%S UTC", "2026-07-02 10:00:00 UTC"),
        ("GMT %d.%m.%Y %H:%M", "GMT 02.07.2026 10:00"),
    ],
)
def test_a_zone_that_stands_in_the_format_itself_is_meant(pattern: str, text: str) -> None:
    said = f'[file]\ntime_formats = ["{pattern}"]\ntime_zone = "America/Los_Angeles"\n'
    assert one(said, when=text).order["placed_at"] == "2026-07-02T10:00:00Z"
    plain = said.replace(pattern, "%d.%m.%Y um %H:%M Uhr")
    assert one(plain, when="02.07.2026 um 10:00 Uhr").order["placed_at"] == "2026-07-02T17:00:00Z"


def test_codes_of_several_rows_are_one_list() -> None:
    rows = (
        row(street="SAVE10") + row(item="B", street="LESS5") + row(item="C", street="SAVE10") + row(item="D", street="")
    )
    found = translate(CODES, HEADER + rows)
    assert found.order["coupons"] == ["SAVE10", "LESS5"] and found.report.first_row_won == {}


CODES = PLAIN.replace("[constants]", 'coupons = "Street"\n[constants]').replace('"ship_to.line1" = "Street"\n', "")


@pytest.mark.parametrize(
    ("separator", "cell", "codes"),
    [
        ('","', "SAVE10, LESS5", ["SAVE10", "LESS5"]),
        ('","', "SAVE10", ["SAVE10"]),
        ('","', " SAVE10 ,, LESS5 , ", ["SAVE10", "LESS5"]),
        ('[",", " "]', "SAVE10 LESS5,MORE", ["SAVE10", "LESS5", "MORE"]),
        ('"|"', "A|B|A", ["A", "B"]),
        ('" + "', "A + B+C", ["A", "B+C"]),
        ('","', ",", None),
        ('""', "SAVE10, LESS5", ["SAVE10, LESS5"]),
    ],
)
def test_codes_in_one_cell_are_a_list(separator: str, cell: str, codes: list[str] | None) -> None:
    found = translate(f"{CODES}[cells.coupons]\nseparator = {separator}\n", HEADER + row(street=f'"{cell}"'))
    assert found.order.get("coupons") == codes


def test_without_a_separator_codes_are_parted_by_what_no_code_has() -> None:
    assert translate(CODES, HEADER + row(street='"A, B;C | D e"')).order["coupons"] == ["A", "B", "C", "D e"]


COUNTRY = PLAIN.replace('"ship_to.line1"', '"ship_to.country"')


@pytest.mark.parametrize(
    ("text", "code"),
    [
        *(("DE", "DE"), ("de", "DE"), ("Germany", "DE"), ("GERMANY", "DE"), ("DEU", "DE"), ("United Kingdom", "GB")),
        *(("UK", "GB"), ("Great Britain", "GB"), ("USA", "US"), ("United States of America", "US"), ("EIRE", "IE")),
        *(("South Korea", "KR"), ("Korea, Republic of", "KR"), ("Czech Republic", "CZ"), ("Czechia", "CZ")),
        *(("Viet Nam", "VN"), ("Vietnam", "VN"), ("Russia", "RU"), ("Hong Kong", "HK"), ("C\u00f4te d'Ivoire", "CI")),
        *(("XI", "XI"), ("ic", "IC"), ("\uff24\uff25", "DE"), ("Hong\u00a0Kong", "HK"), ("XK", "XK")),
        *(("Atlantis", None), ("XX", None), ("EU", None), ("Deutschland", None)),
    ],
)
def test_countries_are_read_by_code_and_name(text: str, code: str | None) -> None:
    found = translate(COUNTRY, HEADER + row(street=f'"{text}"'))
    assert found.reasons == ({} if code else {"country_unknown": 1})
    assert code is None or found.order["ship_to"]["country"] == code


@pytest.mark.parametrize(
    ("language", "text", "code"),
    [("de", "Deutschland", "DE"), ("de", "Germany", "DE"), ("zh_CN", "\u4e2d\u56fd", "CN"), ("pt", "Brasil", "BR")],
)
def test_countries_are_read_in_other_languages_where_the_mapping_names_them(
    language: str, text: str, code: str
) -> None:
    said = f'{COUNTRY}[cells."ship_to.country"]\nlanguages = ["{language}"]\n'
    assert translate(said, HEADER + row(street=text)).order["ship_to"]["country"] == code


def test_a_list_of_the_mapping_goes_before_the_names_that_are_known() -> None:
    said = COUNTRY + '[translate."ship_to.country"]\n"Channel Islands" = "JE"\n'
    assert translate(said, HEADER + row(street="Channel Islands")).order["ship_to"]["country"] == "JE"
    assert translate(said, HEADER + row(street="Germany")).reasons == {"value_not_listed": 1}
    assert "ship_to" not in translate(said, HEADER + row(street="")).order  # blank is left out, not unlisted


@pytest.mark.parametrize(
    ("said", "text", "read"),
    [
        ('case = "upper"', "sw1a", "SW1A"),
        ("pad_to = 5", "2138", "02138"),
        ("pad_to = 5", "02138", "02138"),
        ("pad_to = 5", "021380", "021380"),
        ('prefix = "a-"\nsuffix = "!"', "b", "a-b!"),
        ('part = "^(\\\\d+)"', "12 Main", "12"),
        ('default = "none"', "", "none"),
        ('or_column = "Buyer"', "", "b1"),
        ('or_column = "Buyer"', "here", "here"),
    ],
)
def test_what_is_done_to_a_text(said: str, text: str, read: str) -> None:
    assert one(f'[cells."ship_to.line1"]\n{said}\n', street=text).order["ship_to"]["line1"] == read


def test_another_column_stands_in_for_a_field_of_a_line_row_by_row() -> None:
    said = PLAIN + '[cells."lines.sku"]\nor_column = "Street"\n[cells.order_id]\nor_column = "Buyer"\n'
    found = translate(said, HEADER + row("1", item="") + row("1") + row("", buyer="b7"))
    assert [(order["order_id"], [line["sku"] for line in order["lines"]]) for order in found.orders] == [
        ("1", ["1 High St", "A"]),
        ("b7", ["A"]),
    ]


def test_a_text_without_the_part_that_is_asked_for_is_refused() -> None:
    assert one('[cells."ship_to.line1"]\npart = "^(\\\\d+)"\n', street="Main").reasons == {"value_form": 1}


def test_a_field_can_be_put_together_from_several_columns() -> None:
    said = PLAIN.replace('"ship_to.line1" = "Street"', '"ship_to.line1" = ["Street", "Buyer"]')
    assert translate(said, HEADER + row()).order["ship_to"]["line1"] == "1 High St b1"
    joined = said + '[cells."ship_to.line1"]\njoin = ", "\n'
    assert translate(joined, HEADER + row(street="")).order["ship_to"]["line1"] == "b1"
