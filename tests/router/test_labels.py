"""Our own labels: what stands on them, that no text steers a printer or a page, that scanners read the bars back."""

from __future__ import annotations

import random
import re

import pytest
import zxingcpp
from PIL import Image

from router.labels.address import PostalAddress
from router.labels.label import Label
from router.labels.pdf import QUIET_MODULES, code_128, labels_pdf
from router.labels.zpl import labels_zpl
from router.tracking.own import own_number

HOSTILE = ["^XZ^XA", "~JA", "_5E", "#strike[x]", '"); panic("', "\\u{0}", "$x$", "王小明", "Łukasz"]
DARK = 128


def label(name: str = "Ada Lovelace", tracking_number: str = "OR00112233445566778899") -> Label:
    sender = PostalAddress(name="Acme", line1="Hafenweg 1", city="Berlin", postcode="10115", country="DE")
    receiver = PostalAddress(name=name, line1="12 High Street", city="Leeds", postcode="LS1 4DY", country="GB")
    return Label(sender, receiver, tracking_number, "dhl", "express", "A-1001", "N1", "0190-1", 1_234)


def test_a_label_has_all_that_it_shows_as_fields_of_its_own() -> None:
    zpl = labels_zpl([label()]).decode()
    fields = re.findall(r"\^FH\^FD(.*)\^FS", zpl)
    assert fields == [
        "Acme", "Hafenweg 1", "10115 Berlin", "DE", "Ada Lovelace", "12 High Street", "LS1 4DY Leeds", "GB",
        "dhl express", "1.234 kg", "OR00112233445566778899", "Order A-1001", "From N1", "0190-1",
    ]  # fmt: skip
    assert zpl.startswith("^XA^CI28") and zpl.endswith("^XZ\n")


@pytest.mark.parametrize("name", HOSTILE)
def test_no_name_steers_a_printer_or_a_page(name: str) -> None:
    plain, hostile = labels_zpl([label()]).decode(), labels_zpl([label(name)]).decode()
    assert sorted(re.findall(r"[\^~][A-Z@]{2}", hostile)) == sorted(re.findall(r"[\^~][A-Z@]{2}", plain))
    assert labels_pdf([label(name)])[:5] == b"%PDF-"


def test_a_text_is_read_back_as_it_was_written() -> None:
    """By the rule of ^FH: an underline and two hexadecimal digits are one byte."""
    for name in HOSTILE:
        written = re.findall(r"\^FH\^FD(.*)\^FS", labels_zpl([label(name)]).decode())[4]
        assert re.sub(r"_([0-9A-F]{2})", lambda found: chr(int(found[1], 16)), written) == name


def test_many_labels_stand_in_the_order_given_and_twice_is_the_same() -> None:
    job = [label(f"Buyer {number}") for number in (3, 1, 2)]
    assert re.findall(r"Buyer \d", labels_zpl(job).decode()) == ["Buyer 3", "Buyer 1", "Buyer 2"]
    assert labels_zpl(job) == b"".join(labels_zpl([each]) for each in job)
    assert labels_pdf(job) == labels_pdf(job) != labels_pdf(job[:2])


def test_a_line_that_is_too_long_is_written_narrower() -> None:
    heights = {
        int(found[2]): int(found[1])
        for found in re.finditer(r"\^A0N,(\d+),(\d+)", labels_zpl([label("x" * 128)]).decode())
    }
    assert 12 in heights and heights[12] == 44, "the name is as high as ever"


def test_scanners_read_the_bars_back() -> None:
    chance = random.Random(7)
    numbers = [own_number(str(number)) for number in range(20)]
    numbers += ["1Z999AA10123456784", "RR473124829GB", "".join(chance.choices("0123456789", k=12))]
    for number in numbers:
        modules = code_128(number)
        quiet = "0" * QUIET_MODULES
        row = bytes(0 if sign == "1" else 255 for sign in f"{quiet}{modules}{quiet}" for _ in range(2))
        page = Image.frombytes("L", (len(row), 60), row * 60)
        [found] = zxingcpp.read_barcodes(page)
        assert (found.text, str(found.format).lower().replace(" ", "")) == (number, "code128")
