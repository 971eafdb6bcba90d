"""What became of events as JSON lines, by Python's own JSON writer."""

from __future__ import annotations

import json

LEFT_OUT = -1


def event_json(rows: list[tuple[str, str, int, int]], pieces: list[str]) -> tuple[bytes, list[int]]:
    """The lines of rows (event id, order id, piece, version), and where each ends."""
    written, ends = b"", []
    for event_id, order_id, said, version in rows:
        if said != LEFT_OUT:
            texts = [json.dumps(text, ensure_ascii=False)[1:-1] for text in (event_id, order_id)]
            written += f"{pieces[0]}{texts[0]}{pieces[1]}{texts[1]}{pieces[said]}{version}}}\n".encode()
        ends.append(len(written))
    return written, ends
