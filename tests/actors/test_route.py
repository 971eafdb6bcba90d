"""``route`` decides a file offline: the same input gives the same decisions, with a data folder and without."""

from __future__ import annotations

import datetime
import json
import pathlib
from typing import Any

import pyarrow as pa
import pytest

from actors.cli.main import main
from tests.labs.small_folder import ORDERS, SKUS, order, write_orders, write_tables

Capture = pytest.CaptureFixture[str]
Row = dict[str, Any]
AT = "2026-03-02T09:00:00Z"
PLACED_AT = datetime.datetime(2026, 3, 1, 12, tzinfo=datetime.UTC)

FORESEEN = {"placed_at_future_ms_max": 3 * 366 * 86_400_000}


class Desk:
    """Tables, a file of orders, and ``route`` over them."""

    def __init__(self, folder: pathlib.Path, capture: Capture) -> None:
        self.folder = folder
        self._capture = capture
        self.tables = write_tables(folder / "tables")
        unknown = [{"sku": "none", "qty": 1, "unit_price": 1}]
        rows = [order(number) for number in range(ORDERS - 2)]
        self.orders = write_orders(folder / "orders.ndjson", [*rows, order(0), order(ORDERS, lines=unknown)])
        self.config = folder / "config.json"
        self.config.write_text(json.dumps({"shards": 2, "log": {"log_bytes_max": 16 << 20, "disk_free_bytes_min": 0}}))

    def route(self, *more: str, tables: pathlib.Path | None = None) -> tuple[list[Row], Row]:
        """Acknowledgements and the summary."""
        output = self.folder / "answers.ndjson"
        given = [str(self.orders), "--tables", str(tables or self.tables), "--config", str(self.config)]
        assert main(["route", *given, "--output", str(output), "--json", *more]) == 0
        summary = json.loads(self._capture.readouterr().out)
        return [json.loads(line) for line in output.read_text().splitlines()], summary


@pytest.fixture
def desk(tmp_path: pathlib.Path, capsys: Capture) -> Desk:
    return Desk(tmp_path, capsys)


def test_every_order_of_the_file_is_answered_in_its_place(desk: Desk) -> None:
    answers, summary = desk.route()
    numbers = [*range(ORDERS - 2), 0, ORDERS]
    assert [answer["order_id"] for answer in answers] == [f"o-{number}" for number in numbers]
    assert summary["by_status"]["allocated"] == ORDERS - 1 and summary["by_status"]["rejected"] == 1
    assert (summary["orders"], summary["duplicates"], summary["unreadable"]) == (ORDERS, 1, 0)
    assert answers[-1]["reasons"] == ["sku_unknown"] and answers[-2]["duplicate"]


def test_the_same_input_at_the_same_time_twice_gives_the_same_answers_in_full(desk: Desk) -> None:
    rows = [{"sku": sku, "node": "BER", "on_hand": 3} for sku in SKUS]  # most orders find nothing: order matters
    (desk.tables / "stock.ndjson").write_text("".join(json.dumps(row) + "\n" for row in rows))
    first, before = desk.route("--at", AT)
    second, after = desk.route("--at", AT)
    assert before["by_status"]["backordered"] > before["by_status"]["allocated"] > 0
    assert first == second and before["state_hash"] == after["state_hash"]


def test_the_time_asked_for_decides_the_promise(desk: Desk) -> None:
    [answer, *_], _ = desk.route("--at", AT)
    assert answer["promise_date"] == "2026-03-04"  # a Monday, two days on the way
    [later, *_], _ = desk.route("--at", "2026-03-09T12:00:00+01:00")
    assert later["promise_date"] == "2026-03-11"


def test_orders_of_history_are_decided_each_as_of_its_day_and_kept(desk: Desk, capsys: Capture) -> None:
    """As docs/csv-channel.md says: from the first day on, in the order of time, and each known when it was placed."""
    desk.config.write_text(
        json.dumps({"shards": 2, "log": {"log_bytes_max": 16 << 20, "disk_free_bytes_min": 0}, "policy": FORESEEN})
    )
    days = ("2025-03-03", "2025-06-11", "2026-02-27", "2026-12-30")  # Monday, Wednesday, Friday, Wednesday
    rows = [order(number, placed_at=f"{day}T09:00:00Z") for number, day in enumerate(days)]
    desk.orders = write_orders(desk.folder / "history.ndjson", rows)
    data = str(desk.folder / "history")
    answers, summary = desk.route("--at", "2025-03-01T00:00:00Z", "--data", data)
    assert summary["by_status"]["allocated"] == len(days)
    assert [answer["promise_date"] for answer in answers] == ["2025-03-05", "2025-06-13", "2026-03-03", "2027-01-01"]
    assert main(["verify", "--data", data, "--json"]) == 0
    capsys.readouterr()
    again, summary = desk.route("--data", data)
    assert summary["duplicates"] == len(days) and [_decision(row) for row in again] == [
        _decision(row) for row in answers
    ]


def test_with_a_data_folder_the_decisions_are_the_same_and_kept(desk: Desk, capsys: Capture) -> None:
    without, _ = desk.route("--at", AT)
    data = str(desk.folder / "data")
    kept, summary = desk.route("--at", AT, "--data", data)
    assert [_decision(answer) for answer in kept] == [_decision(answer) for answer in without]
    assert main(["verify", "--data", data, "--json"]) == 0
    verdict = json.loads(capsys.readouterr().out)
    hashes = [shard["state_hash"] for shard in verdict["shards"]] + [verdict["ledger"]["state_hash"]]
    assert "".join(hashes) == summary["state_hash"] and verdict["orders"] == ORDERS - 1


def test_sent_again_into_the_same_data_folder_everything_is_a_duplicate_and_nothing_changes(desk: Desk) -> None:
    data, empty = str(desk.folder / "data"), desk.folder / "no-tables"
    empty.mkdir()
    first, before = desk.route("--data", data)
    again, after = desk.route("--data", data, tables=empty)
    known = ORDERS - 1  # a rejected order is judged anew
    assert after["duplicates"] == known and after["by_status"] == before["by_status"]
    assert [_decision(answer) for answer in again[:known]] == [_decision(answer) for answer in first[:known]]
    assert _ledger(after) == _ledger(before)


def test_without_an_output_file_the_answers_are_on_stdout_and_the_summary_on_stderr(
    desk: Desk, capsys: Capture
) -> None:
    kept, summary = desk.route("--at", AT)
    given = [str(desk.orders), "--tables", str(desk.tables), "--config", str(desk.config), "--at", AT]
    assert main(["route", *given, "--json"]) == 0
    printed = capsys.readouterr()
    assert [json.loads(line) for line in printed.out.splitlines()] == kept
    last = json.loads(printed.err.splitlines()[-1])
    assert last | {"elapsed_s": 0} == summary | {"elapsed_s": 0}
    assert main(["route", *given]) == 0
    assert capsys.readouterr().err.splitlines()[-1].startswith(f"{ORDERS} orders in ")


def test_arrow_and_json_orders_get_the_same_decisions(desk: Desk) -> None:
    as_json, _ = desk.route("--at", AT)
    rows = [json.loads(line) for line in desk.orders.read_text().splitlines()]
    desk.orders = desk.folder / "orders.arrow"
    table = pa.Table.from_pylist([_flat(row) for row in rows])
    with pa.ipc.new_stream(str(desk.orders), table.schema) as writer:
        writer.write_table(table)
    as_arrow, _ = desk.route("--at", AT)
    assert [_decision(answer) for answer in as_arrow] == [_decision(answer) for answer in as_json]


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["{orders}", "--tables", "{folder}/none"], "is not a folder"),
        (["{folder}/none", "--tables", "{tables}"], "is not a file"),
        (["{orders}", "--tables", "{tables}", "--config", "{orders}"], "--config"),
        (["{orders}", "--tables", "{tables}", "--at", "noon"], "write a time such as"),
        (["{orders}", "--tables", "{tables}", "--at", "2026-03-01"], "in which time zone"),
    ],
)
def test_wrong_usage_is_said_in_words(desk: Desk, capsys: Capture, arguments: list[str], said: str) -> None:
    names = {"orders": desk.orders, "folder": desk.folder, "tables": desk.tables}
    assert main(["route", *(argument.format(**names) for argument in arguments)]) == 2
    assert said in capsys.readouterr().err


def test_a_bad_table_row_fails_the_command_with_its_row_and_field(desk: Desk, capsys: Capture) -> None:
    (desk.tables / "skus.ndjson").write_text('{"sku":"A","name":"A","price":-1,"currency":"EUR","weight_g":1}\n')
    assert main(["route", str(desk.orders), "--tables", str(desk.tables)]) == 1
    assert "row 1" in capsys.readouterr().err


def _flat(row: Row) -> Row:
    return {
        "order_id": row["order_id"],
        "channel": row["channel"],
        "placed_at": PLACED_AT,
        "currency": row["currency"],
        **{f"customer_{name}": text for name, text in row["customer"].items()},
        **{f"ship_to_{name}": text for name, text in row["ship_to"].items()},
        "lines": row["lines"],
    }


def _decision(answer: Row) -> Row:
    """What was decided; the cursor says where it was written down, which is another thing."""
    return {name: value for name, value in answer.items() if name not in ("cursor", "duplicate", "detail")}


def _ledger(summary: Row) -> str:
    return str(summary["state_hash"])[-16:]
