"""Invoices over HTTP: found by their number, told to whoever may see their order, and the same after a crash."""

from __future__ import annotations

import json
import pathlib
from collections.abc import Iterator
from typing import Any

import lmdb
import msgspec
import pytest

from actors.cli.main import main
from actors.gateway.core import typesetting
from actors.gateway.http import invoice_shapes
from actors.store.data_folder import DataFolder
from actors.store.keys import add_key
from actors.store.log_store import DATABASES_MAX, LogStore, log_folder
from router.bound import Bound
from router.config import Config
from router.ledger.number_series import runs_in
from router.log.number_runs import run_key
from tests.actors.test_gateway_http import JSON, NDJSON, Lab
from tests.labs.gateway_engines import EngineBackend
from tests.labs.order_checks import check_shape
from tests.labs.stocked_gateway import over_engines, put_tables

Row = dict[str, Any]
SELLERS = ("", "acme", "a/b ü-1")


@pytest.fixture(scope="module")
def lab(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Lab]:
    with over_engines(tmp_path_factory.mktemp("invoices") / "data", shards=2) as running:
        bound = Bound(sellers=frozenset({"acme"}))
        running.keys["acme"] = add_key(running.backend.folder, "acme", "viewer", 1, bound)
        put_tables(running)
        for number in range(9):
            buy(running, f"o-{number}", SELLERS[number % 3])
        told = [
            {"event_id": "c", "order_id": f"o-{n}", "type": "payment_captured", "payment_id": "p"} for n in range(9)
        ]
        tell(running, *told, {"event_id": "r", "order_id": "o-1", "type": "payment_refunded", "amount": 100})
        yield running


def buy(lab: Lab, order_id: str, seller: str) -> None:
    ship_to = {"name": "Ada", "line1": "Street 1", "city": "Berlin", "postcode": "10115", "country": "DE"}
    order = {
        "order_id": order_id, "channel": "web", "seller": seller or None, "placed_at": "2026-03-01T12:00:00Z",
        "currency": "EUR", "customer": {"id": order_id, "name": "Ada"}, "ship_to": ship_to,
        "lines": [{"sku": "A", "qty": 2, "name": "a thing"}],
    }  # fmt: skip
    status, _, body = lab.ask("POST", "/v1/orders", json.dumps(order).encode(), **JSON)
    assert status == 200, body


def tell(lab: Lab, *events: Row) -> None:
    body = b"".join(msgspec.json.encode(event) + b"\n" for event in events)
    status, _, answer = lab.ask("POST", "/v1/events", body, **NDJSON)
    assert status == 200 and all(json.loads(line)["status"] == "applied" for line in answer.splitlines()), answer


def got(lab: Lab, path: str, status: int = 200, **key: Any) -> Row:
    given, _, body = lab.ask("GET", path, **key)
    assert given == status, body
    return dict(json.loads(body))


def numbers(lab: Lab) -> list[str]:
    return [row["number"] for n in range(9) for row in got(lab, f"/v1/invoices?order_id=o-{n}")["invoices"]]


def test_every_number_leads_to_its_document_and_no_seller_has_a_gap(lab: Lab) -> None:
    found = numbers(lab)
    names = ("INV", "INV-acme", "INV-a~2Fb~20~C3~BC-1")
    assert sorted(found) == sorted([*(f"{name}-00000{n}" for name in names for n in (1, 2, 3)), "CN-acme-000001"])
    for number in found:
        document = got(lab, f"/v1/invoices/{number}")
        check_shape(document, invoice_shapes.Invoice)
        assert document["number"] == number
        assert number in [row["number"] for row in got(lab, f"/v1/orders/{document['order_id']}")["invoices"]]
    note = got(lab, "/v1/invoices/CN-acme-000001")
    assert (note["type"], note["total"], note["order_id"]) == ("credit_note", 100, "o-1")
    invoice = got(lab, f"/v1/invoices/{note['corrects'][0]}")
    assert (invoice["buyer"]["name"], invoice["lines"][0]["name"], invoice["total"]) == ("Ada", "a thing", 1_000)


@pytest.mark.parametrize(
    "number", ["INV-000004", "INV-none-000001", "CN-000001", "X-INV-000001", "INV", "%00", "INV-0"]
)
def test_a_number_that_nothing_has_is_not_found(lab: Lab, number: str) -> None:
    assert got(lab, f"/v1/invoices/{number}", 404)["code"] == "invoice_not_found"


def test_the_order_of_a_list_has_to_be_named(lab: Lab) -> None:
    assert got(lab, "/v1/invoices", 400)["code"] == "bad_parameter"
    assert got(lab, "/v1/invoices?order_id=o-1&number=1", 400)["code"] == "bad_parameter"
    assert got(lab, "/v1/invoices?order_id=nothing", 404)["code"] == "order_not_found"


def test_a_bound_key_sees_the_documents_of_its_seller_alone(lab: Lab) -> None:
    assert got(lab, "/v1/invoices/INV-acme-000001", role="acme")["seller"]["id"] == "acme"
    assert got(lab, "/v1/invoices?order_id=o-1", role="acme")["invoices"]
    for path, code in (("INV-000001", "invoice_not_found"), ("?order_id=o-0", "order_not_found")):
        slash = "" if path.startswith("?") else "/"
        assert got(lab, f"/v1/invoices{slash}{path}", 404, role="acme")["code"] == code


def test_a_folder_that_is_opened_again_has_the_same_documents(tmp_path: pathlib.Path) -> None:
    with over_engines(tmp_path / "data") as lab:
        put_tables(lab)
        buy(lab, "o-0", "")
        tell(lab, {"event_id": "c", "order_id": "o-0", "type": "payment_captured"})
        before = got(lab, "/v1/invoices/INV-000001")
        lab.backend.close()
        data = DataFolder(tmp_path / "data")
        again = EngineBackend(data, Config())
        try:
            run = again.ledger_log.find_run("", 1, 1)
            assert run is not None and (run.shard, run.first, run.how_many) == (0, 1, 1)
            assert again.router.ledger.path.engine.state.numbers.last("", 1) == 1
        finally:
            lab.backend = again  # type: ignore[assignment]
    assert before["due"] == 0


def test_verify_finds_a_number_that_leads_nowhere(tmp_path: pathlib.Path, capsys: pytest.CaptureFixture[str]) -> None:
    with over_engines(tmp_path / "data") as lab:
        put_tables(lab)
        for number in range(3):
            buy(lab, f"o-{number}", "acme")
            tell(lab, {"event_id": "c", "order_id": f"o-{number}", "type": "payment_captured"})
    assert main(["verify", "--data", str(tmp_path / "data"), "--json"]) == 0
    verdict = json.loads(capsys.readouterr().out)
    assert verdict["findings"] == [] and verdict["shards"][0]["documents"] == 3
    with lmdb.open(str(log_folder(DataFolder(tmp_path / "data").ledger)), max_dbs=DATABASES_MAX) as environment:
        store = LogStore(environment, 1, "", create=False)
        with environment.begin(db=store.by_number, write=True) as writing:
            assert writing.delete(run_key("acme", 1, 2))
    assert main(["verify", "--data", str(tmp_path / "data"), "--json"]) == 1
    found = json.loads(capsys.readouterr().out)["findings"]
    assert [finding["where"] for finding in found] == ["ledger", "ledger"]
    assert found[0]["what"].startswith("the entry of INV-acme-000002 does not lead to record")


def test_a_document_is_a_page_in_either_language_with_equal_bytes(lab: Lab) -> None:
    pytest.importorskip("typst", reason="the extra `invoices` is not installed")
    pages = {}
    for query in ("", "?lang=en", "?lang=zh"):
        status, headers, body = lab.ask("GET", f"/v1/invoices/INV-acme-000001.pdf{query}")
        assert (status, headers["content-type"]) == (200, "application/pdf")
        assert body == lab.ask("GET", f"/v1/invoices/INV-acme-000001.pdf{query}")[2]
        pages[query] = body
    assert pages[""] == pages["?lang=en"] != pages["?lang=zh"]
    assert all(page.startswith(b"%PDF-") and len(page) < 100_000 for page in pages.values())


def test_a_page_is_refused_in_words_where_it_cannot_be_set(lab: Lab, monkeypatch: pytest.MonkeyPatch) -> None:
    assert got(lab, "/v1/invoices/INV-acme-000001.pdf?lang=fr", 400)["code"] == "bad_parameter"
    assert got(lab, "/v1/invoices/INV-acme-000009.pdf", 404)["code"] == "invoice_not_found"
    monkeypatch.setattr(typesetting, "_NEEDED", ("no_such_package",))
    refused = got(lab, "/v1/invoices/INV-acme-000001.pdf", 422)
    assert refused["code"] == "unsupported" and "order-router[documents]" in refused["detail"]
    monkeypatch.setattr(typesetting, "_NEEDED", ())
    monkeypatch.setattr(typesetting, "WAITING_MAX", 0)
    assert got(lab, "/v1/invoices/INV-acme-000001.pdf", 429)["code"] == "overloaded"


def test_the_command_line_lists_shows_and_writes(
    lab: Lab, tmp_path: pathlib.Path, capsys: pytest.CaptureFixture[str]
) -> None:
    def said(*arguments: str, code: int = 0) -> str:
        where = ["--url", f"http://127.0.0.1:{lab.port}", "--key", lab.keys["admin"]]
        assert main(["invoices", *arguments, *where]) == code
        told = capsys.readouterr()
        return told.out or told.err

    assert ["INV-acme" in line for line in said("list", "o-1").splitlines()] == [True, True]
    shown = said("show", "CN-acme-000001")
    assert "credit note" in shown and "refunded: 100" in shown and "corrects INV-acme-" in shown
    assert json.loads(said("show", "INV-000001", "--json"))["number"] == "INV-000001"
    assert "Nothing has this number" in said("show", "INV-000009", code=1)
    pytest.importorskip("typst", reason="the extra `invoices` is not installed")
    page = tmp_path / "page.pdf"
    assert str(page) in said("pdf", "INV-000001", "--lang", "zh", "--out", str(page))
    assert page.read_bytes()[:5] == b"%PDF-"


def test_the_entry_of_a_number_is_read_off_the_record_that_gave_it(tmp_path: pathlib.Path) -> None:
    """So whoever writes a log anew (``doctor``) writes the same entries."""
    with over_engines(tmp_path / "data") as lab:
        put_tables(lab)
        buy(lab, "o-0", "acme")
        tell(lab, {"event_id": "c", "order_id": "o-0", "type": "payment_captured"})
        log = lab.backend.ledger_log
        records = [record for _, _, record in log.iterate(1)]
        (run,) = [run for record in records for run in runs_in(record)]
        assert log.find_run("acme", 1, 1) == run and run.key == run_key("acme", 1, 1)
