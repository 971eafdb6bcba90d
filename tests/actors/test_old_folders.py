"""Every folder that a landed version wrote opens, is whole, shows what it showed, and goes on.

``tests/folders/`` keeps one of each stored format; ``make.py`` there says how a folder comes to be.
"""

from __future__ import annotations

import json
import pathlib
import tarfile
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import pytest

from actors.cli.main import main
from tests.folders.make import BOUND_KEY, HERE, JSON, Router, order

FOLDERS = sorted(path.name.removesuffix(".tar.xz") for path in HERE.glob("*.tar.xz"))
Row = dict[str, Any]


@dataclass
class Opened:
    """A folder of an older version under a router of this one."""

    path: pathlib.Path
    expected: Row
    router: Router


@pytest.fixture(scope="module", params=FOLDERS)
def opened(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Opened]:
    path = unpacked(request.param, tmp_path_factory.mktemp(request.param))
    router = Router(path)
    try:
        yield Opened(path, json.loads((path / "expected.json").read_text()), router)
    finally:
        router.kill()


def unpacked(name: str, folder: pathlib.Path) -> pathlib.Path:
    with tarfile.open(HERE / f"{name}.tar.xz") as archive:
        archive.extractall(folder, filter="data")
    return folder / name


@pytest.mark.parametrize("name", FOLDERS)
def test_an_old_folder_is_whole(name: str, tmp_path: pathlib.Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = unpacked(name, tmp_path)
    expected = json.loads((path / "expected.json").read_text())["verify"]
    assert main(["verify", "--data", str(path), "--json"]) == 0
    verdict = json.loads(capsys.readouterr().out)
    assert verdict["findings"] == []
    assert verdict["orders"] == expected["orders"]
    assert verdict["ledger"]["totals"].items() >= expected["ledger"]["totals"].items()


def _as_far_as(shown: Any, now: Any) -> Any:
    """What is shown now, without the members that came later."""
    if isinstance(shown, dict):
        return {name: _as_far_as(shown[name], value) for name, value in now.items() if name in shown}
    if isinstance(shown, list):
        assert len(now) == len(shown)
        return [_as_far_as(one, other) for one, other in zip(shown, now, strict=True)]
    return now


def _show_what_is_left(shown: list[Row], now: list[Row]) -> None:
    """Where a line's units are counts those that are not gone; what was given at first stands in the timeline."""
    for before, line in zip(shown, now, strict=True):
        units = line["units"]
        gone = units["cancelled"] + units["returned"]
        if gone and "components" not in line:
            given = sum(part["qty"] for part in line["allocations"])
            assert given + units["backordered"] + gone == units["ordered"]
        if gone:
            before |= {name: line[name] for name in ("allocations", "backordered")}


def _show_credits(shown: list[Row], now: list[Row]) -> None:
    """For a while a refund of everything was shown with a credit of as much, which it books no more."""
    for before, entry in zip(shown, now, strict=True):
        if entry["type"] == "payment_refunded" and before.get("moved"):
            money = entry["moved"]["money"]
            credit = {"account": "credited", "amount": sum(move["amount"] for move in money), "payment_id": None}
            assert before["moved"]["money"] in (money, [*money, credit])
            before["moved"]["money"] = money


def _state_by_its_units(shown: dict[str, Any]) -> str:
    """Before books were kept, an order that shipped what it had showed as shipped, whatever else it waited for."""
    waits = any(line["backordered"] for line in shown["lines"])
    return f"partially_{shown['state']}" if waits and shown["state"] in ("shipped", "delivered") else shown["state"]


@pytest.mark.ray
def test_an_old_folder_shows_what_it_showed(opened: Opened) -> None:
    for order_id, shown in opened.expected["orders"].items():
        now = json.loads(opened.router.ask("GET", f"/v1/orders/{order_id}"))
        taken = shown.pop("next_events", [])
        assert set(taken) <= set(now["next_events"]), "event types may have come, none may be gone"
        assert shown.pop("tracking_url", None) in (None, now["tracking_url"]), "nobody knew carriers' pages at first"
        _show_what_is_left(shown["lines"], now["lines"])
        assert _as_far_as(shown, now) == shown | {"state": _state_by_its_units(shown)}
    for order_id, shown in opened.expected["timelines"].items():
        now = json.loads(opened.router.ask("GET", f"/v1/orders/{order_id}/timeline"))
        _show_credits(shown["entries"], now["entries"])
        assert _as_far_as(shown, now) == shown | {"state": _state_by_its_units(opened.expected["orders"][order_id])}
    assert len(opened.router.ask("GET", "/v1/stream?wait=0").splitlines()) == opened.expected["changes"]
    shown = opened.expected["availability"]
    asked = json.dumps({"skus": [item["sku"] for item in shown["items"]]}).encode()
    now = json.loads(opened.router.ask("POST", "/v1/availability", asked, JSON))
    assert _as_far_as(shown["items"], now["items"]) == shown["items"]


@pytest.mark.ray
def test_a_bound_key_of_an_old_folder_is_bound(opened: Opened) -> None:
    if not (opened.path / BOUND_KEY).exists():
        pytest.skip("it was made before keys could be bound")
    bound = {("web", "seller-0"), ("market", "seller-0")}
    for order_id, shown in opened.expected["orders"].items():
        status, _ = opened.router.answer("GET", f"/v1/orders/{order_id}", key=BOUND_KEY)
        assert status == (200 if (shown["channel"], shown["seller"]) in bound else 404), order_id


@pytest.mark.ray
def test_orders_of_an_old_folder_that_are_sent_again_are_duplicates(opened: Opened) -> None:
    accepted = {row["order_id"]: row for row in opened.expected["acknowledged"] if row["status"] != "rejected"}
    sent = [row for row in opened.expected["sent"] if row["order_id"] in accepted]
    for answer in opened.router.tell("/v1/orders/stream", sent):
        before = accepted[answer["order_id"]]
        twin = answer.get("duplicate_of_order_id")
        assert (twin is None) == (answer.get("duplicate_of") is None)
        if twin is not None:  # which answers did not say at first
            before = {"duplicate_of_order_id": twin, **before}
        assert answer == before | {"duplicate": True}


@pytest.mark.ray
def test_an_old_folder_grows_and_stays_whole(opened: Opened, capsys: pytest.CaptureFixture[str]) -> None:
    (new,) = opened.router.tell("/v1/orders/stream", [order(900, [{"sku": "SKU-2", "qty": 1}])])
    assert new["status"] == "allocated"
    told = [{"event_id": f"new-{name}", "order_id": name, "type": "ship"} for name in ("o-900", "o-70")]
    assert [answer["state"] for answer in opened.router.tell("/v1/events", told)] == ["shipped", "shipped"]
    opened.router.kill()
    assert main(["verify", "--data", str(opened.path), "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["findings"] == []
