"""``explain`` says in sentences why an order went where it went; what it says comes from the order's own records."""

from __future__ import annotations

import json
import pathlib
from typing import Any

import pytest

from actors.cli.explain import sentences
from actors.cli.main import main
from actors.store.log_reader import LogReader
from actors.store.table_store import TableStore
from router.config import Config
from router.queries import explain_view
from tests.labs.fake_router import FakeRouter, running
from tests.labs.small_folder import PRICE_MINOR, decide_one_by_one, order

Capture = pytest.CaptureFixture[str]
Row = dict[str, Any]
ORDERS = {
    "usual": order(1),
    "coupon": order(2, coupons=["TEN"]),
    "coupon used up": order(3, coupons=["TEN"]),
    "from two": order(4, lines=[{"sku": "SKU-4", "qty": 1_500, "unit_price": PRICE_MINOR}]),
    "too much": order(5, lines=[{"sku": "SKU-0", "qty": 5_000, "unit_price": PRICE_MINOR}]),
    "unknown": order(6, lines=[{"sku": "SKU-1", "qty": 1}, {"sku": "none", "qty": 1}]),
    "twin": order(7, customer={"id": "c-1", "name": "Erika Muster"}, lines=order(1)["lines"]),
    "promised": order(8, shipping={"promise_by": "2026-03-02T12:00:00Z"}),
    "odd id": order(9, order_id="a/b ?&#%ä"),
}


@pytest.fixture(scope="module")
def explained(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Row]:
    """What ``GET /v1/orders/{id}/explain`` answers for each of the orders, by name."""
    data, answers = decide_one_by_one(tmp_path_factory.mktemp("explain") / "data", list(ORDERS.values()))
    tables_of = TableStore(data.tables).load
    views = {}
    for name, answer in zip(ORDERS, answers, strict=True):
        shard, sequence, row = map(int, answer["cursor"].split(":"))
        view = explain_view(shard, (sequence << 16 | row, 0, 1), LogReader(data.shard(shard), 2), tables_of, Config())
        assert view is not None and view["order_id"] == ORDERS[name]["order_id"]
        views[name] = view
    return views


def text_of(explained: Row) -> str:
    return "\n".join(sentences(explained))


def test_an_allocated_order_says_where_from_when_and_at_what_cost(explained: dict[str, Row]) -> None:
    text, plan = text_of(explained["usual"]), explained["usual"]["plan"]
    assert (
        text.startswith("Order o-1 is allocated; decided at 20") and "with version 6 of the reference tables." in text
    )
    assert "Admission: let through, risk score 0." in text and "Promotions: none fits this order." in text
    [parcel] = plan["parcels"]
    assert f"2 of SKU-1: 2 from {parcel['node']}." in text
    assert f"Parcel 1 leaves {parcel['node']} on {parcel['ship_date']} with DHL standard" in text
    assert "The plan costs 490." in text and "The best plan with other warehouses would have cost 490, 0 more." in text


def test_a_parcel_of_several_pieces_says_so(explained: dict[str, Row]) -> None:
    view = json.loads(json.dumps(explained["usual"]))
    assert "pieces" not in "\n".join(sentences(view))
    view["plan"]["parcels"][0] |= {"pieces": 2, "cost": 1_980}
    text = "\n".join(sentences(view))
    assert "with DHL standard in 2 pieces, arrives by" in text and "and costs 1,980." in text


def test_the_score_of_a_single_parcel_is_what_the_plan_costs(explained: dict[str, Row]) -> None:
    """The ledger's own figure, worked out a second time from the tables."""
    single = [
        view for view in explained.values() if len(view["plan"]["parcels"]) == 1 and view["status"] == "allocated"
    ]
    assert len(single) >= 3
    for view in single:
        first, *others = view["nodes"]
        assert first["chosen"] and first["node"] == view["plan"]["parcels"][0]["node"]
        assert first["cost"] == view["plan"]["cost"] <= min(node["cost"] for node in others if node["cost"] is not None)
    text = text_of(explained["usual"])
    assert "would have cost 490 for one parcel." in text


def test_promotions_say_which_were_given_and_which_were_not(explained: dict[str, Row]) -> None:
    assert "Promotions granted: TEN." in text_of(explained["coupon"])
    used_up = text_of(explained["coupon used up"])
    assert "not granted (limit, stacking): TEN." in used_up and "Because of coupon_used_up (coupons)" in used_up


def test_a_split_order_names_every_warehouse(explained: dict[str, Row]) -> None:
    text = text_of(explained["from two"])
    assert "1,500 of SKU-4: " in text and " from BER" in text and " from MUC" in text and "Parcel 2 leaves" in text
    assert "No other warehouses could have filled the order." in text


def test_an_order_that_is_short_says_what_is_missing_and_why(explained: dict[str, Row]) -> None:
    text = text_of(explained["too much"])
    assert "is partially allocated" in text and "on backorder" in text and "Because of partial_stock" in text


def test_a_rejected_order_names_line_and_reason_and_took_nothing(explained: dict[str, Row]) -> None:
    text = text_of(explained["unknown"])
    assert "is rejected" in text and "Admission: rejected at line 2" in text
    assert "  sku_unknown (lines.sku): The SKU is not in the SKU table" in text
    assert explained["unknown"]["nodes"] == []
    assert text.endswith("Nothing was taken from stock.") and "0 of" not in text


def test_a_repeated_basket_names_the_order_it_repeats(explained: dict[str, Row]) -> None:
    text = text_of(explained["twin"])
    assert "is held" in text and "Because of duplicate_basket" in text
    assert f"The order at {explained['usual']['cursor']} has the same customer and the same basket." in text


def test_a_late_order_says_what_was_asked_for(explained: dict[str, Row]) -> None:
    text = text_of(explained["promised"])
    assert "; asked for by 2026-03-02T12:00:00.000Z." in text and "Because of promise_late" in text


def test_the_command_asks_a_router_and_prints_sentences_or_json(explained: dict[str, Row], capsys: Capture) -> None:
    order_id = ORDERS["odd id"]["order_id"]
    with running(FakeRouter(explanations={order_id: explained["odd id"]})) as fake:
        assert main(["explain", "--url", fake.url, "--key", "k", order_id]) == 0
        assert capsys.readouterr().out == text_of(explained["odd id"]) + "\n"
        assert main(["explain", "--url", fake.url, "--key", "k", "--json", order_id]) == 0
        assert json.loads(capsys.readouterr().out) == explained["odd id"]


def test_an_order_that_is_not_there_and_a_router_that_is_not_there_are_said_in_words(
    capsys: Capture, tmp_path: pathlib.Path
) -> None:
    with running(FakeRouter()) as fake:
        assert main(["explain", "--url", fake.url, "--key", "k", "nobody"]) == 1
    assert "answered 404: No order with this id." in capsys.readouterr().err
    assert main(["explain", "--url", "http://127.0.0.1:9", "--key", "k", "nobody"]) == 1
    assert "No router answers at http://127.0.0.1:9" in capsys.readouterr().err
    assert main(["explain", "--url", "http://127.0.0.1:9", "--key", f"@{tmp_path / 'none'}", "nobody"]) == 2


def test_a_node_that_was_taken_out_says_since_when(explained: dict[str, Row]) -> None:
    gone = {"node": "OLD", "chosen": False, "removed_by": ["inactive"], "cost": None}
    since = {"inactive_since": {"tables_version": 7, "at": "2026-03-01T00:00:00.000Z"}}
    said = "OLD may not ship it: it is out of the table nodes (load it again to use it)"
    assert f"{said}." in text_of(explained["usual"] | {"nodes": [gone | {"inactive_since": None}]})
    gone |= since | {"removed_by": ["inactive", "goods"]}
    when = f"{said} since version 7 of the tables, 2026-03-01T00:00:00.000Z, it does not take such goods."
    assert when in text_of(explained["usual"] | {"nodes": [gone]})
