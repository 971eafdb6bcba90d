"""``/v1/work`` over a real gateway: bodies, filters, roles, keys; and what the command line makes of it."""

from __future__ import annotations

import json
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from actors.gateway.http.work_shapes import WORK
from actors.store.data_folder import DataFolder
from actors.store.desk.figures import Figures, Waiting, tell
from actors.store.keys import add_key
from router.bound import Bound
from tests.actors.test_daily_commands import Shell
from tests.actors.test_gateway_http import JSON, Lab
from tests.labs.gateway_backend import order
from tests.labs.serve_fixture import until
from tests.labs.stocked_gateway import over_engines, put_tables


@pytest.fixture(scope="module")
def lab(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Lab]:
    with over_engines(tmp_path_factory.mktemp("work"), shards=2) as running:
        put_tables(running)
        yield running


@pytest.fixture
def shell(lab: Lab, capsys: pytest.CaptureFixture[str]) -> Shell:
    return Shell(lab, capsys)


def ask(
    lab: Lab, method: str, path: str, said: Any = None, status: int = 200, role: str = "ops", **headers: str
) -> Any:
    body = None if said is None else json.dumps(said).encode()
    got, _, answer = lab.ask(method, path, body, role=role, **({**JSON, **headers} if body is not None else headers))
    assert got == status, (got, answer)
    return json.loads(answer)


def held(lab: Lab, order_id: str, **members: Any) -> dict[str, Any]:
    """The work item of an order on hold."""
    assert lab.ask("POST", "/v1/orders", order(order_id, **members), **JSON)[0] == 200
    event = {"event_id": f"h-{order_id}", "order_id": order_id, "type": "hold", "hold": "address"}
    lab.ask("POST", "/v1/events", json.dumps(event).encode(), **JSON)
    [item] = ask(lab, "GET", f"/v1/work?order_id={order_id}&kind=held")["items"]
    return dict(item)


def tomorrow(offset: str) -> str:
    """A time to put something off to, whenever this runs."""
    return f"{datetime.now(UTC) + timedelta(days=1):%Y-%m-%dT%H:%M:%S}{offset}"


def test_what_waits_is_listed_with_its_remedy_and_ended_by_an_event(lab: Lab) -> None:
    item = held(lab, "one")
    assert (item["queue"], item["kind"], item["state"], item["channel"]) == ("orders", "held", "open", "web")
    assert item["reason"] and item["remedy"] and item["deadline"] > item["raised_at"]
    assert {"type": "release", "fields": ["hold", "note"], "needs": []} in item["acts"]
    path = f"{WORK}/{item['work_id']}"
    assert ask(lab, "POST", f"{path}/claim", {})["owner"] == "ops"
    assert ask(lab, "POST", f"{path}/assign", {"owner": "admin"}, role="admin")["owner"] == "admin"
    assert ask(lab, "POST", f"{path}/snooze", {"until": tomorrow("+01:00")})["state"] == "snoozed"
    done = ask(lab, "POST", f"{path}/resolve", {"note": "called", "events": [{"type": "release", "note": "fine"}]})
    assert (done["state"], done["resolution"], done["resolved_by"]) == ("resolved", "called", "ops")
    assert ask(lab, "GET", "/v1/orders/one")["state"] == "allocated"
    [shown] = ask(lab, "GET", "/v1/work?order_id=one&state=resolved")["items"]
    assert [event["status"] for event in shown["events"]] == ["applied"]


def test_an_act_that_says_too_much_or_nothing_right_is_refused_in_words(lab: Lab) -> None:
    path = f"{WORK}/{held(lab, 'two')['work_id']}"
    for said, code, words in (
        ({"owner": 7}, "bad_parameter", "owner"),
        ({"who": "x"}, "bad_parameter", "who"),
        ({}, "bad_parameter", "owner"),
    ):
        problem = ask(lab, "POST", f"{path}/assign", said, 400)
        assert problem["code"] == code and words in problem["detail"]
    for events, words in (
        ([{"type": "dance"}], "type must be one of"),
        ([{"type": "release", "order_id": "three"}], "leave order_id out"),
        ([{"type": "move"}], "to_node"),
        ([{"type": "move", "to_node": "nowhere"}], "nowhere"),
        ([{"type": "release"}] * 33, "at most 32"),
    ):
        problem = ask(lab, "POST", f"{path}/resolve", {"events": events}, 400)
        assert problem["code"] == "bad_parameter" and words in problem["detail"], problem
    assert ask(lab, "POST", f"{path}/snooze", {"until": "tomorrow"}, 400)["parameter"] == "until"
    assert ask(lab, "POST", f"{path}/assign", {"owner": "a\0"}, 400)["parameter"] == "owner"
    assert ask(lab, "GET", "/v1/work?owner=%00", status=400)["parameter"] == "owner"
    assert lab.problem("POST", f"{path}/claim", b"{", role="ops", **JSON)["code"] == "bad_json"
    assert ask(lab, "POST", f"{WORK}/{'0' * 24}/claim", {}, 404)["code"] == "work_not_found"
    ask(lab, "POST", f"{path}/claim", {})
    assert ask(lab, "POST", f"{path}/claim", {}, 409, role="admin")["code"] == "work_conflict"


def test_a_request_with_its_key_is_done_once(lab: Lab) -> None:
    path = f"{WORK}/{held(lab, 'three')['work_id']}/resolve"
    said = {"events": [{"type": "note", "text": "seen"}]}
    first = ask(lab, "POST", path, said, Idempotency_Key="k-1")
    assert ask(lab, "POST", path, said, Idempotency_Key="k-1") == first
    assert ask(lab, "POST", path, {}, 409, Idempotency_Key="k-1")["code"] == "idempotency_conflict"
    assert ask(lab, "POST", path, said, 400, Idempotency_Key="k" * 256)["code"] == "bad_parameter"
    assert "is no text" in ask(lab, "POST", path, said, 400, Idempotency_Key="\xff")["detail"]  # a byte, no UTF-8
    notes = ask(lab, "GET", "/v1/orders/three")["notes"]
    assert [note["text"] for note in notes if note["type"] == "note"] == ["seen"]


def test_filters_are_checked_and_pages_go_on(lab: Lab) -> None:
    for number in range(4):
        held(lab, f"page-{number}")
    first = ask(lab, "GET", "/v1/work?queue=orders&limit=2")
    second = ask(lab, "GET", f"/v1/work?queue=orders&limit=1000&cursor={first['cursor']}")
    assert second["cursor"] is None
    found = [item["work_id"] for item in first["items"] + second["items"]]
    assert found == [item["work_id"] for item in ask(lab, "GET", "/v1/work?queue=orders&limit=1000")["items"]]
    for query in ("queue=none", "kind=expire", "state=new", "limit=0", "cursor=x", "colour=red"):
        assert ask(lab, "GET", f"/v1/work?{query}", status=400)["code"] == "bad_parameter", query


def test_a_bound_key_has_the_work_of_its_own_orders_alone(lab: Lab) -> None:
    mine, others = held(lab, "mine", channel="shop"), held(lab, "others")
    folder = lab.backend.folder
    for role in ("ops", "viewer", "channel"):
        lab.keys[f"shop-{role}"] = add_key(folder, f"shop-{role}", role, 1, Bound(frozenset({"shop"})))
    until(lambda: lab.ask("GET", "/v1/orders/mine", role="shop-ops")[0] == 200, "the key is known")
    for role in ("shop-ops", "shop-viewer"):
        assert {item["order_id"] for item in ask(lab, "GET", "/v1/work", role=role)["items"]} == {"mine"}
    ask(lab, "GET", "/v1/work", status=403, role="shop-channel")
    ask(lab, "POST", f"{WORK}/{mine['work_id']}/claim", {}, 403, role="shop-viewer")
    ask(lab, "POST", f"{WORK}/{others['work_id']}/claim", {}, 404, role="shop-ops")
    assert ask(lab, "POST", f"{WORK}/{mine['work_id']}/claim", {}, role="shop-ops")["owner"] == "shop-ops"


def test_work_is_given_to_keys_that_may_do_it_alone(lab: Lab) -> None:
    """By role and bounds, as if its holder had asked for it: whoever could not claim it cannot be given it."""
    path = f"{WORK}/{held(lab, 'given', channel='books')['work_id']}/assign"
    for name, role, channel in (("books", "ops", "books"), ("toys", "ops", "toys"), ("looks", "viewer", "books")):
        add_key(lab.backend.folder, name, role, 1, Bound(frozenset({channel})))
    for owner in ("nobody", "viewer", "channel", "service", "toys", "looks"):
        problem = ask(lab, "POST", path, {"owner": owner}, 400)
        assert problem["code"] == "bad_parameter" and f"owner: no key named '{owner}'" in problem["detail"]
    for owner in ("books", "admin", "ops"):
        assert ask(lab, "POST", path, {"owner": owner})["owner"] == owner
    assert ask(lab, "POST", path, {"owner": ""})["owner"] is None


def test_metrics_say_what_waits(lab: Lab) -> None:
    figures = Figures([Waiting("orders", "open", 3, 1_000)], 2, 1_000)
    tell(DataFolder(lab.backend.folder).desk_figures, figures)
    text = lab.ask("GET", "/metrics")[2].decode()
    assert 'router_work_items{queue="orders",state="open"} 3.0' in text
    assert 'router_work_age_seconds{queue="orders",state="open"}' in text
    assert "router_outbox_events 2.0" in text and "router_outbox_age_seconds" in text


def test_the_command_line_lists_and_acts(lab: Lab, shell: Shell) -> None:
    item = held(lab, "shell")["work_id"]
    listed = shell("work", "list", "--order-id", "shell")
    assert f"{item}  " in listed and "held of order shell: open" in listed and "may settle it: release" in listed
    assert "claimed by admin" in shell("work", "claim", item)
    assert shell.json("work", "assign", item, "ops")["owner"] == "ops"
    until_then = shell.json("work", "snooze", item, tomorrow("Z"))["snoozed_until"]
    assert f": snoozed by ops until {until_then}" in shell("work", "list", "--state", "snoozed")
    done = shell.json("work", "resolve", item, "--event", "release", "--field", "hold=address", "--note", "called")
    assert (done["state"], done["resolution"], done["events"][0]["type"]) == ("resolved", "called", "release")
    assert "resolved already" in shell("work", "claim", item, code=1)
    assert "name its type with --event" in shell("work", "resolve", item, "--field", "hold=x", code=2)
    assert shell("work", "list", "--order-id", "shell") == "Nothing waits.\n"
