"""The same file again: what was paid since is reported, once; what else changed is named with both values."""

from __future__ import annotations

import csv
import json
import pathlib
from collections.abc import Callable, Iterator
from typing import Any

import pyarrow as pa
import pytest

from actors.cli.main import main
from actors.store.keys import add_key
from adapters.channels.csv.binding import used_columns
from adapters.channels.csv.load_mapping import load_mapping
from router.bound import Bound
from tests.labs.csv_files import HEADER, PLAIN, mapping_of, row
from tests.labs.fake_router import NDJSON
from tests.labs.serve_fixture import PRICE_MINOR, Router, order, running_router, until
from tests.labs.wire_cases import rows_to_arrow

pytestmark = pytest.mark.ray

Capture = pytest.CaptureFixture[str]
Send = Callable[..., tuple[int, dict[str, Any]]]
TOTAL = PRICE_MINOR + 490
PENDING = {"method": "card", "status": "pending"}
PAID = {"method": "card", "status": "Paid", "reference": "R-1"}
MAPPING = PLAIN + '"payment.status" = "pending"\n"ship_to.name" = "Ada"\n"ship_to.city" = "Berlin"\n'
MAPPING += '"ship_to.postcode" = "10117"\n"ship_to.country" = "DE"\n'


@pytest.fixture(scope="module")
def router(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Router]:
    yield from running_router(tmp_path_factory, "again", {"policy": {"price_mismatch": "accept"}})


@pytest.fixture(scope="module")
def scoped(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Router]:
    yield from running_router(tmp_path_factory, "again-scoped", {"order_id_scope": "channel"}, 1)


@pytest.fixture
def send(capsys: Capture) -> Send:
    def run(router: Router, *arguments: object, key: str = "") -> tuple[int, dict[str, Any]]:
        address = ("--url", f"http://127.0.0.1:{router.port}", "--key", key or router.key("channel"), "--json")
        capsys.readouterr()
        code = main(["send", *address, *map(str, arguments)])
        told = capsys.readouterr()
        assert told.out, told.err
        said = json.loads(told.out)
        answered = sum(said["by_status"].values())
        assert said["sent"] == said["answered"] + said["unanswered"] == answered + said["unanswered"]
        assert said["by_status"].get("rejected", 0) == sum(said["rejected_by_reason"].values())
        return code, said

    return run


SUFFIX = {"_lines": ".ndjson", "_arrow": ".arrow"}


def _lines(path: pathlib.Path, *orders: dict[str, Any]) -> pathlib.Path:
    path.write_text("".join(json.dumps(each) + "\n" for each in orders))
    return path


def _arrow(path: pathlib.Path, *orders: dict[str, Any]) -> pathlib.Path:
    batch = rows_to_arrow(list(orders))
    with pa.ipc.new_stream(str(path), batch.schema) as writer:
        writer.write_batch(batch)
    return path


@pytest.mark.parametrize("write", [_lines, _arrow])
def test_what_was_paid_since_is_reported_once(
    router: Router, send: Send, tmp_path: pathlib.Path, write: Callable[..., pathlib.Path]
) -> None:
    """More than are looked into together; a third time, and the same news by another form, have no effect."""
    form = write.__name__
    suffix = {"_lines": "ndjson", "_arrow": "arrow"}[form]
    names = [f"paid{form}-{number}" for number in range(40)]
    first = write(tmp_path / f"1.{suffix}", *(order(name, payment=PENDING) for name in names))
    again = write(tmp_path / f"2.{suffix}", *(order(name, payment=PAID) for name in names))
    assert send(router, first)[1]["by_status"] == {"allocated": 40}
    code, said = send(router, again)
    assert (code, said["by_status"], said["refused"]) == (0, {"payment_reported": 40}, 0)
    assert said["payments_reported"] == {"payment_captured": 40} and said["changed_fields"] == {}
    seen = router.json("GET", f"/v1/orders/{names[7]}")
    assert (seen["payment_state"], seen["money"]["captured"], seen["money"]["due"]) == ("paid", TOTAL, 0)
    [payment] = seen["payments"]
    assert (payment["payment_id"], payment["method"]) == ("R-1", "card")
    for _ in range(2):
        code, said = send(router, again)
        assert (code, said["by_status"]) == (0, {"payment_known": 40}) and not said["payments_reported"]
    assert router.json("GET", f"/v1/orders/{names[7]}")["version"] == seen["version"]


def test_rows_of_a_file_are_paid_and_what_else_changed_is_written_with_both_values(
    router: Router, send: Send, tmp_path: pathlib.Path
) -> None:
    mapping, paid = tmp_path / "a.toml", tmp_path / "b.toml"
    mapping.write_text(MAPPING)
    paid.write_text(MAPPING.replace('"pending"', '"paid"'))
    export, bad = tmp_path / "orders.csv", tmp_path / "bad.csv"
    rows = {"item": "SKU-01", "price": "12.5"}
    export.write_text(HEADER + "".join(row(f"csv-{at}", buyer=f"b{at}", **rows) for at in range(3)))
    assert send(router, "--mapping", mapping, export)[1]["by_status"] == {"allocated": 3}
    moved = {"street": "Secret Lane 9", "pieces": "3"} | rows
    changed = row("csv-1", buyer="b1", pieces="2", **rows) + row("csv-2", buyer="b2", **moved)
    export.write_text(HEADER + row("csv-0", buyer="b0", **rows) + changed)
    code, said = send(router, "--mapping", paid, "--rejects", bad, "--max-refused", "1", export)
    assert (code, said["by_status"]) == (1, {"payment_reported": 1, "rejected": 2})
    assert said["changed_fields"] == {"lines[].qty": 2, "payment.status": 2, "ship_to.line1": 1}
    told = {line["Order"]: line["reject_detail"] for line in csv.DictReader(bad.read_text("utf-8-sig").splitlines())}
    assert told.keys() == {"csv-1", "csv-2"}
    assert "lines[0].qty: 2 sent, 1 stored" in told["csv-1"]
    assert 'payment.status: "paid" sent, "pending" stored' in told["csv-1"]
    assert "ship_to.line1 differs" in told["csv-2"] and "Secret" not in told["csv-2"]
    assert "Secret" not in json.dumps(said) and "High St" not in json.dumps(said)
    assert router.json("GET", "/v1/orders/csv-1")["payment_state"] == "unpaid"  # what of it was paid nobody knows


@pytest.mark.parametrize(
    ("before", "now", "state", "status"),
    [
        ("pending", "authorized", "authorized", "payment_reported"),
        ("authorized", "captured", "paid", "payment_reported"),
        ("pending", "failed", "failed", "payment_reported"),
        ("authorized", "voided", "unpaid", "payment_reported"),
        ("paid", "refunded", "refunded", "payment_reported"),
        ("paid", "COMPLETED", "paid", "payment_known"),
        ("pending", "on-hold", "unpaid", "payment_known"),
        ("paid", "chargeback", "paid", "rejected"),
        ("paid", "pending", "paid", "rejected"),
        ("paid", "partially refunded", "paid", "rejected"),
        ("pending", "partially paid", "unpaid", "rejected"),
        ("pending", "no such word", "unpaid", "rejected"),
    ],
)
def test_each_word_is_an_event_or_known_or_told(
    router: Router, send: Send, tmp_path: pathlib.Path, before: str, now: str, state: str, status: str
) -> None:
    name = f"word-{before}-{now}".replace(" ", "-")
    file = tmp_path / "orders.ndjson"
    send(router, _lines(file, order(name, payment={"status": before, "method": "card", "reference": "R"})))
    again = _lines(file, order(name, payment={"status": now, "method": "card", "reference": "R"}))
    code, said = send(router, again, key=router.key("admin"))
    seen = router.json("GET", f"/v1/orders/{name}")
    assert (said["by_status"], seen["payment_state"]) == ({status: 1}, state), said
    assert code == (status == "rejected") and len(seen["payments"]) <= 1
    if status == "rejected":
        [example] = said["rejected_examples"]["id_conflict"]
        assert f"{json.dumps(now)} sent" in example["detail"] and f"{json.dumps(before)} stored" in example["detail"]
        assert {"field": "payment.status", "sent": now, "stored": before} in example["changed"]
    third = send(router, again)[1]["by_status"]
    assert third == {"rejected" if status == "rejected" else "payment_known": 1}


def _captured(router: Router, order_id: str) -> tuple[str, int, int]:
    seen = router.json("GET", f"/v1/orders/{order_id}")
    return seen["payment_state"], seen["money"]["captured"], seen["money"]["due"]


@pytest.mark.parametrize("before", ["pending", "authorized", "paid"])
def test_by_the_mapping_for_shopify_money_counts_once(
    router: Router, send: Send, tmp_path: pathlib.Path, before: str
) -> None:
    mapping, events, name = tmp_path / "shopify.toml", tmp_path / "events", f"shopify-{before}"
    mapping.write_text(mapping_of("Shopify"))
    wanted = dict.fromkeys(used_columns(load_mapping(mapping.read_bytes())), "")
    wanted |= dict.fromkeys(("Billing Name", "Shipping Name"), "Ada") | {"Name": name, "Currency": "EUR"}
    wanted |= {f"Shipping {part}": text for part, text in (("Address1", "Weg 1"), ("City", "Berlin"))}
    wanted |= {"Shipping Zip": "10117", "Shipping Country": "DE", "Created at": "2026-03-01 12:00:00 +0000"}
    wanted |= {"Lineitem sku": "SKU-00", "Lineitem quantity": "1", "Lineitem price": "12.50", "Total": "17.40"}
    file = tmp_path / "orders.csv"
    for status in (before, "paid", "paid"):
        cells = wanted | {"Financial Status": status, "Payment Reference": "" if status == "pending" else "p9"}
        file.write_text(f"{','.join(cells)}\n{','.join(cells.values())}\n")
        code, said = send(router, "--mapping", mapping, "--events", events, file)
        assert code == 0 and not said["csv"]["warnings"] and not events.read_bytes(), said
    assert _captured(router, name) == ("paid", TOTAL, 0)
    cells |= {"Cancelled at": "2026-03-01 13:00:00 +0000"}
    file.write_text(f"{','.join(cells)}\n{','.join(cells.values())}\n")
    code, said = send(router, "--mapping", mapping, "--events", events, file)
    assert (code, said["sent"], said["csv"]["events"]) == (0, 0, 1), said
    address = ("--url", f"http://127.0.0.1:{router.port}", "--key", router.key("channel"))
    assert main(["events", "send", *address, str(events)]) == 0
    assert router.json("GET", f"/v1/orders/{name}")["state"] == "cancelled"  # it would have gone out


def test_by_the_mapping_for_olist_captured_is_what_was_paid(
    router: Router, send: Send, tmp_path: pathlib.Path, capsys: Capture
) -> None:
    """Two payments, together three cents above the router's own total; all of it twice."""
    here = mapping_of("Olist").replace('"BRL"', '"EUR"').replace('"BR"', '"DE"').replace('suffix = "-000"', "")
    files = {
        "olist.toml": here,
        "items.csv": "order_id,order_item_id,product_id,seller_id,price\nolist-1,1,SKU-00,s1,12.50\n",
        "olist_orders_dataset.csv": "order_id,customer_id,order_status,order_purchase_timestamp,"
        "order_delivered_customer_date,order_estimated_delivery_date\nolist-1,c1,shipped,2026-03-01 09:00:00,,\n",
        "olist_customers_dataset.csv": "customer_id,customer_unique_id,customer_zip_code_prefix,customer_city,"
        "customer_state\nc1,u1,10117,Berlin,BE\n",
        "olist_order_payments_dataset.csv": "order_id,payment_sequential,payment_type,payment_value\n"
        "olist-1,1,credit_card,10.00\nolist-1,2,voucher,7.43\n",
    }
    for name, text in files.items():
        (tmp_path / name).write_text(text)
    events, address = tmp_path / "events", ("--url", f"http://127.0.0.1:{router.port}", "--key", router.key("channel"))
    for _ in range(2):
        code, said = send(router, "--mapping", tmp_path / "olist.toml", "--events", events, tmp_path / "items.csv")
        assert code == 0 and not said["csv"]["warnings"], said
        assert main(["events", "send", *address, str(events)]) == 0, capsys.readouterr()
    assert _captured(router, "olist-1") == ("paid", 1743, TOTAL - 1743)


def test_payments_can_be_left(router: Router, send: Send, tmp_path: pathlib.Path) -> None:
    file = tmp_path / "orders.ndjson"
    send(router, _lines(file, order("left", payment=PENDING)))
    code, said = send(router, "--no-payments", _lines(file, order("left", payment=PAID)))
    assert (code, said["by_status"]) == (1, {"rejected": 1})
    assert said["changed_fields"] == {"payment.status": 1, "payment.reference": 1}
    assert router.json("GET", "/v1/orders/left")["payment_state"] == "unpaid"


def test_what_means_the_same_is_no_change(router: Router, send: Send, tmp_path: pathlib.Path) -> None:
    file = tmp_path / "orders.ndjson"
    send(router, _lines(file, order("spelt", payment=PENDING, priority=0, shipping={"promise_by": None})))
    said_otherwise = order("spelt", payment=PAID, currency=" eur", placed_at="2026-03-01T13:00:00.000+01:00")
    said_otherwise["lines"][0]["line_id"] = "1"
    assert send(router, _lines(file, said_otherwise))[1]["by_status"] == {"payment_reported": 1}


def test_what_changed_of_an_arrow_file_is_named_and_nothing_else(
    router: Router, send: Send, tmp_path: pathlib.Path
) -> None:
    file, bad = tmp_path / "orders.arrow", tmp_path / "bad.arrow"
    before = order("arrow-changed", payment=PENDING, shipping={"service": "standard"}, total=TOTAL)
    send(router, _arrow(file, before))
    now = order("arrow-changed", qty=2, payment=PENDING, total=TOTAL, coupons=["Z"], shipping={"fee": 3})
    said = send(router, "--rejects", bad, _arrow(file, now))[1]
    assert set(said["changed_fields"]) == {"lines[].qty", "coupons", "shipping.service", "shipping.fee"}
    [row] = pa.ipc.open_stream(bad.read_bytes()).read_all().to_pylist()
    assert row["reject_reason"] == "id_conflict" and "lines[0].qty: 2 sent, 1 stored" in row["reject_detail"]
    assert 'shipping.service: nothing sent, "standard" stored' in row["reject_detail"]


def test_an_amount_that_changed_is_named(router: Router, send: Send, tmp_path: pathlib.Path) -> None:
    file = tmp_path / "orders.ndjson"
    send(router, _lines(file, order("amounts", payment=PENDING, total=TOTAL, tax=5)))
    code, said = send(router, _lines(file, order("amounts", payment=PAID, total=TOTAL + 1, tax=6)))
    assert (code, said["by_status"]) == (1, {"rejected": 1})
    assert {"total", "tax", "payment.status"} <= set(said["changed_fields"])
    assert "tax: 6 sent, 5 stored" in said["rejected_examples"]["id_conflict"][0]["detail"]


@pytest.mark.parametrize("write", [_lines, _arrow])
def test_a_held_order_names_its_twin_and_a_refused_one_what_was_sent_and_what_is_expected(
    router: Router, send: Send, tmp_path: pathlib.Path, write: Callable[..., pathlib.Path], capsys: Capture
) -> None:
    name, file, bad = write.__name__, tmp_path / "orders", tmp_path / "bad"
    whose = {"customer": {"id": f"C{name}", "name": "Ada"}}
    first, second, wrong = (order(f"{word}{name}", **whose) for word in ("first", "second", "wrong"))
    wrong["lines"][0]["qty"] = 0
    suffix = SUFFIX[name]
    send(router, write((tmp_path / "alone").with_suffix(suffix), first))  # it decides which of the two is the twin
    said = send(router, "--rejects", bad, write(file.with_suffix(suffix), first, second, wrong))[1]
    assert said["held_by_reason"] == {"duplicate_basket": 1}
    assert said["held_examples"] == {
        "duplicate_basket": [{"row": 2, "order_id": f"second{name}", "duplicate_of": f"first{name}"}]
    }
    [refused] = said["rejected_examples"]["qty_range"]
    sku = wrong["lines"][0]["sku"]
    assert (
        refused["detail"]
        == f"lines[0].qty: 0 of SKU {sku!r} was sent, 1 to 100000 can be ordered on a line; correct it."
    )
    rejected = (
        bad.read_bytes() if suffix != ".arrow" else repr(pa.ipc.open_stream(bad.read_bytes()).read_all().to_pylist())
    )
    assert "1 to 100000 can be ordered" in str(rejected)
    main(
        [
            "send",
            "--url",
            f"http://127.0.0.1:{router.port}",
            "--key",
            router.key("channel"),
            str(file.with_suffix(suffix)),
        ]
    )
    assert f"  row 2, order second{name}: the same basket as order first{name}" in capsys.readouterr().out


def test_an_order_that_the_key_may_not_see_is_said_in_words(router: Router, send: Send, tmp_path: pathlib.Path) -> None:
    file = tmp_path / "orders.ndjson"
    key = add_key(router.folder, "bound-again", "channel", 0, Bound(frozenset({"app"})))
    router.keys["bound"] = key
    until(lambda: router.ask("GET", "/v1/orders/foreign", role="bound")[0] == 404, "reads know the key")
    until(lambda: router.ask("POST", "/v1/orders/stream", b"", NDJSON, "bound")[0] == 200, "streams know it")
    send(router, _lines(file, order("foreign", payment=PENDING)))
    code, said = send(router, _lines(file, order("foreign", channel="app", payment=PAID)), key=key)
    assert (code, said["by_status"], said["changed_fields"]) == (1, {"rejected": 1}, {})
    assert "may not see" in said["rejected_examples"]["id_conflict"][0]["detail"]
    assert router.json("GET", "/v1/orders/foreign")["payment_state"] == "unpaid"


def test_ids_may_be_unique_within_their_channel_only(scoped: Router, send: Send, tmp_path: pathlib.Path) -> None:
    file = tmp_path / "orders.ndjson"
    both = [
        order("one", channel=channel, seller="acme", payment=PENDING, customer={"name": channel})
        for channel in ("web", "app")
    ]
    assert send(scoped, _lines(file, *both))[1]["by_status"] == {"allocated": 2}
    code, said = send(scoped, _lines(file, both[0] | {"payment": PAID}, both[1]))
    assert (code, said["by_status"], said["duplicates"]) == (0, {"payment_reported": 1, "allocated": 1}, 1)
    states = [scoped.json("GET", f"/v1/orders/one?channel={name}")["payment_state"] for name in ("web", "app")]
    assert states == ["paid", "unpaid"]
