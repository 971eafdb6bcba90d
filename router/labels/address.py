"""An address as a label shows it and a carrier is told it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import msgspec

TEXT_MAX = 128  # of one line on a label


class PostalAddress(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """Texts without blanks around them; an empty one is not said."""

    name: str = ""
    line1: str = ""
    line2: str = ""
    city: str = ""
    region: str = ""
    postcode: str = ""
    country: str = ""
    phone: str = ""

    def __repr__(self) -> str:
        return f"PostalAddress({self.country})"

    @property
    def missing(self) -> list[str]:
        """Fields without which no carrier takes it."""
        return [field for field in ("name", "line1", "city", "country") if not getattr(self, field)]

    @property
    def lines(self) -> list[str]:
        """As it is written on a parcel, the country by its code."""
        place = " ".join(filter(None, (self.postcode, self.city, self.region)))
        return [line for line in (self.name, self.line1, self.line2, place, self.country) if line]


def address_of(said: Mapping[str, Any], **more: Any) -> PostalAddress:
    """Of a document's members; what is no text is left out, and what no label has room for is cut."""
    texts = {**said, **{name: text for name, text in more.items() if text}}
    fields = PostalAddress.__struct_fields__
    return PostalAddress(**{name: _line(texts[name]) for name in fields if isinstance(texts.get(name), str)})


def _line(text: str) -> str:
    """One line: whatever separates lines, or steers a printer, becomes a blank."""
    return " ".join("".join(sign if sign.isprintable() else " " for sign in text).split())[:TEXT_MAX]
