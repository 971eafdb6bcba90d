"""Labels as PDF, a page of 4 by 6 inches each, set by Typst (``label.typ``) from data: no text of an order is markup.

Bars are rectangles, so they are sharp at whatever size they are printed. The same labels give the same bytes with the
same fonts: no time and no chance is in them. Letters that Typst's own fonts lack, Chinese ones say, are taken from the
fonts of the machine.
"""

from __future__ import annotations

import functools
import importlib
import importlib.resources
import itertools
import json
from collections.abc import Iterator, Sequence
from typing import Any

from router.errors import Unsupported
from router.labels.label import Label

QUIET_MODULES = 10  # of white on either side (ISO/IEC 15417)


def labels_pdf(labels: Sequence[Label]) -> bytes:
    """A page each, in the order given; a few milliseconds, the first time in a process a tenth of a second."""
    typst = _library("typst")
    job = json.dumps([_shown(label) for label in labels], ensure_ascii=False)
    pdf: bytes = typst.compile(_source(), font_paths=_fonts(), sys_inputs={"job": job}, format="pdf", timestamp=0)
    return pdf


@functools.cache
def _source() -> bytes:
    return importlib.resources.files("router.labels").joinpath("label.typ").read_bytes()


@functools.cache
def _fonts() -> Any:
    return _library("typst").Fonts()


def _library(name: str) -> Any:
    """Loaded when something is printed: Typst has 80 MB, and who prints no PDF need not have it."""
    try:
        return importlib.import_module(name)
    except ImportError:
        said = "documents as PDF need `pip install 'order-router[documents]'`; labels as zpl do not"
        raise Unsupported(said) from None


def _shown(label: Label) -> dict[str, Any]:
    signs = code_128(label.tracking_number)
    return {
        "sender": label.sender.lines,
        "receiver": label.receiver.lines,
        "carried": label.carried,
        "weight": label.weight,
        "tracking_number": label.tracking_number,
        "order_id": label.order_id,
        "node": label.node,
        "shipment_id": label.shipment_id,
        "bars": list(_bars(signs)),
        "modules": len(signs) + 2 * QUIET_MODULES,
    }


def code_128(text: str) -> str:
    """Modules of a Code 128 with its check sign, ``1`` black, ``0`` white; subsets as they make it short."""
    return str(_library("pystrich.code128").Code128Encoder(text).bars)


def _bars(modules: str) -> Iterator[tuple[int, int]]:
    """Where each bar begins, and how wide it is."""
    at = QUIET_MODULES
    for sign, run in itertools.groupby(modules):
        width = len(list(run))
        if sign == "1":
            yield at, width
        at += width
