"""Webhooks of partners on real sockets: whose they are, when they are answered, and how, whatever comes."""

from __future__ import annotations

import asyncio
import http.client
import json
import pathlib
import threading
import time
from collections.abc import Iterator
from typing import Any

import pytest

from actors.gateway.core.backend import ShardUnavailable
from adapters._signing import sign
from tests.actors.test_gateway_http import JSON, Lab
from tests.labs.gateway_streams import Starter, starting

SECRET, OLD_SECRET = "whsec-hook-1", "whsec-hook-0"
HOOK = "/v1/hooks/ship"


@pytest.fixture
def partners(tmp_path: pathlib.Path, monkeypatch: pytest.MonkeyPatch) -> dict[str, dict[str, Any]]:
    (tmp_path / "hook.secret").write_text(f"{SECRET}\n")
    monkeypatch.setenv("OLD_HOOK", OLD_SECRET)
    monkeypatch.setenv("PARTNER_KEY", "sk-partner")
    place = {"url": "https://partner.example", "api_key": "env:PARTNER_KEY"}
    secrets = {"hook_secrets": [f"file:{tmp_path / 'hook.secret'}", "env:OLD_HOOK"]}
    named = {"ship": "sandbox_carrier", "pay": "sandbox_payments"}
    return {name: {"adapter": adapter, **place, **secrets} for name, adapter in named.items()}


@pytest.fixture
def starter(tmp_path: pathlib.Path) -> Iterator[Starter]:
    with starting(tmp_path / "data") as begin:
        yield begin


def notice(number: int = 1, order_id: str = "o-1", **changes: Any) -> bytes:
    scan = {"id": f"scan_{number}", "code": "in_transit", "at": 1_772_400_000_000, "place": "Berlin"}
    tracking = {"number": "RR000000005XX", "metadata": {"order_id": order_id}, "scans": [scan]}
    return json.dumps({"id": f"evt_{number}", "type": "tracking.updated", "data": tracking | changes}).encode()


def post(lab: Lab, body: bytes, secret: str = SECRET, at_s: int | None = None, path: str = HOOK, **headers: str) -> Any:
    signature = sign(secret, body, int(time.time()) if at_s is None else at_s)
    return lab.ask("POST", path, body, role="", **{"Sandbox_Signature": signature, **headers})


def counted(lab: Lab, outcome: str) -> int:
    text = lab.ask("GET", "/metrics")[2].decode()
    found = [line for line in text.splitlines() if f'router_hooks_total{{outcome="{outcome}"' in line]
    return int(float(found[0].split()[-1])) if found else 0


def refusals(lab: Lab) -> list[dict[str, Any]]:
    return [line for line in lab.log if line["event"] == "hook_event_refused"]


def test_a_webhook_of_the_partner_is_an_event_of_the_order(starter: Starter, partners: Any) -> None:
    lab = starter(shards=2, partners=partners)
    status, headers, body = post(lab, notice())
    assert (status, headers["content-type"], json.loads(body)) == (200, "application/json", {"told": "taken"})
    assert lab.backend.events == {"o-1": ["ship:scan_1"]}
    assert post(lab, notice(2), OLD_SECRET)[0] == 200, "signed with the secret before"
    assert counted(lab, "taken") == 2


def test_it_is_answered_when_its_events_are_durable(starter: Starter, partners: Any) -> None:
    lab, gate, answers = starter(partners=partners), threading.Event(), list[Any]()

    async def wait(*_: object) -> None:
        while not gate.is_set():
            await asyncio.sleep(0.002)

    lab.backend.before = wait
    asking = threading.Thread(target=lambda: answers.append(post(lab, notice())))
    asking.start()
    asking.join(0.3)
    assert not answers and asking.is_alive(), "nothing is said before the shard has said it"
    gate.set()
    asking.join(10)
    assert answers[0][0] == 200


def test_a_delivery_that_comes_again_is_taken_and_changes_nothing(starter: Starter, partners: Any) -> None:
    lab = starter(partners=partners)
    at_s = int(time.time())
    assert [post(lab, notice(), at_s=at_s)[0] for _ in range(3)] == [200, 200, 200]
    assert lab.backend.events == {"o-1": ["ship:scan_1"]}


@pytest.mark.parametrize("wrong", ["secret", "time", "none", "bytes", "key"])
def test_what_the_partner_did_not_sign_goes_no_further(starter: Starter, partners: Any, wrong: str) -> None:
    lab = starter(partners=partners)
    if wrong == "secret":
        answer = post(lab, notice(), "whsec-other")
    elif wrong == "time":
        answer = post(lab, notice(), at_s=int(time.time()) - 400)
    elif wrong == "none":
        answer = lab.ask("POST", HOOK, notice(), role="")
    elif wrong == "key":
        answer = lab.ask("POST", HOOK, notice(), role="admin")
    else:
        signature = sign(SECRET, notice(), int(time.time()))
        answer = lab.ask("POST", HOOK, notice(2), role="", Sandbox_Signature=signature)
    assert answer[0] == 401 and json.loads(answer[2]) == {"told": "unsigned"}
    assert not lab.backend.batches and counted(lab, "unsigned") == 1


def test_an_order_that_is_not_known_is_told_in_the_log_and_the_desk_has_it(starter: Starter, partners: Any) -> None:
    lab = starter(partners=partners)
    assert post(lab, notice(7, "unknown-person"))[0] == 200
    assert [event.event_id for event in lab.backend.told] == ["ship:scan_7"]
    assert counted(lab, "taken") == 1


def test_while_the_desk_is_away_the_partner_keeps_what_no_order_takes(starter: Starter, partners: Any) -> None:
    lab = starter(partners=partners)
    lab.backend.has_desk = False
    assert post(lab, notice(7, "unknown-person"))[0] == 409, "this partner sends again what is not answered 200"
    (line,) = refusals(lab)
    assert (line["reason"], line["event_id"], line["partner"]) == ("order_unknown", "ship:scan_7", "ship")
    assert "unknown-person" not in json.dumps(lab.log) and counted(lab, "not_kept") == 1


def test_nobody_speaks_in_a_partners_name_but_its_webhooks(starter: Starter, partners: Any) -> None:
    """By its source a payment is its partner's, which is asked to give it back."""
    lab = starter(partners=partners)
    event = {"event_id": "e", "order_id": "o-1", "type": "payment_captured", "source": "pay"}
    for role in ("admin", "service"):
        status, _, body = lab.ask("POST", "/v1/events", json.dumps(event).encode(), role=role, **JSON)
        assert (status, json.loads(body)["reason"]) == (200, "reserved")
    assert lab.backend.events == {}
    assert post(lab, notice())[0] == 200 and lab.backend.events == {"o-1": ["ship:scan_1"]}


def test_what_names_a_thing_that_no_table_has_is_the_desks_too(starter: Starter, partners: Any) -> None:
    """Money must not be gone because a currency was forgotten."""
    lab = starter(partners=partners)
    step = {"id": "cap_1", "payment": "pay_1", "status": "captured", "amount": 5, "currency": "XXX", "created": 1,
            "metadata": {"order_id": "o-1"}}  # fmt: skip
    body = json.dumps({"id": "e", "type": "payment.captured", "data": step}).encode()
    assert post(lab, body, path="/v1/hooks/pay")[0] == 200
    assert [event.currency for event in lab.backend.told] == ["XXX"]
    assert (refusals(lab)[0]["event_id"], refusals(lab)[0]["reason"]) == ("pay:cap_1", "malformed_event")


def test_what_the_books_refuse_is_told_in_the_log_and_does_not_come_again(starter: Starter, partners: Any) -> None:
    lab = starter(partners=partners)
    assert post(lab, notice(8, "refuse-1"))[0] == 200
    assert refusals(lab)[0]["event_id"] == "ship:scan_8" and refusals(lab)[0]["reason"]


def test_what_tells_nothing_of_orders_is_taken(starter: Starter, partners: Any) -> None:
    lab = starter(partners=partners)
    for body in (b'{"id":"e","type":"account.updated"}', notice(metadata={}), notice(scans=[])):
        assert post(lab, body)[0] == 200
    assert not lab.backend.batches


@pytest.mark.parametrize("body", [b"", b"{", b"[]", b"\xff\xfe", b'{"id":"e","type":"tracking.updated","data":7}'])
def test_what_cannot_be_read_is_answered_so(starter: Starter, partners: Any, body: bytes) -> None:
    lab = starter(partners=partners)
    assert post(lab, body)[0] == 422 and counted(lab, "unreadable") == 1
    assert [line["event"] for line in lab.log] == ["hook_unreadable"]


def test_bodies_are_bounded_and_may_not_be_compressed(starter: Starter, partners: Any) -> None:
    lab = starter(partners=partners, hook_bytes_max=2_000)
    problem = json.loads(post(lab, b" " * 2_001)[2])
    assert (problem["code"], problem["status"]) == ("body_too_large", 413) and "2000" in problem["detail"]
    assert json.loads(post(lab, notice(), Content_Encoding="gzip")[2])["code"] == "unsupported_media_type"
    assert post(lab, notice(), Content_Type="text/plain")[0] == 200, "the type is the partner's own affair"


def test_a_partner_that_is_not_there_is_not_found(starter: Starter, partners: Any) -> None:
    lab = starter(partners=partners)
    for path in ("/v1/hooks/nobody", "/v1/hooks/ship%2F..", "/v1/hooks/SHIP"):
        assert post(lab, notice(), path=path)[0] == 404


def test_shards_that_do_not_answer_make_the_partner_come_again(starter: Starter, partners: Any) -> None:
    lab = starter(partners=partners)
    failures = 0

    async def unavailable(*_: object) -> None:
        nonlocal failures
        failures += 1
        if failures <= 3:
            raise ShardUnavailable("shard 0 restarts", 10)

    lab.backend.before = unavailable
    assert post(lab, notice())[0] == 200 and failures == 4, "the same batch is tried again meanwhile"


def test_only_what_the_partner_signed_counts_towards_its_rate(starter: Starter, partners: Any) -> None:
    lab = starter(partners=partners, hooks_per_second_max=3)
    assert [post(lab, notice(), "whsec-other")[0] for _ in range(20)] == [401] * 20
    statuses = [post(lab, notice(number)) for number in range(12)]
    assert statuses[0][0] == 200 and 429 in {status for status, _, _ in statuses}
    limited = next(headers for status, headers, _ in statuses if status == 429)
    assert int(limited["retry-after"]) >= 1 and counted(lab, "limited") >= 1


def test_a_secret_that_has_gone_concerns_its_partner_alone(starter: Starter, partners: Any) -> None:
    broken = {**partners["ship"], "api_key": "env:NOT_SET_ANYWHERE"}
    lab = starter(partners={**partners, "broken": broken})
    status, headers, body = post(lab, notice(), path="/v1/hooks/broken")
    assert (status, json.loads(body)["code"]) == (503, "not_ready") and "retry-after" in headers
    assert post(lab, notice())[0] == 200
    (line,) = [each for each in lab.log if each["event"] == "partner_unusable"]
    assert line["partner"] == "broken" and "NOT_SET_ANYWHERE" in line["detail"]


def test_no_secret_is_told_to_anybody(starter: Starter, partners: Any) -> None:
    lab = starter(partners=partners)
    for body in (notice(), b"{", notice(3, "unknown")):
        post(lab, body)
    told = lab.ask("GET", "/metrics")[2].decode() + json.dumps(lab.log) + repr(lab.core.config.partners)
    assert not [secret for secret in (SECRET, OLD_SECRET, "sk-partner") if secret in told]


def test_a_signature_that_is_there_twice_hides_nothing(starter: Starter, partners: Any) -> None:
    """Of two headers neither may be the one that counts by its place."""
    lab, body = starter(partners=partners), notice()
    client = http.client.HTTPConnection("127.0.0.1", lab.port, timeout=10)
    client.putrequest("POST", HOOK)
    client.putheader("Content-Length", str(len(body)))
    client.putheader("Sandbox-Signature", "t=1,v1=00")
    client.putheader("Sandbox-Signature", sign(SECRET, body, int(time.time())))
    client.endheaders(body)
    assert client.getresponse().status == 401
    client.close()
