"""The command line: help, exit codes, JSON, and the small commands whole."""

from __future__ import annotations

import contextlib
import fcntl
import gzip
import json
import os
import pathlib
import socket
import subprocess
import sys
import time

import lmdb
import pytest

from actors.care.doctor import folder, machine
from actors.cli import table_files
from actors.cli.main import build_parser, main
from actors.cli.output import UsageError
from actors.store.data_folder import DataFolder
from actors.store.keys import digest_of, load_keys
from actors.store.lmdb_log import LmdbLog
from actors.store.log_store import DATABASES_MAX, log_folder, log_key
from router.config import Config, LogConfig, load_config
from router.errors import Misconfigured
from router.log.kinds import Kind
from router.log.records import frame
from tests.labs.fake_router import FakeRouter, running

COMMANDS = (
    *("backup", "bench", "check", "doctor", "events", "explain", "invoices", "keys", "load", "orders", "partners"),
    *("payments", "release", "restore", "route", "send", "serve", "shipments", "stock", "tables", "verify", "waves"),
    "work",
)


@pytest.mark.parametrize("command", COMMANDS)
def test_every_command_explains_itself(command: str, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as left:
        main([command, "--help"])
    assert left.value.code == 0
    assert f"order-router {command}" in capsys.readouterr().out


def test_help_is_instant_because_nothing_heavy_is_imported() -> None:
    heavy = "{'ray', 'numba', 'pyarrow', 'aiohttp', 'numpy', 'msgspec'}"
    code = f"import sys, actors.cli.main as m; m.build_parser(); print(sorted({heavy} & set(sys.modules)))"
    started_s = time.monotonic()
    finished = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert finished.stdout.strip() == "[]"
    assert time.monotonic() - started_s < 5


def test_wrong_usage_is_2(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as left:
        main(["send"])
    assert left.value.code == 2
    assert build_parser().prog == "order-router"


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (
            ["serve", "--data", "{folder}", "--port", "8080", "--shards", "0"],
            "--shards: takes a whole number from 1 to",
        ),
        (
            ["serve", "--data", "{folder}", "--port", "8080", "--shards", "-1"],
            "--shards: takes a whole number from 1 to",
        ),
        (["serve", "--data", "{folder}", "--port", "8080", "--shards", "257"], "from 1 to 256, not '257'"),
        (["serve", "--data", "{folder}", "--port", "8080", "--shards", "two"], "from 1 to 256, not 'two'"),
        (["serve", "--data", "{folder}", "--port", "0"], "--port: takes a whole number from 1 to 65,535, not '0'"),
        (["doctor", "--port", "65536"], "--port: takes a whole number from 0 to 65,535"),
        (["bench", "stream", "--shards", "0"], "--shards: takes a whole number from 1 to 256"),
        (["bench", "pipeline", "--orders", "0"], "--orders: takes a whole number from 1 upwards, not '0'"),
    ],
)
def test_a_number_out_of_bounds_is_wrong_usage_and_nothing_is_made(
    arguments: list[str], said: str, tmp_path: pathlib.Path, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit) as left:
        main([argument.format(folder=tmp_path / "data") for argument in arguments])
    assert left.value.code == 2 and said in capsys.readouterr().err
    assert not (tmp_path / "data").exists()


def test_a_key_is_shown_once_stored_as_a_hash_and_revoked(
    tmp_path: pathlib.Path, capsys: pytest.CaptureFixture[str]
) -> None:
    where = ["--data", str(tmp_path), "--json"]
    assert main(["keys", "add", "shop", "channel", *where]) == 0
    secret = json.loads(capsys.readouterr().out)["key"]
    [stored] = load_keys(tmp_path)
    assert stored.hash == digest_of(secret.encode()).hex()
    assert main(["keys", "list", *where]) == 0
    listed = capsys.readouterr().out
    assert json.loads(listed)["keys"][0]["role"] == "channel" and secret not in listed
    assert main(["keys", "add", "shop", "viewer", *where]) == 1
    assert "exists" in capsys.readouterr().err
    assert main(["keys", "revoke", "shop", *where]) == 0
    assert load_keys(tmp_path) == []
    assert main(["keys", "revoke", "shop", *where]) == 1


def test_keys_of_a_folder_that_is_none_are_refused(tmp_path: pathlib.Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["keys", "list", "--data", str(tmp_path / "none")]) == 1
    assert "is no folder" in capsys.readouterr().err


def load(fake: FakeRouter, *arguments: object) -> int:
    return main(["load", "--url", fake.url, "--key", "k", "--json", *map(str, arguments)])


def test_a_folder_of_tables_is_loaded_in_the_order_they_refer_to_each_other(
    tmp_path: pathlib.Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "stock.ndjson").write_text('{"sku":"A"}\n')
    (tmp_path / "nodes.csv").write_text("node\nN\n")
    (tmp_path / "skus.part1.ndjson").write_text('{"sku":"A"}')
    (tmp_path / "skus.part2.ndjson").write_text('{"sku":"B"}\n')
    with running(FakeRouter()) as fake:
        assert load(fake, "all", tmp_path) == 0
    assert [(table, kind) for table, kind, _ in fake.puts] == [
        ("skus", "application/x-ndjson"),
        ("nodes", "text/csv"),
        ("stock", "application/x-ndjson"),
    ]
    assert fake.puts[0][2] == b'{"sku":"A"}\n{"sku":"B"}\n'
    assert [table["rows"] for table in json.loads(capsys.readouterr().out)["tables"]] == [2, 2, 1]


def test_a_table_that_is_no_file_or_unpacks_to_too_much_is_refused_at_once(
    tmp_path: pathlib.Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    os.mkfifo(tmp_path / "skus.ndjson")
    (tmp_path / "rates.csv").mkdir()
    with gzip.open(tmp_path / "taxes.ndjson.gz", "wb") as bomb:
        bomb.write(b"{}\n" * 100_000)
    with gzip.open(tmp_path / "nodes.csv.gz", "wb") as bomb:
        bomb.write(b"x" * 300_000)  # one line
    with gzip.open(tmp_path / "stock.ndjson.gz", "wb") as large:
        large.write(b"{}\n" * 100_000)
    monkeypatch.setattr(table_files, "BODY_BYTES_MAX", 10_000)
    monkeypatch.setattr(table_files, "TABLE_BYTES_MAX", 100_000)
    with running(FakeRouter()) as fake:
        for table, file in (("skus", "skus.ndjson"), ("all", ""), ("rates", "rates.csv")):
            assert load(fake, table, tmp_path / file) == 2
            assert "is no regular file" in capsys.readouterr().err
        for table, file in (("taxes", "taxes.ndjson.gz"), ("nodes", "nodes.csv.gz")):
            assert load(fake, table, tmp_path / file) == 2
            assert "more than 100,000 bytes" in capsys.readouterr().err
        assert not fake.puts
        assert load(fake, "stock", tmp_path / "stock.ndjson.gz") == 0
    assert max(len(body) for _, _, body in fake.puts) < 20_000 and sum(len(body) for _, _, body in fake.puts) == 300_000


@pytest.mark.parametrize(
    "said",
    [
        b"", b"null", b"[" * 100_000, b'{"format":1,"shards":0,"hash_key":"00"}', b"\xff\xfe", b" " * 10_000,
        b'{"format":1,"shards":1,"hash_key":"' + b"zz" * 16 + b'"}',
        b'{"format":1,"shards":1,"hash_key":"' + b"00" * 15 + b'"}',
        b'{"format":1,"shards":99999999999999999999,"hash_key":"' + b"00" * 16 + b'"}',
        b'{"format":1,"shards":100000,"hash_key":"' + b"00" * 16 + b'"}',
        b'{"format":2,"shards":1,"hash_key":"' + b"00" * 16 + b'"}',
        b'{"format":1,"shards":1,"hash_key":"' + b"00" * 16 + b'","order_id_scope":"moon"}',
    ],
)  # fmt: skip
def test_a_meta_file_that_nobody_wrote_is_refused_in_words(said: bytes, tmp_path: pathlib.Path) -> None:
    (tmp_path / "meta.json").write_bytes(said)
    with pytest.raises(Misconfigured, match=r"meta\.json|reads format 1"):
        DataFolder(tmp_path).create(Config())
    with pytest.raises(Misconfigured):
        DataFolder(tmp_path).key()


def test_a_meta_file_that_is_no_file_is_refused_and_not_waited_for(
    tmp_path: pathlib.Path, capsys: pytest.CaptureFixture[str]
) -> None:
    os.mkfifo(tmp_path / "meta.json")
    assert main(["verify", "--data", str(tmp_path)]) == 1
    assert "restore it from a copy" in capsys.readouterr().err


@pytest.mark.parametrize("files", [40, 64, 1_000])
def test_a_router_that_may_open_too_few_files_says_so_and_makes_nothing(files: int, tmp_path: pathlib.Path) -> None:
    code = f"import resource; resource.setrlimit(resource.RLIMIT_NOFILE, ({files}, {files}))\n"
    arguments = ["serve", "--port", "8080", "--data", str(tmp_path / "d")]
    code += f"from actors.cli.main import main; raise SystemExit(main({arguments}))"
    ended = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=60)
    assert (ended.returncode, ended.stdout) == (1, "") and "Traceback" not in ended.stderr
    assert f"may open {files} files" in ended.stderr and "ulimit -n 1024" in ended.stderr
    assert not (tmp_path / "d").exists()


def test_a_router_asks_for_all_the_files_that_it_may_open() -> None:
    code = "import resource; resource.setrlimit(resource.RLIMIT_NOFILE, (256, 4096))\n"
    code += "from actors.process.files import allow_files; allow_files()\n"
    code += "print(resource.getrlimit(resource.RLIMIT_NOFILE))"
    ended = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert ended.stdout == "(4096, 4096)\n"


def test_an_empty_file_replaces_the_table_by_an_empty_one(
    tmp_path: pathlib.Path, capsys: pytest.CaptureFixture[str]
) -> None:
    for name in ("skus.ndjson", "promotions.csv", "stock.ndjson"):
        (tmp_path / name).touch()
    with running(FakeRouter()) as fake:
        assert load(fake, "promotions", tmp_path / "promotions.csv") == 0
        assert json.loads(capsys.readouterr().out) == {"tables": [{"table": "promotions", "version": 1, "rows": 0}]}
        assert load(fake, "all", tmp_path) == 0
    assert [table for table, _, _ in fake.puts] == ["promotions", "skus", "promotions", "stock"]
    assert {body for _, _, body in fake.puts} == {b""}
    assert [table["version"] for table in json.loads(capsys.readouterr().out)["tables"]] == [2, 3, 4]


def test_stock_that_ends_with_a_whole_piece_is_not_followed_by_an_empty_one(
    tmp_path: pathlib.Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("actors.cli.table_files.BODY_BYTES_MAX", 8)
    (tmp_path / "stock.ndjson").write_text('{"sku":"A"}\n{"sku":"B"}\n')
    with running(FakeRouter()) as fake:
        assert load(fake, "stock", tmp_path / "stock.ndjson") == 0
    assert [body for _, _, body in fake.puts] == [b'{"sku":"A"}\n', b'{"sku":"B"}\n']
    assert json.loads(capsys.readouterr().out)["tables"][0]["rows"] == 2


def test_a_refused_table_fails_the_command_and_shows_the_rows(
    tmp_path: pathlib.Path, capsys: pytest.CaptureFixture[str]
) -> None:
    file = tmp_path / "skus.ndjson"
    file.write_text("{}\n")
    with running(FakeRouter(table_errors=[{"row": 1, "field": "sku", "detail": "is missing"}])) as fake:
        assert main(["load", "--url", fake.url, "--key", "k", "skus", str(file)]) == 1
    assert "row 1, sku: is missing" in capsys.readouterr().out


def test_a_table_that_the_router_refuses_before_it_has_all_of_it_is_told_as_it_said(
    tmp_path: pathlib.Path, capsys: pytest.CaptureFixture[str]
) -> None:
    file = tmp_path / "skus.ndjson"
    file.write_bytes(b'{"sku":"A"}\n' * 2_000_000)
    with running(FakeRouter(put_bytes_max=1_000)) as fake:
        for command in (["load"], ["tables", "put"]):
            assert main([*command, "--url", fake.url, "--key", "k", "skus", str(file)]) == 1
            assert "The router answered 413: the body is too large" in capsys.readouterr().err


def test_a_router_that_is_not_there_is_said_in_words(
    tmp_path: pathlib.Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "skus.ndjson").write_text("{}\n")
    assert main(["load", "--url", "http://127.0.0.1:9", "--key", "k", "all", str(tmp_path)]) == 1
    assert "No router answers at http://127.0.0.1:9" in capsys.readouterr().err


def test_doctor_finds_this_machine_fit(tmp_path: pathlib.Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["doctor", "--json", "--port", "0"]) == 0
    findings = json.loads(capsys.readouterr().out)["findings"]
    assert {finding["subject"] for finding in findings} >= {"Python", "Packages", "Sync", "Port", "Open files"}
    assert all(finding["remedy"] for finding in findings if finding["level"] != "ok")


def test_doctor_says_that_a_port_is_taken() -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        finding = machine.check(pathlib.Path("."), taken.getsockname()[1])[-1]
    assert finding.level == "warning" and "--port" in finding.remedy


def test_doctor_of_a_folder_that_is_none_fails_with_a_remedy(
    tmp_path: pathlib.Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["doctor", "--data", str(tmp_path), "--json"]) == 1
    last = json.loads(capsys.readouterr().out)["findings"][-1]
    assert last["level"] == "fault" and "serve --data" in last["remedy"]


def test_doctor_finds_a_damaged_log_record(tmp_path: pathlib.Path) -> None:
    data = DataFolder(tmp_path)
    data.create(Config())
    with contextlib.closing(LmdbLog(data.ledger, LogConfig(log_bytes_max=16 << 20, disk_free_bytes_min=0), 1)) as log:
        for sequence in (1, 2, 3):
            ticket = log.append(sequence, 0, frame(Kind.STOCK, 0, sequence, [b"8 bytes."], tables_version=1, now_ms=1))
        log.wait(ticket)
    assert folder.check(tmp_path)[-1].found == "3 records, all checksums right"
    with lmdb.open(str(log_folder(data.ledger)), max_dbs=DATABASES_MAX) as environment:
        database = environment.open_db(b"log")
        with environment.begin(write=True, db=database) as writing:
            writing.put(log_key(2, 0), bytes(writing.get(log_key(2, 0)))[:-1] + b"X")
    finding = next(finding for finding in folder.check(tmp_path) if finding.subject == "Log ledger")
    assert finding.level == "fault" and "damaged after 1 records" in finding.found and "backup" in finding.remedy


def test_doctor_names_the_process_that_uses_a_folder(tmp_path: pathlib.Path) -> None:
    assert folder.lock_owner(tmp_path) == ""
    with (tmp_path / "lock").open("w+") as lock:
        lock.write("4711\n")
        lock.flush()
        assert folder.lock_owner(tmp_path) == ""
        fcntl.flock(lock, fcntl.LOCK_EX)
        assert folder.lock_owner(tmp_path) == "4711"


@pytest.mark.parametrize(
    ("text", "named"),
    [
        ('{"shards": 0}', "shards"),
        ('{"gateway_stream_batches": 99}', "in_flight_batches_max"),
        ('{"odd": 1}', "odd"),
        ('{"limits": {"batch_rows_beside_events": 0}}', "at least one row"),
    ],
)
def test_a_configuration_that_does_not_fit_is_refused_by_name(text: str, named: str) -> None:
    with pytest.raises(ValueError, match=named):
        load_config(text.encode())


@pytest.mark.parametrize("name", ["skus.txt", "skus.txt.gz"])
def test_a_table_of_csv_under_another_name_is_told_once_how_it_is_called(name: str, tmp_path: pathlib.Path) -> None:
    path, text = tmp_path / name, b"\xef\xbb\xbfsku,name\r\nA,Lamp\r\nB,Desk\r\n"
    path.write_bytes(gzip.compress(text) if name.endswith(".gz") else text)
    with pytest.raises(UsageError, match=r"looks like CSV, for its first line names columns \(sku,name\)"):
        list(table_files.bodies_of("skus", [str(path)]))


@pytest.mark.parametrize("line", [b'{"sku":"A","name":"Lamp"}', b'{"tags":["name","sku","b"]}', b"", b"Lamp,4"])
def test_what_names_no_column_goes_to_the_router_as_json_lines(line: bytes, tmp_path: pathlib.Path) -> None:
    (tmp_path / "skus.txt").write_bytes(line)
    [body] = table_files.bodies_of("skus", [str(tmp_path / "skus.txt")])
    assert body.content.rstrip(b"\n") == line
