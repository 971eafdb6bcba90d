"""A signature with its time: ``t=SECONDS,v1=HEX``, HMAC-SHA256 of ``SECONDS.BODY`` over the raw bytes of the body.

Several providers sign so; only the name of the header and the window differ.
"""

from __future__ import annotations

import hashlib
import hmac
from collections.abc import Sequence

from adapters._spec import Unsigned

HEADER_CHARACTERS_MAX = 1_024
CANDIDATES_MAX = 8  # signatures of one header; a sender has two while it rotates its secret
WINDOW_S = 300  # to both sides: clocks differ, and what is older was kept by somebody


def sign(secret: str, body: bytes, at_s: int) -> str:
    return f"t={at_s},v1={_digest(secret, body, at_s)}"


def verify_timed(
    header: str | None, body: bytes, secrets: Sequence[str], now_s: int, window_s: int = WINDOW_S
) -> Unsigned | None:
    """Why these bytes are not the partner's, None where they are. Every secret is tried, in constant time each."""
    if header is None:
        return Unsigned("signature_missing", "the delivery has no signature")
    found = _parsed(header)
    if found is None:
        return Unsigned("signature_malformed", "the signature is not of the form t=SECONDS,v1=HEX")
    at_s, given = found
    digests = [_digest(secret, body, at_s) for secret in secrets]  # once each, however many signatures a stranger sends
    if not any([hmac.compare_digest(digest, each) for digest in digests for each in given]):
        return Unsigned("signature_wrong", "no valid secret makes this signature of these bytes")
    if abs(now_s - at_s) > window_s:
        return Unsigned("signature_old", f"signed {now_s - at_s} s ago, which is not within {window_s} s")
    return None


def _digest(secret: str, body: bytes, at_s: int) -> str:
    return hmac.new(secret.encode(), b"%d." % at_s + body, hashlib.sha256).hexdigest()


def _parsed(header: str) -> tuple[int, list[str]] | None:
    """(seconds, signatures of the one scheme that counts); others may stand beside it."""
    if len(header) > HEADER_CHARACTERS_MAX or not header.isascii():
        return None
    pairs = [part.strip().partition("=") for part in header.split(",")]
    times = [value for name, _, value in pairs if name == "t"]
    given = [value for name, _, value in pairs if name == "v1"]
    if len(times) != 1 or not times[0].isdigit() or len(times[0]) > 12 or not 1 <= len(given) <= CANDIDATES_MAX:
        return None
    return int(times[0]), given
