"""The commands of daily work against a running gateway: what they print, how they end, what when nobody is there."""

from __future__ import annotations

import argparse
import io
import json
import pathlib
import shlex
import socket
import sys
import time
from collections.abc import Iterator
from typing import Any

import pytest

from actors.cli.examples import EXAMPLES, examples_of
from actors.cli.main import build_parser, main
from actors.cli.output import Progress
from actors.client import reach as reaching
from actors.client.reach import reach
from router.errors import Misconfigured, Retryable
from tests.actors.test_gateway_http import JSON, Lab
from tests.labs.gateway_backend import order
from tests.labs.stocked_gateway import over_engines, put_tables

SAID_S_MAX = 5.0


@pytest.fixture(scope="module")
def lab(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Lab]:
    with over_engines(tmp_path_factory.mktemp("daily")) as running:
        put_tables(running)
        yield running


class Shell:
    """The command line as a person sees it."""

    def __init__(self, lab: Lab, capsys: pytest.CaptureFixture[str]) -> None:
        self._lab = lab
        self._capsys = capsys

    def __call__(self, *arguments: str, code: int = 0, role: str = "admin") -> str:
        where = ["--url", f"http://127.0.0.1:{self._lab.port}", "--key", self._lab.keys[role]]
        assert main([*arguments, *where]) == code, self._capsys.readouterr()
        self.said = self._capsys.readouterr()
        return self.said.out if code == 0 or self.said.out else self.said.err

    def json(self, *arguments: str, code: int = 0) -> Any:
        return json.loads(self(*arguments, "--json", code=code))


@pytest.fixture
def shell(lab: Lab, capsys: pytest.CaptureFixture[str]) -> Shell:
    return Shell(lab, capsys)


def place(lab: Lab, order_id: str, **members: Any) -> None:
    lines = members.pop("lines", [{"sku": "A", "qty": 2, "unit_price": 500, "line_id": "x"}])
    customer = {"id": f"C-{order_id}", "name": "Erika Muster"}
    body = order(order_id, **({"lines": lines, "customer": customer} | members))
    assert lab.ask("POST", "/v1/orders", body, **JSON)[0] == 200


# --- orders, events, release --------------------------------------------------------------------------------


def test_orders_are_shown_listed_and_searched(lab: Lab, shell: Shell) -> None:
    for number in range(5):
        place(lab, f"o-{number}", channel="app" if number % 2 else "web")
    assert "line x: A: 2 ordered, 2 allocated (2 at N1)" in shell("orders", "show", "o-1")
    assert shell.json("orders", "show", "o-1")["order_id"] == "o-1"
    listed = shell.json("orders", "list", "--limit", "3")["orders"]
    assert [each["order_id"] for each in listed] == ["o-4", "o-3", "o-2"]
    found = shell("orders", "search", "--channel", "app", "--sku", "A").splitlines()
    assert [line.split()[0] for line in found] == ["o-3", "o-1"]
    assert shell("orders", "search", "--state", "delivered") == "No order matches.\n"
    assert "no order" in shell("orders", "show", "never", code=1).lower()
    assert "state is one of" in shell("orders", "search", "--state", "lost in space", code=1)


def test_a_search_goes_on_over_short_and_empty_pages(lab: Lab, shell: Shell, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("actors.cli.orders.PAGE_MAX", 1)
    for number in range(3):
        place(lab, f"page-{number}", channel="pages")
    found = shell.json("orders", "search", "--channel", "pages", "--limit", "2")["orders"]
    assert [each["order_id"] for each in found] == ["page-2", "page-1"]
    assert len(shell.json("orders", "search", "--channel", "pages", "--limit", "9")["orders"]) == 3


def test_one_event_by_arguments_and_a_file_of_them(lab: Lab, shell: Shell, tmp_path: pathlib.Path) -> None:
    place(lab, "e-1")
    said = shell("events", "add", "e-1", "ship", "--event-id", "s", "--line", "x=1", "--field", "carrier=dhl")
    assert said == "ship of order e-1 (s): applied; the order is partially_shipped, unpaid, version 2\n"
    again = ("events", "add", "e-1", "ship", "--event-id", "s", "--line", "x=1", "--field", "carrier=dhl")
    assert shell.json(*again)["status"] == "duplicate"
    paid = ("payment_captured", "--field", "amount=300", "--field", "payment_id=p", "--at", "2026-03-01T10:00:00Z")
    assert shell.json("events", "add", "e-1", *paid)["payment_state"] == "partially_paid"
    assert "refused, not_enough_units" in shell("events", "add", "e-1", "ship", "--line", "x=5", code=1)
    note = ("note", "--field", "text=a=b", "--field", "public=true")
    assert shell.json("events", "add", "e-1", *note)["status"] == "applied"
    file = tmp_path / "events.ndjson"
    lines = [{"event_id": f"f-{n}", "order_id": "e-1", "type": "note", "text": "t"} for n in range(3)]
    file.write_text("\n".join(map(json.dumps, [*lines, {"event_id": "x", "order_id": "none", "type": "ship"}])))
    told = shell.json("events", "send", str(file), code=1)
    assert (told["sent"], told["by_status"]) == (4, {"applied": 3, "refused": 1})
    assert told["refused_examples"]["order_unknown"][0]["row"] == 4
    assert "row 4: no order has this order_id" in shell("events", "send", str(file), code=1)


def test_events_come_from_standard_input_in_many_requests(
    lab: Lab, shell: Shell, monkeypatch: pytest.MonkeyPatch
) -> None:
    place(lab, "e-2")
    lines = [{"event_id": f"i-{n}", "order_id": "e-2", "type": "note", "text": str(n)} for n in range(25)]
    text = "\n\n".join(map(json.dumps, lines)).encode()
    monkeypatch.setattr("actors.cli.daily.LINES_A_REQUEST", 7)
    monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BufferedReader(io.BytesIO(text))))
    assert shell.json("events", "send", "-")["by_status"] == {"applied": 25}
    notes = json.loads(lab.ask("GET", "/v1/orders/e-2")[2])["notes"]
    assert [note["text"] for note in notes] == [str(n) for n in range(25)], "in the order in which they came"


def test_orders_on_hold_are_released(lab: Lab, shell: Shell) -> None:
    for order_id in ("r-1", "r-2", "r-3"):
        place(lab, order_id)
        for hold in ("fraud", "address"):
            shell("events", "add", order_id, "hold", "--field", f"hold={hold}")
    shell("release", "r-1", "--hold", "fraud", "--note", "called")
    assert json.loads(lab.ask("GET", "/v1/orders/r-1")[2])["holds"] == ["address"]
    said = shell("release", "r-1", "r-2", "never-sent", code=1)
    assert "release of order r-1" in said and "refused, order_unknown" in said
    assert [json.loads(lab.ask("GET", f"/v1/orders/{each}")[2])["holds"] for each in ("r-1", "r-2")] == [[], []]
    assert "not_allowed" in shell("release", "r-3", code=1, role="channel")


# --- stock, tables --------------------------------------------------------------------------------------------


def test_stock_is_shown_and_moved(lab: Lab, shell: Shell, tmp_path: pathlib.Path) -> None:
    assert shell.json("stock", "move", "receipt", "B", "N1", "4", "--movement-id", "m-1")["status"] == "applied"
    assert "repeated" in shell("stock", "move", "receipt", "B", "N1", "4", "--movement-id", "m-1")
    shown = shell("stock", "show", "B", "--channel", "web")
    assert shown.split() == ["B", "11", "N1", "4,", "N2", "7"]
    assert "unknown" in shell("stock", "show", "B", "Z", code=1)
    assert "refused, short" in shell("stock", "move", "damage", "B", "N1", "400", code=1)
    assert "refused" in shell("stock", "move", "transfer", "B", "N1", "1", code=1)
    shell("stock", "move", "transfer", "B", "N1", "1", "--to-node", "N2", "--reason", "nearer")
    file = tmp_path / "moves.ndjson"
    file.write_text('{"movement_id":"f","kind":"count","sku":"B","node":"N2","qty":7}\n{"movement_id":"g"}\n')
    told = shell.json("stock", "send", str(file), code=1)
    assert told["by_status"] == {"applied": 1, "refused": 1}


def test_tables_are_got_put_patched_and_listed(lab: Lab, shell: Shell, tmp_path: pathlib.Path) -> None:
    file, patch = tmp_path / "skus.csv", tmp_path / "prices.csv"
    assert shell("tables", "get", "skus", "--csv", "--out", str(file)).startswith("skus: 3 lines written")
    assert shell.json("tables", "put", "skus", str(file))["rows"] == 3
    patch.write_text("sku,currency,price\nA,EUR,510\n")
    assert "(0 added, 1 changed, 0 removed)" in shell("tables", "patch", "skus", str(patch))
    assert '"sku":"A"' in shell("tables", "get", "skus") and '"price":510' in shell("tables", "get", "skus")
    assert '"price":500' in shell("tables", "get", "skus", "--version", "1").splitlines()[0]
    versions = shell.json("tables", "versions")["versions"]
    assert [each["version"] for each in versions] == list(range(1, len(versions) + 1))
    file.write_text("sku,currency,price,weight_g,tax_class\nA,EUR,500,100,standard\n")
    said = shell("tables", "put", "skus", str(file), code=1)
    assert "would be withdrawn" in said and "--replace" in said
    assert shell.json("tables", "put", "skus", str(file), "--replace")["rows"] == 1
    assert "row 2, colour" not in shell("tables", "get", "skus")
    patch.write_text("sku,currency,colour\nA,EUR,red")
    assert "row 1, colour: The header names 'colour', which is no field" in shell(
        "tables", "patch", "skus", str(patch), code=1
    )
    file = tmp_path / "nodes.ndjson"
    file.write_text(shell("tables", "get", "nodes"))
    patch = tmp_path / "region.ndjson"
    patch.write_text('{"node":"N1","region":"Atlantis"}\n')
    said = shell("tables", "patch", "nodes", str(patch))
    assert "row 1, region:" in said and "no region 'Atlantis'" in said, "a warning is told, too"
    assert "Atlantis" not in shell("tables", "put", "nodes", str(file))
    put_tables(lab)


def test_a_table_of_stock_that_is_got_and_put_keeps_old_lots(lab: Lab, shell: Shell, tmp_path: pathlib.Path) -> None:
    file, again = tmp_path / "stock.ndjson", tmp_path / "again.csv"
    file.write_text(
        '{"sku":"B","node":"N1","on_hand":4,"lot":"old","expires_on":"2025-01-31"}\n'
        '{"sku":"B","node":"N1","on_hand":2,"lot":"good","expires_on":"2199-01-31"}\n'
    )
    shell("tables", "put", "stock", str(file))
    shown = shell("tables", "get", "stock")
    assert file.read_text() in shown
    shell("tables", "get", "stock", "--csv", "--out", str(again))
    shell("tables", "put", "stock", str(again))
    assert shell("tables", "get", "stock") == shown
    assert shell("stock", "show", "B").split()[:4] == ["B", "9", "N1", "2,"]
    put_tables(lab)


# --- nobody there, wrong usage ----------------------------------------------------------------------------------


def silently(*_: object) -> None:
    time.sleep(6)
    raise OSError("too late for anybody")


COMMANDS = [
    ["orders", "list"],
    ["orders", "show", "A"],
    ["events", "add", "A", "ship"],
    ["release", "A"],
    ["stock", "show", "A"],
    ["tables", "get", "skus"],
    ["explain", "A"],
    ["load", "skus", "{file}"],
    ["send", "{file}"],
    ["events", "send", "{file}"],
]


@pytest.mark.parametrize("command", COMMANDS, ids=" ".join)
@pytest.mark.parametrize("where", ["nobody listens", "nobody answers", "no such host"])
def test_a_missing_router_is_said_within_seconds_with_the_remedy(
    command: list[str], where: str, tmp_path: pathlib.Path, capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:  # fmt: skip
    file = tmp_path / "rows.ndjson"
    file.write_bytes(order("a") + b"\n")
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        url = f"http://127.0.0.1:{taken.getsockname()[1]}"
        if where == "nobody answers":
            monkeypatch.setattr(reaching, "REACH_S_MAX", 0.3)
            monkeypatch.setattr(socket, "create_connection", silently)
        if where == "no such host":
            url = "http://router.invalid:8080"
        began = time.monotonic()
        code = main([each.format(file=file) for each in command] + ["--url", url, "--key", "k"])
    said = "".join(capsys.readouterr())
    assert code == 1 and time.monotonic() - began < SAID_S_MAX
    assert where != "nobody listens" or f"No router answers at {url}" in said
    assert "Start one with `order-router serve" in said


@pytest.mark.parametrize(
    "url", ["router:8080", "ftp://x", "http://", "http://h:99999", "http://h/path", "http://h?a=1"]
)
def test_an_address_that_is_none_is_refused_in_words(url: str) -> None:
    with pytest.raises(Misconfigured, match="no address of a router"):
        reach(url)


def test_reaching_ends_although_a_name_is_never_resolved(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(reaching, "REACH_S_MAX", 0.2)
    monkeypatch.setattr(socket, "create_connection", silently)
    began = time.monotonic()
    with pytest.raises(Retryable, match="nothing answered within"):
        reach("http://somewhere:1")
    assert time.monotonic() - began < 2


@pytest.mark.parametrize(
    "arguments",
    [
        ["orders"],
        ["orders", "list", "--limit", "0", "--key", "k"],
        ["stock", "move", "gift", "A", "N", "1", "--key", "k"],
        ["stock", "move", "receipt", "A", "N", "-1", "--key", "k"],
        ["tables", "get", "passwords", "--key", "k"],
        ["events", "add", "A", "--key", "k"],
    ],
)
def test_wrong_usage_is_2(arguments: list[str]) -> None:
    with pytest.raises(SystemExit) as left:
        main(arguments)
    assert left.value.code == 2


@pytest.mark.parametrize("field", ["carrier", "=x", "amount=much", "public=maybe"])
def test_a_field_that_cannot_be_read_is_wrong_usage(shell: Shell, field: str) -> None:
    assert shell("events", "add", "A", "ship", "--field", field, code=2)
    assert shell("events", "add", "A", "ship", "--line", "1=few", code=2)


# --- help -------------------------------------------------------------------------------------------------------


def parsers(parser: argparse.ArgumentParser, name: str) -> Iterator[tuple[str, argparse.ArgumentParser]]:
    yield name, parser
    for action in parser._actions:
        if isinstance(action, argparse._SubParsersAction):
            for word, below in action.choices.items():
                yield from parsers(below, f"{name} {word}")


PARSERS = dict(parsers(build_parser(), "order-router"))


def test_order_router_alone_shows_help(capsys: pytest.CaptureFixture[str]) -> None:
    assert main([]) == 0
    said = capsys.readouterr().out
    assert "usage: order-router" in said and "examples:" in said


@pytest.mark.parametrize("command", PARSERS)
def test_every_help_has_examples_as_they_are_pasted(command: str) -> None:
    text = PARSERS[command].format_help()
    assert "examples:\n" in text
    for line in examples_of(command) if " " in command else ():
        assert f"  {line}\n" in f"{text}\n"


@pytest.mark.parametrize("line", EXAMPLES.strip().splitlines())
def test_every_example_is_read_by_its_command(line: str) -> None:
    build_parser().parse_args(shlex.split(line)[1:])


def test_progress_is_one_line_that_goes_and_is_no_longer_than_the_terminal(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    clock_s = [0.0]
    monkeypatch.setattr(time, "monotonic", lambda: clock_s[0])
    monkeypatch.setenv("COLUMNS", "30")
    monkeypatch.setattr(sys.stderr, "isatty", lambda: True)
    progress = Progress()
    for at in range(3):
        clock_s[0] = at + 1.5
        progress.show(f"{at} " + "x" * 100)
    progress.done()
    written = capsys.readouterr().err
    assert "\n" not in written and written.endswith("\r\x1b[K")
    assert max(len(piece) for piece in written.split("\r\x1b[K")) < 30
    monkeypatch.setattr(sys.stderr, "isatty", lambda: False)
    progress = Progress()
    for at in range(4):
        clock_s[0] = at + 10.5
        progress.show("waiting")
    assert capsys.readouterr().err == "waiting\n", "the same is said once where lines stay"
