"""Files of rows through the commands: what is refused is written down and can be sent again; a bad night is loud."""

from __future__ import annotations

import csv
import datetime as dt
import io
import json
import pathlib
import sys
import zipfile
from collections.abc import Callable
from typing import Any

import pyarrow as pa
import pytest

from actors.cli.main import main
from tests.labs.csv_files import HEADER, PLAIN, row
from tests.labs.fake_router import FakeRouter, running
from tests.labs.small_folder import write_tables
from tests.labs.workbook import workbook

Capture = pytest.CaptureFixture[str]
Run = Callable[..., tuple[int, dict[str, Any]]]
GOOD, BAD, UNKNOWN = row("1"), row("2", pieces="two"), row("3", item="X")  # the fake router rejects SKUs with an X


@pytest.fixture
def mapping(tmp_path: pathlib.Path) -> pathlib.Path:
    path = tmp_path / "shop.toml"
    path.write_text(PLAIN)
    return path


@pytest.fixture
def send(capsys: Capture, mapping: pathlib.Path) -> Run:
    def run(fake: FakeRouter, *arguments: object) -> tuple[int, dict[str, Any]]:
        code = main(
            ["send", "--url", fake.url, "--key", "k", "--json", "--mapping", str(mapping), *map(str, arguments)]
        )
        return code, json.loads(capsys.readouterr().out)

    return run


def _file(tmp_path: pathlib.Path, *rows: str, name: str = "orders.csv", header: str = HEADER) -> pathlib.Path:
    path = tmp_path / name
    path.write_text(header + "".join(rows))
    return path


def test_what_was_refused_is_written_with_its_reason_and_can_be_sent_again_when_corrected(
    tmp_path: pathlib.Path, send: Run
) -> None:
    orders, bad = _file(tmp_path, GOOD, BAD, row("2", item="B"), UNKNOWN, row("3", item="C")), tmp_path / "bad.csv"
    with running(FakeRouter()) as fake:
        code, summary = send(fake, orders, "--rejects", bad)
        assert code == 0 and (summary["orders"], summary["refused"], summary["sent"]) == (3, 2, 2)
        told = list(csv.reader(bad.read_text("utf-8-sig").splitlines()))
        assert told[0][7:] == ["reject_reason", "reject_detail"]
        rows = {(line[0], line[4]): line[7] for line in told[1:]}
        assert rows == {
            ("2", "A"): "number_format",
            ("2", "B"): "order_with_faulty_row",
            ("3", "X"): "sku_unknown",
            ("3", "C"): "sku_unknown",
        }
        bad.write_text(bad.read_text("utf-8-sig").replace(",two,", ",2,").replace(",X,", ",A,"))
        code, summary = send(fake, bad, "--rejects", tmp_path / "still-bad.csv")
        assert code == 0 and summary["by_status"] == {"allocated": 2} and summary["refused"] == 0
        assert fake.known == {"1", "2", "3"}
        assert len((tmp_path / "still-bad.csv").read_text().splitlines()) == 1  # the header alone


@pytest.mark.parametrize(
    ("said", "text"),
    [
        ("[file]\nskip_lines = 1\n", "A report\n" + HEADER + BAD),
        ("", "sep=;\n" + (HEADER + BAD).replace(",", ";")),
        ('[file]\nencoding = "cp1252"\n', HEADER + row("2", pieces="two", street="Große Str")),
        ('[file]\nquote = ""\n', HEADER + row("2", pieces="two", street='"High St')),
        (f"[file]\ncolumn_names = {HEADER.strip().split(',')}\n", BAD),
        ('continuation = "blank_id"\n', HEADER + row("2") + row("", pieces="two", item="B")),
    ],
)
def test_rejects_have_the_form_of_the_file_whatever_it_is(
    said: str, text: str, tmp_path: pathlib.Path, mapping: pathlib.Path, send: Run
) -> None:
    mapping.write_text(said + PLAIN if said.startswith("cont") else PLAIN + said)
    encoding = "cp1252" if "cp1252" in said else "utf-8"
    orders, bad = tmp_path / "orders.csv", tmp_path / "bad.csv"
    orders.write_bytes(text.encode(encoding))
    with running(FakeRouter()) as fake:
        code, _ = send(fake, orders, "--rejects", bad)
        assert code == 1 and not fake.known
        bad.write_bytes(bad.read_bytes().replace(b"two", b"2"))
        code, summary = send(fake, bad)
        assert code == 0 and summary["refused"] == 0 and "2" in fake.known


def test_rejects_that_are_sent_back_untouched_are_refused_again_round_for_round(
    tmp_path: pathlib.Path, send: Run
) -> None:
    """Of a row that is too short, one that is too long, one behind an open quote, and what the router refused."""
    short, long = row("4").replace(",1 High St", ""), row("5", street="1 High St, Flat 2")
    swallowed = row("6", street='"High St') + row("7")
    orders = _file(tmp_path, GOOD, BAD, UNKNOWN, row("3", item="C"), short, long, swallowed)
    rounds = []
    with running(FakeRouter()) as fake:
        for number in range(3):
            bad = tmp_path / f"bad-{number}.csv"
            _, summary = send(fake, orders, "--rejects", bad)
            assert summary["refused"] == 6 and summary["by_status"]["rejected"] == 1
            assert summary["by_status"].get("allocated", 0) == (number == 0)  # order 1
            rows = list(csv.reader(io.StringIO(bad.read_text("utf-8-sig"), newline="")))
            rounds.append(sorted((told[0], told[7]) for told in rows[1:]))
            assert "Flat 2" in bad.read_text("utf-8-sig") and max(map(len, rows)) == 10
            orders = bad
    assert rounds[0] == rounds[1] == rounds[2]
    assert [reason for _, reason in rounds[0]] == [
        *("number_format", "sku_unknown", "sku_unknown", "row_shape", "row_shape"),
        *("quote_swallowed_rows", "quote_swallowed_rows"),
    ]


def test_rejects_of_whole_orders_alone_go_when_the_router_takes_them(tmp_path: pathlib.Path, send: Run) -> None:
    orders, bad = _file(tmp_path, UNKNOWN, row("3", item="C")), tmp_path / "bad.csv"
    with running(FakeRouter()) as fake:
        send(fake, orders, "--rejects", bad)
        mended = tmp_path / "mended.csv"
        mended.write_text(bad.read_text("utf-8-sig").replace(",X,", ",A,"))  # its reject_reason stays
        code, summary = send(fake, mended)
        assert code == 0 and summary["refused"] == 0 and summary["by_status"] == {"allocated": 1}


@pytest.mark.parametrize(
    ("bound", "code"), [((), 0), (("--max-refused", "2"), 0), (("--max-refused", "1"), 1), (("--max-refused", "0"), 1)]
)
def test_more_refused_than_allowed_fails_the_command(
    bound: tuple[str, ...], code: int, tmp_path: pathlib.Path, send: Run
) -> None:
    orders = _file(tmp_path, GOOD, BAD, UNKNOWN, row("4"))
    with running(FakeRouter()) as fake:
        ended, summary = send(fake, orders, *bound)
        assert ended == code and ("verdict" in summary) == bool(code)
        share = "50%" if not code else "49.9%"
        assert send(fake, orders, "--max-refused", share)[0] == code


@pytest.mark.parametrize("rows", [[BAD], [UNKNOWN], [BAD, UNKNOWN], ["x\n"]])
def test_when_everything_is_refused_the_command_fails_without_being_told_to(
    rows: list[str], tmp_path: pathlib.Path, send: Run
) -> None:
    with running(FakeRouter()) as fake:
        code, summary = send(fake, _file(tmp_path, *rows))
        assert code == 1 and summary["verdict"].startswith("All ")


def test_a_file_without_orders_is_no_failure(tmp_path: pathlib.Path, send: Run) -> None:
    with running(FakeRouter()) as fake:
        code, summary = send(fake, _file(tmp_path))
        assert code == 0 and summary["orders"] == 0


def test_json_lines_that_were_refused_keep_their_orders_and_say_why(tmp_path: pathlib.Path, capsys: Capture) -> None:
    orders, bad = tmp_path / "orders.ndjson", tmp_path / "bad.ndjson"
    lines = ['{"order_id":"1","lines":[{"sku":"A"}]}', '{"order_id":"2","lines":[{"sku":"X"}]} ']
    orders.write_text("\n".join(lines) + "\n")
    with running(FakeRouter()) as fake:
        assert main(["send", "--url", fake.url, "--key", "k", str(orders), "--rejects", str(bad)]) == 0
        [order] = map(json.loads, bad.read_text().splitlines())
        assert order["order_id"] == "2" and order["rejected"]["reason"] == "sku_unknown"
        bad.write_text(bad.read_text().replace('"X"', '"A"'))
        assert main(["send", "--url", fake.url, "--key", "k", str(bad)]) == 0 and fake.known == {"1", "2"}
    assert main(["send", "--dry-run", "--rejects", str(tmp_path / "b"), str(_text(tmp_path, '{"a":1\n{}\n'))]) == 0
    assert json.loads((tmp_path / "b").read_text().splitlines()[0])["unreadable"] == '{"a":1'


def _text(tmp_path: pathlib.Path, text: str) -> pathlib.Path:
    path = tmp_path / "text.ndjson"
    path.write_text(text)
    return path


def test_arrow_rows_that_were_refused_are_an_arrow_stream(tmp_path: pathlib.Path, capsys: Capture) -> None:
    orders, bad = tmp_path / "orders.arrow", tmp_path / "bad.arrow"
    table = pa.table({"order_id": ["1", "2", "3"], "lines": [[{"sku": sku}] for sku in ("X", "A", "X2")]})
    with pa.ipc.new_stream(str(orders), table.schema) as writer:
        writer.write_table(table, max_chunksize=2)
    with running(FakeRouter()) as fake:
        assert main(["send", "--url", fake.url, "--key", "k", str(orders), "--rejects", str(bad)]) == 0
        assert main(["send", "--url", fake.url, "--key", "k", str(bad), "--rejects", str(tmp_path / "again")]) == 1
    for path in (bad, tmp_path / "again"):
        rows = pa.ipc.open_stream(path.read_bytes()).read_all()
        assert rows.column_names == ["order_id", "lines", "reject_reason", "reject_detail"]
        assert rows["order_id"].to_pylist() == ["1", "3"]


def test_a_broken_connection_mixes_up_no_rejects(tmp_path: pathlib.Path, send: Run) -> None:
    rows = [row(str(number), item="X" if number % 7 == 0 else "A") for number in range(300)]
    bad = tmp_path / "bad.csv"
    with running(FakeRouter(break_after=[70, 95], swallow=7)) as fake:
        code, summary = send(fake, _file(tmp_path, *rows), "--rejects", bad)
        assert code == 0 and summary["reconnects"] == 2
    ids = [line.partition(",")[0] for line in bad.read_text("utf-8-sig").splitlines()[1:]]
    assert ids == [str(number) for number in range(0, 300, 7)]


def test_several_files_are_one_run(tmp_path: pathlib.Path, mapping: pathlib.Path, send: Run) -> None:
    mapping.write_text(f'across_files = "join"\n{PLAIN}')
    first = _file(tmp_path, row("1"), row("2"))
    second = _file(tmp_path, row("2", item="B"), BAD.replace("2,", "4,", 1), name="second.csv")
    with running(FakeRouter()) as fake:
        code, summary = send(fake, first, second, "--rejects", tmp_path / "bad.csv")
        assert code == 0 and summary["sent"] == 2 and summary["csv"]["order_lines"] == 3
        other = _file(tmp_path, name="other.csv", header=HEADER.replace("Price", "Price,More"))
        assert main(["send", "--url", fake.url, "--key", "k", "--mapping", str(tmp_path / "shop.toml"),
                     "--rejects", str(tmp_path / "bad.csv"), str(first), str(other)]) == 1  # fmt: skip


@pytest.mark.parametrize("group", ["all", "consecutive"])
def test_standard_input_is_a_file(
    group: str, mapping: pathlib.Path, send: Run, monkeypatch: pytest.MonkeyPatch, tmp_path: pathlib.Path
) -> None:
    mapping.write_text(f'group = "{group}"\n{PLAIN}')
    with running(FakeRouter()) as fake:
        monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO((HEADER + GOOD).encode())))
        code, summary = send(fake, "-")
        assert code == 0 and summary["sent"] == 1
    given = io.TextIOWrapper(io.BufferedReader(io.BytesIO(b'{"order_id":"9","lines":[{"sku":"A"}]}\n')))  # type: ignore[arg-type]
    monkeypatch.setattr(sys, "stdin", given)
    with running(FakeRouter()) as fake:
        assert main(["send", "--url", fake.url, "--key", "k", "-"]) == 0 and fake.known == {"9"}


def test_a_dry_run_needs_no_router_and_no_key(tmp_path: pathlib.Path, mapping: pathlib.Path, capsys: Capture) -> None:
    bad = tmp_path / "bad.csv"
    given = ["send", "--dry-run", "--mapping", str(mapping), "--rejects", str(bad), str(_file(tmp_path, GOOD, BAD))]
    assert main([*given, "--json"]) == 0
    summary = json.loads(capsys.readouterr().out)
    assert (summary["orders"], summary["refused"], summary["sent"]) == (2, 1, 0)
    assert len(bad.read_text().splitlines()) == 2
    assert main([*given, "--max-refused", "0"]) == 1 and "nothing was sent" in capsys.readouterr().out


def test_a_workbook_is_read_as_rows(tmp_path: pathlib.Path, send: Run) -> None:
    moment = dt.datetime(2026, 3, 2, 9)
    sheet: list[list[object]] = [
        HEADER.strip().split(","),
        [405358863537, moment, "b1", "1 High St", "A", 2, 9.99],
        [219000000000000000, moment, "b1", "1 High St", "A", 2, 10.5],
        ["00017", moment, "b1", "1 High St", "A", 2, 10.5],
    ]
    path, bad = tmp_path / "orders.xlsx", tmp_path / "bad.csv"
    path.write_bytes(workbook(sheet))
    with running(FakeRouter()) as fake:
        code, summary = send(fake, path, "--rejects", bad)
        assert code == 0 and fake.known == {"405358863537", "00017"}
        assert summary["csv"]["orders_refused"] == {"id_spoilt": 1}  # a sheet keeps 15 digits
        assert "2.19000000000000E+17,2026-03-02 09:00:00" in bad.read_text("utf-8-sig")


def test_a_zip_archive_and_a_missing_sheet_are_refused_in_words(
    tmp_path: pathlib.Path, mapping: pathlib.Path, capsys: Capture
) -> None:
    path = tmp_path / "orders.zip"
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("march.csv", HEADER)
    assert main(["send", "--dry-run", "--mapping", str(mapping), str(path)]) == 1
    assert "is a zip archive (march.csv): unpack it" in capsys.readouterr().err
    mapping.write_text(PLAIN + '[file]\nsheet = "March"\n')
    (tmp_path / "orders.xlsx").write_bytes(workbook([["Order"]]))
    assert main(["send", "--dry-run", "--mapping", str(mapping), str(tmp_path / "orders.xlsx")]) == 1
    assert "has no sheet 'March'; it has ['Orders']" in capsys.readouterr().err


@pytest.mark.parametrize("option", ["--rejects", "--events"])
def test_a_file_that_is_read_is_not_written_over(
    option: str, tmp_path: pathlib.Path, mapping: pathlib.Path, capsys: Capture
) -> None:
    orders = _file(tmp_path, GOOD)
    assert main(["send", "--dry-run", "--mapping", str(mapping), option, str(orders), str(orders)]) == 2
    assert "name another file" in capsys.readouterr().err and orders.read_text() == HEADER + GOOD


@pytest.mark.parametrize("bound", ["-1", "x", "101%", "1.5", "nan%", "%"])
def test_a_bound_that_is_none_is_wrong_usage(bound: str, capsys: Capture) -> None:
    with pytest.raises(SystemExit) as left:
        main(["send", "--max-refused", bound, "orders.ndjson"])
    assert left.value.code == 2


def test_check_says_all_faults_of_a_mapping_at_once(mapping: pathlib.Path, capsys: Capture) -> None:
    mapping.write_text(
        PLAIN.replace("Order", "", 0).replace("order_id", "order_no")
        + '[file]\ntime_zone = "Berlin"\ndecimal = 5\n[[filters]]\nreason = "x"\n[cells.total]\nfoo = 1\n'
    )
    assert main(["check", "--mapping", str(mapping)]) == 1
    said = capsys.readouterr().err
    told = ("file.decimal", "unknown field `foo`", "'order_no' is no field", "Berlin", "filter 1 (x) needs", "6 places")
    assert all(part in said for part in told), said
    mapping.write_text(
        PLAIN.replace("order_id", "order_no") + '[file]\ntime_zone = "Berlin"\n[[filters]]\nreason = "x"\n'
    )
    assert main(["check", "--mapping", str(mapping)]) == 1
    said = capsys.readouterr().err
    assert all(part in said for part in ("'order_no' is no field", "columns.order_id is missing", "Berlin", "filter 1"))


def test_check_says_which_fields_no_order_would_have(mapping: pathlib.Path, capsys: Capture) -> None:
    assert main(["check", "--mapping", str(mapping)]) == 1
    assert "ship_to.name, ship_to.city, ship_to.country" in capsys.readouterr().out
    place = '"ship_to.name" = "A"\n"ship_to.city" = "B"\n"ship_to.country" = "DE"\n'
    mapping.write_text(PLAIN + place)
    assert main(["check", "--mapping", str(mapping)]) == 0


def test_a_mapping_that_says_money_twice_is_warned_of_once(
    tmp_path: pathlib.Path, mapping: pathlib.Path, capsys: Capture
) -> None:
    place = '"ship_to.name" = "A"\n"ship_to.city" = "B"\n"ship_to.country" = "DE"\n'
    captured = '[[events]]\ntype = "payment_captured"\nevent_id = "paid"\n'
    mapping.write_text(PLAIN + place + '"payment.status" = "paid"\n' + captured)
    for command in (["check"], ["send", "--dry-run"]):
        for files in ([], [str(_file(tmp_path, GOOD))]) if command == ["check"] else ([str(_file(tmp_path, GOOD))],):
            given = [*command, "--mapping", str(mapping), *files]
            assert main(given) == 0
            told = capsys.readouterr().out
            assert told.count("can mean paid, and event 1 is of payment_captured") == 1, told
            assert "Take out one of the two" in told
    mapping.write_text(PLAIN + place + captured)
    assert main(["check", "--mapping", str(mapping)]) == 0 and "warning" not in capsys.readouterr().out


def test_check_tells_what_becomes_of_every_row(tmp_path: pathlib.Path, mapping: pathlib.Path, capsys: Capture) -> None:
    mapping.write_text(PLAIN + '"ship_to.name" = "A"\n"ship_to.city" = "B"\n"ship_to.country" = "DE"\n')
    assert main(["check", "--mapping", str(mapping), "--show", "1", str(_file(tmp_path, GOOD))]) == 0
    assert json.loads(capsys.readouterr().out.splitlines()[0])["order_id"] == "1"
    given = ["check", "--mapping", str(mapping), "--json", str(_file(tmp_path, GOOD, BAD))]
    assert main(given) == 1
    assert json.loads(capsys.readouterr().out)["csv"]["orders_refused"] == {"number_format": 1}
    assert main([*given, "--max-refused", "1"]) == 0


def test_check_names_orders_that_lack_what_a_router_needs(
    tmp_path: pathlib.Path, mapping: pathlib.Path, capsys: Capture
) -> None:
    place = '"ship_to.name" = "A"\n"ship_to.city" = "B"\n"ship_to.country" = "DE"\n'
    mapping.write_text(PLAIN + place)
    rows = [GOOD, row("2", street=""), row("3", street=" "), row("4", street="", item="B")]
    assert main(["check", "--mapping", str(mapping), "--json", str(_file(tmp_path, *rows))]) == 1
    assert json.loads(capsys.readouterr().out)["orders_lacking"] == {"ship_to.line1": 3}


def test_route_decides_rows(tmp_path: pathlib.Path, mapping: pathlib.Path, capsys: Capture) -> None:
    place = '"ship_to.name" = "A"\n"ship_to.city" = "B"\n"ship_to.country" = "DE"\n"ship_to.postcode" = "10115"\n'
    mapping.write_text(PLAIN + place)
    tables, out, bad = write_tables(tmp_path / "tables"), tmp_path / "answers.ndjson", tmp_path / "bad.csv"
    sku = json.loads((tables / "skus.ndjson").read_text().splitlines()[0])
    rows = [
        row("1", item=sku["sku"], price=f"{sku['price'] / 100:.2f}"),
        BAD,
        row("3", item="none"),
        row("4", item="none"),
    ]
    given = ["route", "--tables", str(tables), "--mapping", str(mapping), "--output", str(out), "--json"]
    assert main([*given, "--rejects", str(bad), str(_file(tmp_path, *rows))]) == 0
    summary = json.loads(capsys.readouterr().out)
    assert (summary["orders"], summary["refused"], summary["by_status"]["rejected"]) == (4, 3, 2)
    assert [json.loads(line)["order_id"] for line in out.read_text().splitlines()] == ["1", "3", "4"]
    assert [line.split(",")[0] for line in bad.read_text("utf-8-sig").splitlines()[1:]] == ["2", "3", "4"]
    assert main([*given, str(_file(tmp_path, BAD))]) == 1
