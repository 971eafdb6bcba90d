"""Labels as a carrier sends them: an S10 tracking number, a PDF of one page, or ZPL for a label printer."""

from __future__ import annotations

from typing import Any

S10_WEIGHTS = (8, 6, 4, 2, 3, 5, 9, 7)
NUMBERS = 100_000_000  # of eight digits
WIDTH_PT, HEIGHT_PT = 288, 432  # 4 by 6 inches


def s10_number(serial: int) -> str:
    """A number of the postal unions' form: two letters, eight digits, a check digit, a country."""
    digits = f"{serial % NUMBERS:08d}"
    check = 11 - sum(weight * int(digit) for weight, digit in zip(S10_WEIGHTS, digits, strict=True)) % 11
    return f"RR{digits}{(check, 0, 5)[max(0, check - 9)]}XX"


def label_zpl(sender: dict[str, Any], receiver: dict[str, Any], number: str) -> bytes:
    rows = _rows(sender, receiver, number)
    fields = [f"^FO40,{60 + 50 * place}^A0N,36,36^FH^FD{_zpl_text(row)}^FS" for place, row in enumerate(rows)]
    barcode = f"^FO40,900^BY3^BCN,160,Y,N,N^FD{number}^FS"
    return "\n".join(["^XA^CI28", *fields, barcode, "^XZ", ""]).encode()


def _zpl_text(text: str) -> str:
    """A text that can be no command: what begins one is written as its number."""
    return "".join(f"_{ord(letter):02X}" if letter in "^~_" else letter for letter in text)


def label_pdf(sender: dict[str, Any], receiver: dict[str, Any], number: str) -> bytes:
    """One page with one font that every reader has; letters that this font lacks are question marks."""
    rows = _rows(sender, receiver, number)
    shown = [
        f"BT /F1 14 Tf 24 {HEIGHT_PT - 40 - 22 * place} Td ({_pdf_text(row)}) Tj ET" for place, row in enumerate(rows)
    ]
    content = "\n".join(shown).encode("latin-1", "replace")
    objects = [
        b"<< /Type /Catalog /Pages 2 0 R >>",
        b"<< /Type /Pages /Kids [3 0 R] /Count 1 >>",
        b"<< /Type /Page /Parent 2 0 R /MediaBox [0 0 %d %d] /Contents 4 0 R "
        b"/Resources << /Font << /F1 5 0 R >> >> >>" % (WIDTH_PT, HEIGHT_PT),
        b"<< /Length %d >>\nstream\n%b\nendstream" % (len(content), content),
        b"<< /Type /Font /Subtype /Type1 /BaseFont /Helvetica /Encoding /WinAnsiEncoding >>",
    ]
    return _pdf_file(objects)


def _pdf_file(objects: list[bytes]) -> bytes:
    """Numbered objects with the table of where each begins."""
    file, places = b"%PDF-1.4\n", []
    for number, each in enumerate(objects, 1):
        places.append(len(file))
        file += b"%d 0 obj\n%b\nendobj\n" % (number, each)
    table = b"".join(b"%010d 00000 n \n" % place for place in places)
    count = len(objects) + 1
    trailer = b"trailer\n<< /Size %d /Root 1 0 R >>\nstartxref\n%d\n%%%%EOF\n" % (count, len(file))
    return file + b"xref\n0 %d\n0000000000 65535 f \n" % count + table + trailer


def _pdf_text(text: str) -> str:
    return text.replace("\\", "\\\\").replace("(", "\\(").replace(")", "\\)")


def _rows(sender: dict[str, Any], receiver: dict[str, Any], number: str) -> list[str]:
    """One line each, so nothing of an address can begin another."""
    rows = ["FROM", *_address(sender), "TO", *_address(receiver), number]
    return [" ".join(row.split()) for row in rows]


def _address(address: dict[str, Any]) -> list[str]:
    place = f"{address['postcode']} {address['city']} {address['country']}"
    return [line for line in (address["name"], address["line1"], address.get("line2", ""), place) if line]
