"""API1 Broken object level authorization: an id is no way to another one's order, and a wrong guess tells nothing.

Keys have a role, not an owner: all keys of role ``channel`` are one house (docs/fuzz.md). What is proved here is
that the ids themselves cannot be bent, and that claiming someone's id does not show what stands behind it.
"""

from __future__ import annotations

import json

import pytest

from tests.labs.owasp_lab import JSON, Lab, lab, lines_of, order, sell

__all__ = ["lab"]
PERSONAL = ("Secret Person", "secret@example.com", "Hidden Street", "+49 30 1")


def victim(lab: Lab, order_id: str) -> dict[str, object]:
    person = {"id": "victim", "name": PERSONAL[0], "email": PERSONAL[1], "phone": PERSONAL[3]}
    address = {"name": PERSONAL[0], "line1": PERSONAL[2], "city": "Berlin", "postcode": "10115", "country": "DE"}
    answer = sell(lab, order_id, channel="shop-a", customer=person, ship_to=address, attributes={"pin": 4711})
    assert answer["status"] in ("allocated", "held")
    return answer


def test_claiming_anothers_order_id_tells_nothing_about_that_order(lab: Lab) -> None:
    victim(lab, "shop-a-1")
    status, _, body = lab.ask("POST", "/v1/orders", order("shop-a-1", channel="shop-b"), role="channel", **JSON)
    told = json.loads(body)["acknowledgement"]
    assert status == 409 and told["status"] == "rejected"
    assert all(not line["allocations"] for line in told["lines"]) and told["total"] == 0
    assert told["promise_date"] is None and not told["parcels"] and not told["duplicate"]
    assert not any(word.encode() in body for word in (*PERSONAL, 'shop-a"', "4711"))


@pytest.mark.parametrize(
    "bent", ["Shop-a-2", "shop-a-2%20", "%20shop-a-2", "shop-a-2%00", "shop-a-2%0A", "shop%2Da-2/", "./shop-a-2",
             "x/../shop-a-2", "shop-a-2;v=1", "shop-a-%32%2F", "*", "%25", "shop-a-2%C2%AD", "shop-a-%EF%BC%92"],
)  # fmt: skip
def test_an_id_that_is_bent_finds_no_order(lab: Lab, bent: str) -> None:
    victim(lab, "shop-a-2")
    status, _, body = lab.ask("GET", f"/v1/orders/{bent}", role="channel")
    assert status == 404 and not any(word.encode() in body for word in PERSONAL)


def test_ids_that_look_alike_are_different_orders(lab: Lab) -> None:
    composed, decomposed = "caf\u00e9", "cafe\u0301"
    assert sell(lab, composed)["status"] == "allocated"
    assert lab.ask("GET", "/v1/orders/cafe%CC%81", role="channel")[0] == 404
    assert sell(lab, decomposed)["duplicate"] is False


def test_a_channel_cannot_list_search_or_explain_orders(lab: Lab) -> None:
    victim(lab, "shop-a-3")
    for path in (
        "/v1/orders",
        "/v1/orders?channel=shop-a",
        "/v1/orders?customer=victim",
        "/v1/orders/shop-a-3/explain",
    ):
        assert lab.problem("GET", path, role="channel")["code"] == "forbidden"


def test_the_stream_that_every_key_may_read_holds_nothing_personal(lab: Lab) -> None:
    victim(lab, "shop-a-4")
    changes = lines_of(lab, "/v1/stream?wait=0")
    allowed = set(
        json.loads(lab.ask("GET", "/openapi.json", role="")[2])["components"]["schemas"]["Change"]["properties"]
    )
    assert changes and all(set(change) <= allowed for change in changes)
    assert not any(word in json.dumps(changes) for word in PERSONAL)
