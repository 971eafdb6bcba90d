"""``Accept`` (RFC 9110, section 12.5.1): how much a client wants a media type."""

from __future__ import annotations

import re

_WEIGHT = re.compile(r"q=([01]\.?|[01]?\.\d+)")  # Java's own client sends .2


def wish_for(accept: str, media_type: str) -> tuple[float, bool]:
    """Weight of a media type, 0 = not wanted, and whether the header names the type itself.

    The narrowest range that covers the type decides. Other parameters than ``q`` are passed over, for what is
    offered comes in one form only.
    """
    weights = _weights(accept)
    for covering in (media_type, media_type.partition("/")[0] + "/*", "*/*"):
        if covering in weights:
            return weights[covering], covering == media_type
    return 0.0, False


def _weights(accept: str) -> dict[str, float]:
    """Weight of each range; the largest where a range stands more than once."""
    weights: dict[str, float] = {}
    for part in accept.lower().split(","):
        name, *parameters = (text.strip() for text in part.split(";"))
        weights[name] = max(weights.get(name, 0.0), _weight(parameters))
    return weights


def _weight(parameters: list[str]) -> float:
    """1 also where ``q`` is no number from 0 to 1: the range was named all the same."""
    found = next(filter(None, map(_WEIGHT.fullmatch, parameters)), None)
    return min(1.0, float(found[1])) if found else 1.0
