"""``send`` accounts for every order of a file, over broken connections too."""

from __future__ import annotations

import asyncio
import gzip
import json
import pathlib
import time
from collections.abc import Iterator
from typing import Any

import aiohttp
import msgspec
import pyarrow as pa
import pytest

from actors.cli.main import main
from actors.client import order_stream
from actors.client.sources import Block
from actors.client.wire import NdjsonWire
from bench.harness.workload import Workload
from tests.labs.fake_router import FakeRouter, running
from tests.labs.serve_fixture import free_port

ORDERS = 300


@pytest.fixture(autouse=True)
def _short_pauses(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(order_stream, "PAUSE_S_MAX", 0.01)


@pytest.fixture
def orders(tmp_path: pathlib.Path) -> dict[str, pathlib.Path]:
    """The same orders in every form; row 3 has an unknown SKU."""
    workload = Workload()
    lines = b"".join(workload.ndjson(ORDERS)).splitlines()
    lines = [line for at, line in enumerate(lines) if line not in lines[:at]]  # without the repeated ones
    lines[2] = lines[2].replace(b'"sku":"S', b'"sku":"X', 1)
    body = b"\n".join(lines) + b"\n"
    files = {form: tmp_path / f"orders.{form}" for form in ("ndjson", "gz", "zst", "arrow")}
    files["ndjson"].write_bytes(body)
    files["gz"].write_bytes(gzip.compress(body))
    with pa.CompressedOutputStream(str(files["zst"]), "zstd") as sink:
        sink.write(body)
    table = pa.Table.from_pylist([_flat(msgspec.json.decode(line)) for line in lines])
    with pa.ipc.new_stream(str(files["arrow"]), table.schema) as writer:
        writer.write_table(table, max_chunksize=64)
    return files


def _flat(order: dict[str, Any]) -> dict[str, Any]:
    return {"order_id": order["order_id"], "lines": order["lines"]}


def send(capsys: pytest.CaptureFixture[str], fake: FakeRouter, *arguments: object) -> tuple[int, dict[str, Any]]:
    code = main(["send", "--url", fake.url, "--key", "k", "--json", *map(str, arguments)])
    return code, json.loads(capsys.readouterr().out)


@pytest.mark.parametrize("form", ["ndjson", "gz", "zst", "arrow"])
def test_every_order_of_a_file_is_answered_once(
    form: str, orders: dict[str, pathlib.Path], capsys: pytest.CaptureFixture[str]
) -> None:
    with running(FakeRouter()) as fake:
        media = ("--format", "arrow") if form == "arrow" else ()
        code, summary = send(capsys, fake, orders[form], *media)
        assert code == 0
        assert summary["sent"] == summary["answered"] == len(fake.known) > ORDERS - 10
        assert summary["by_status"] == {"allocated": summary["sent"] - 1, "rejected": 1}
        assert summary["rejected_by_reason"] == {"sku_unknown": 1}
        [example] = summary["rejected_examples"]["sku_unknown"]
        assert example["row"] == 3 and "load it first" in example["detail"]
        assert (summary["duplicates"], summary["reconnects"], summary["unanswered"]) == (0, 0, 0)
        code, summary = send(capsys, fake, orders[form], *media)
        assert code == 0 and summary["duplicates"] == summary["sent"]


@pytest.mark.parametrize("form", ["ndjson", "arrow"])
def test_a_broken_connection_is_resumed_with_what_was_not_answered(
    form: str, orders: dict[str, pathlib.Path], capsys: pytest.CaptureFixture[str]
) -> None:
    """Twice the router applies seven orders more than it answers and hangs up: nothing is missed or doubled."""
    with running(FakeRouter(break_after=[70, 95], swallow=7)) as fake:
        code, summary = send(capsys, fake, orders[form])  # the file's name says which form
        assert code == 0
        assert summary["reconnects"] == 2 and fake.streams == 3
        assert summary["sent"] == summary["answered"] == len(fake.known)
        assert summary["duplicates"] == 0 and summary["repeated_after_reconnect"] >= 14


def test_an_overloaded_router_is_asked_again(
    orders: dict[str, pathlib.Path], capsys: pytest.CaptureFixture[str]
) -> None:
    with running(FakeRouter(refuse_with=[429, 503])) as fake:
        code, summary = send(capsys, fake, orders["ndjson"])
        assert code == 0 and summary["answered"] == summary["sent"] and fake.streams == 3


def test_a_refused_key_is_said_at_once(orders: dict[str, pathlib.Path], capsys: pytest.CaptureFixture[str]) -> None:
    with running(FakeRouter(refuse_with=[401])) as fake:
        assert main(["send", "--url", fake.url, "--key", "k", str(orders["ndjson"])]) == 1
        assert "refused with 401" in capsys.readouterr().err and fake.streams == 1


def test_orders_that_stay_unanswered_fail_the_command(
    orders: dict[str, pathlib.Path], capsys: pytest.CaptureFixture[str]
) -> None:
    with running(FakeRouter(refuse_with=[503] * order_stream.ATTEMPTS_MAX)) as fake:
        code, summary = send(capsys, fake, orders["ndjson"])
        assert code == 1 and summary["answered"] == 0
        assert "Gave up" in summary["fault"] and "refused with 503" in summary["fault"]


def test_a_router_that_went_away_fails_the_command_and_every_attempt_is_told(
    orders: dict[str, pathlib.Path], capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(order_stream, "ATTEMPTS_MAX", 3)
    monkeypatch.setattr(order_stream, "reach", lambda _: None)  # it was there a moment ago
    url = f"http://127.0.0.1:{free_port()}"
    assert main(["send", "--url", url, "--key", "k", "--json", str(orders["ndjson"])]) == 1
    told = capsys.readouterr()
    summary = json.loads(told.out)
    assert (summary["sent"], summary["answered"], summary["all_sent"]) == (0, 0, False)
    assert "attempt 2 of 3" in told.err and "attempt 3 of 3" in told.err


def test_a_window_smaller_than_a_block_still_sends_everything(
    orders: dict[str, pathlib.Path], capsys: pytest.CaptureFixture[str]
) -> None:
    with running(FakeRouter()) as fake:
        code, summary = send(capsys, fake, orders["ndjson"], "--window", 1)
        assert code == 0 and summary["answered"] == len(fake.known)


def test_empty_lines_are_not_sent_but_counted_as_rows(
    tmp_path: pathlib.Path, capsys: pytest.CaptureFixture[str]
) -> None:
    file = tmp_path / "sparse.ndjson"
    file.write_bytes(b'\n\n{"order_id":"1","lines":[{"sku":"X"}]}\r\n\n{"order_id":"2","lines":[{"sku":"A"}]}')
    with running(FakeRouter()) as fake:
        code, summary = send(capsys, fake, file)
        assert code == 0 and summary["sent"] == 2
        assert summary["rejected_examples"]["sku_unknown"][0]["row"] == 3


def test_csv_rows_are_sent_as_orders_and_the_others_reported(
    tmp_path: pathlib.Path, capsys: pytest.CaptureFixture[str]
) -> None:
    mapping = tmp_path / "mapping.json"
    columns = {"order_id": "Order", "lines.sku": "Item", "lines.qty": "Units"}
    filters = [{"reason": "cancelled", "column": "Order", "starts_with": "C"}]
    mapping.write_text(json.dumps({"columns": columns, "constants": {"currency": "EUR"}, "filters": filters}))
    file = tmp_path / "orders.csv"
    file.write_text("Order,Item,Units\n1,A,2\n1,B,1\nC2,A,1\n3,X,1\n")
    with running(FakeRouter()) as fake:
        code, summary = send(capsys, fake, file, "--format", "csv", "--mapping", mapping)
        assert code == 0 and summary["sent"] == 2
        assert (summary["csv"]["rows"], summary["csv"]["order_lines"]) == (4, 3)
        assert summary["csv"]["rows_not_orders"] == {"cancelled": {"rows": 1, "examples": [[4, "C2,A,1"]]}}
        assert summary["rejected_examples"]["sku_unknown"][0]["row"] == 5


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (["--format", "csv"], "--mapping FILE go together"),
        (["--mapping", "m.toml"], "--mapping FILE go together"),
        (["--window", "0"], "at least 1 order"),
        (["--key", "@/nowhere"], "name a file that holds the key"),
    ],
)
def test_a_command_line_that_cannot_be_is_answered_with_2(
    arguments: list[str], says: str, tmp_path: pathlib.Path, capsys: pytest.CaptureFixture[str]
) -> None:
    file = tmp_path / "orders.ndjson"
    file.write_text("{}\n")
    assert main(["send", "--key", "k", str(file), *arguments]) == 2
    assert says in capsys.readouterr().err


def test_a_block_that_is_being_read_while_the_connection_breaks_is_sent_over_the_next_one() -> None:
    """The router hangs up while the source is still thinking; what it then yields must not be lost."""
    fake, answered = FakeRouter(break_after=[1]), list[int]()

    def blocks() -> Iterator[Block]:
        yield Block([b'{"order_id":"A","lines":[{"sku":"S"}]}', b'{"order_id":"B","lines":[{"sku":"S"}]}'], [1, 2])
        deadline_s = time.monotonic() + 10
        while fake.streams < 2 and time.monotonic() < deadline_s:
            time.sleep(0.01)
        yield Block([b'{"order_id":"C","lines":[{"sku":"S"}]}'], [3])

    with running(fake):
        stream = _stream(fake, blocks(), lambda block, at, _answer: answered.append(block.rows[at]))
        asyncio.run(stream.run())
    assert (stream.sent, stream.reconnects, sorted(answered)) == (3, 1, [1, 2, 3])


def test_no_connection_is_opened_before_there_is_something_to_send(monkeypatch: pytest.MonkeyPatch) -> None:
    """A request's head leaves with its first bytes; a router would hang up on a head that is long in coming."""
    happened, fake = list[str](), FakeRouter()
    post = aiohttp.ClientSession.post

    def noted_post(self: aiohttp.ClientSession, *arguments: Any, **options: Any) -> Any:
        happened.append("connect")
        return post(self, *arguments, **options)

    def blocks() -> Iterator[Block]:
        happened.append("read")
        yield Block([b'{"order_id":"A","lines":[{"sku":"S"}]}'], [1])

    monkeypatch.setattr(aiohttp.ClientSession, "post", noted_post)
    with running(fake):
        stream = _stream(fake, blocks(), lambda *_: None)
        asyncio.run(stream.run())
    assert happened == ["read", "connect"] and stream.sent == 1


def _stream(fake: FakeRouter, blocks: Iterator[Block], on_answer: Any) -> order_stream.OrderStream:
    return order_stream.OrderStream(
        url=fake.url, key="k", blocks=blocks, make_wire=NdjsonWire, on_answer=on_answer, window_orders=100
    )
