"""Signatures with a time: a vector of a provider's own library, and headers that are none."""

from __future__ import annotations

import json
import pathlib

import pytest

from adapters import _signing
from adapters._signing import CANDIDATES_MAX, sign, verify_timed

VECTOR = pathlib.Path(__file__).parents[2].parent / "shared/reference/payloads/stripe/signature_vector.json"
BODY, SECRET, AT_S = b'{"a":1}', "whsec_x", 1_772_400_000
GOOD = sign(SECRET, BODY, AT_S)


def reason(header: str | None, now_s: int = AT_S) -> str:
    found = verify_timed(header, BODY, [SECRET], now_s)
    return "" if found is None else found.reason


def test_others_may_stand_beside_the_signature_that_counts() -> None:
    digest = GOOD.partition("v1=")[2]
    assert (
        reason(GOOD) == ""
        and reason(f"t={AT_S},v0=00,v1=ff,v1={digest}") == ""
        and reason(f" t={AT_S}, v1={digest}") == ""
    )


@pytest.mark.parametrize(
    "header",
    ["", "x", "t=1", "v1=00", f"t={AT_S},t={AT_S},v1=00", "t=x,v1=00", "t=-1,v1=00", "t=²,v1=00", "t=1e3,v1=00",
     f"t={'9' * 13},v1=00", f"t={AT_S},v0=00", GOOD + ",v1=0" * CANDIDATES_MAX,
     GOOD + "," + "x" * 1_024, GOOD + ",é=1"],
)  # fmt: skip
def test_what_is_no_signature_is_said_to_be_none(header: str) -> None:
    assert reason(header) == "signature_malformed"


def test_a_wrong_signature_is_wrong_before_it_is_old() -> None:
    """Who has no secret learns nothing of our clock."""
    assert reason(sign("another", BODY, AT_S), now_s=AT_S + 10_000) == "signature_wrong"
    assert reason(GOOD, now_s=AT_S + 10_000) == "signature_old"
    assert reason(GOOD.replace("v1=", "v1=0")) == "signature_wrong" and reason(GOOD.upper().lower()) == ""


def test_many_signatures_cost_no_more_than_one(monkeypatch: pytest.MonkeyPatch) -> None:
    made: list[str] = []
    digest = _signing._digest

    def counted(secret: str, body: bytes, at_s: int) -> str:
        made.append(secret)
        return digest(secret, body, at_s)

    monkeypatch.setattr(_signing, "_digest", counted)
    header = f"t={AT_S}," + ",".join(["v1=00"] * CANDIDATES_MAX)
    assert verify_timed(header, BODY, ["a", "b"], AT_S) is not None and made == ["a", "b"]


@pytest.mark.skipif(not VECTOR.exists(), reason="the vectors are not in ../shared/reference/payloads")
def test_it_is_the_form_that_a_large_providers_library_computes() -> None:
    vector = json.loads(VECTOR.read_text())
    body = vector["payload"].encode()
    assert verify_timed(vector["header"], body, [vector["secret"]], vector["t"]) is None
    assert verify_timed(vector["header"], body + b" ", [vector["secret"]], vector["t"]) is not None
