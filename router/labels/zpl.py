"""Labels for thermal printers, in ZPL II: 4 by 6 inches at 203 dots an inch, UTF-8.

Every text is a field of its own, with whatever could be a command written by its number (^FH), so that no name of a
buyer can steer a printer. The barcode is Code 128, subsets chosen by the printer (mode A of ^BC).
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from router.labels.address import PostalAddress
from router.labels.label import Label

WIDTH_DOTS, HEIGHT_DOTS = 812, 1_218
_LEFT = 40
_SIGNS_MAX = 44  # of a line at the size of a receiver; longer ones are written narrower
_BAR_DOTS, _BAR_DOTS_LONG = 3, 2  # width of the narrowest bar, and of numbers that would not fit
_LONG_NUMBER = 24


def labels_zpl(labels: Iterable[Label]) -> bytes:
    """One after the other, in the order given."""
    return "".join(f"{line}\n" for label in labels for line in _lines(label)).encode()


def _lines(label: Label) -> Iterator[str]:
    yield f"^XA^CI28^PW{WIDTH_DOTS}^LL{HEIGHT_DOTS}^LH0,0"
    yield from _address(label.sender, 40, 26)
    yield f"^FO{_LEFT},230^GB732,3,3^FS"
    yield from _address(label.receiver, 270, 44)
    yield f"^FO{_LEFT},620^GB732,3,3^FS"
    yield _text(_LEFT, 645, 36, label.carried)
    yield _text(560, 645, 36, label.weight)
    bar_dots = _BAR_DOTS_LONG if len(label.tracking_number) > _LONG_NUMBER else _BAR_DOTS
    yield f"^FO{_LEFT},720^BY{bar_dots}^BCN,220,Y,N,N,A^FH^FD{_escaped(label.tracking_number)}^FS"
    yield f"^FO{_LEFT},1020^GB732,3,3^FS"
    yield _text(_LEFT, 1_045, 30, f"Order {label.order_id}")
    yield _text(_LEFT, 1_090, 30, f"From {label.node}")
    yield _text(_LEFT, 1_135, 24, label.shipment_id)
    yield "^XZ"


def _address(address: PostalAddress, top: int, height: int) -> Iterator[str]:
    step = height + height // 3
    for place, line in enumerate(address.lines):
        yield _text(_LEFT, top + place * step, height, line)


def _text(left: int, top: int, height: int, text: str) -> str:
    width = height if len(text) * height <= _SIGNS_MAX * 36 else max(10, _SIGNS_MAX * 36 // len(text))
    return f"^FO{left},{top}^A0N,{height},{width}^FH^FD{_escaped(text)}^FS"


def _escaped(text: str) -> str:
    return "".join(f"_{ord(sign):02X}" if sign in "^~_" else sign for sign in text)
