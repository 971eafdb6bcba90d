"""Who may see what people wrote."""

from __future__ import annotations

from typing import NamedTuple

from router.bound import EVERYTHING, Bound
from router.log.event_fields import FIELDS
from router.queries.source import Row

_WORDS = tuple(name for name, field in FIELDS.items() if field.is_personal)


class Sight(NamedTuple):
    """What somebody may see of what people wrote."""

    internal: bool  # all of it; else only the texts that were written for everybody (`public`)
    bound: Bound = EVERYTHING  # whose orders alone may be named

    def order(self, view: Row) -> Row:
        """The view of an order (``order.py``) without notes and words of scans that are not for this sight."""
        if self.internal:
            return view
        notes = [note for note in view["notes"] if note["public"]]
        return view | {"notes": notes, "shipments": [_without_words(shipment) for shipment in view["shipments"]]}

    def timeline(self, view: Row) -> Row:
        """The history of an order (``timeline.py``) likewise."""
        if self.internal:
            return view
        entries = [entry | {"payload": self._payload(entry["payload"])} for entry in view["entries"]]
        return view | {"entries": entries}

    def _payload(self, payload: Row) -> Row:
        """``text`` is the words of a note, which may be public; words beside a hold never are."""
        hidden = [name for name in _WORDS if not (name == "text" and payload.get("public"))]
        return {name: value for name, value in payload.items() if name not in hidden}


def _without_words(shipment: Row) -> Row:
    """Words of a scan are never for everybody: what a carrier's driver wrote may name people."""
    return shipment | {"scans": [scan | {"text": None} for scan in shipment["scans"]]}
