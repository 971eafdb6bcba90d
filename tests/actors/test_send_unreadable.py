"""Files that cannot be read: cut, in another encoding, with a cell that is larger than memory; a sentence each."""

from __future__ import annotations

import gzip
import pathlib
import tracemalloc

import pytest

from actors.cli.main import main
from actors.client.row_source import RowSource
from adapters.channels.csv.load_mapping import load_mapping
from adapters.channels.csv.rows import LINE_CHARACTERS_MAX
from router.errors import Misconfigured
from tests.labs.csv_files import HEADER, PLAIN, row

Capture = pytest.CaptureFixture[str]
ORDERS = HEADER + row("1") + row("2")
MIB = 1 << 20


def _said(tmp_path: pathlib.Path, capsys: Capture, mapping: str, file: bytes, name: str = "orders.csv") -> str:
    """What ``check`` and ``send`` say of the file, the same."""
    said, path = tmp_path / "shop.toml", tmp_path / name
    said.write_text(mapping)
    path.write_bytes(file)
    told = []
    for command in (["check"], ["send", "--dry-run"]):
        assert main([*command, "--mapping", str(said), "--rejects", str(tmp_path / "bad"), str(path)]) == 1
        told.append(capsys.readouterr().err)
    assert told[0] == told[1] and told[0].startswith("order-router: ")
    return told[0]


@pytest.mark.parametrize(
    ("encoding", "file"),
    [
        ("utf-16", ORDERS.encode("utf-16")[:-1]),
        ("utf-16-le", ORDERS.encode("utf-16-le")[:-1]),
        ("utf-16", ORDERS.encode()),  # without the mark that says the order of its bytes
        ("utf-16", ORDERS.encode("utf-16") + b"\x00\xd8\x00\x00"),
        ("utf-32", ORDERS.encode("utf-32")[:-3]),
    ],
)
@pytest.mark.parametrize("group", ["all", "consecutive"])
def test_a_text_that_is_cut_or_in_another_encoding_is_refused_in_words(
    encoding: str, file: bytes, group: str, tmp_path: pathlib.Path, capsys: Capture
) -> None:
    mapping = f'group = "{group}"\n{PLAIN}[file]\nencoding = "{encoding}"\n'
    said = _said(tmp_path, capsys, mapping, file)
    assert f"cannot be read as '{encoding}'" in said and "file.encoding" in said and "orders.csv" in said


@pytest.mark.parametrize("encoding", ["utf-16", "utf-16-be", "utf-7", "utf-8", "cp037", "gb18030", "iso2022_jp"])
def test_a_text_that_is_whole_is_read(encoding: str, tmp_path: pathlib.Path) -> None:
    (tmp_path / "orders.csv").write_bytes(ORDERS.encode(encoding))
    mapping = load_mapping(f'{PLAIN}[file]\nencoding = "{encoding}"\n'.encode())
    with RowSource([str(tmp_path / "orders.csv")], mapping, {}) as source:
        assert [order.order_id for order in source.orders()] == ["1", "2"]


@pytest.mark.parametrize(
    "encoding",
    [
        "idna",
        "punycode",
        "unicode_escape",
        "raw-unicode-escape",
        "rot13",
        "base64",
        "hex",
        "undefined",
        "x",
        "",
        "a\\u0000",
    ],
)
def test_a_codec_that_is_no_encoding_of_files_is_a_fault_of_the_mapping(
    encoding: str, tmp_path: pathlib.Path, capsys: Capture
) -> None:
    said = _said(tmp_path, capsys, f'{PLAIN}[file]\nencoding = "{encoding}"\n', ORDERS.encode())
    assert "file.encoding" in said and "write utf-8-sig" in said


@pytest.mark.parametrize("cut", [3, 9, 20])
def test_a_packed_file_that_is_cut_is_refused_in_words(cut: int, tmp_path: pathlib.Path, capsys: Capture) -> None:
    said = _said(tmp_path, capsys, PLAIN, gzip.compress(ORDERS.encode())[:-cut], "orders.csv.gz")
    assert "orders.csv.gz cannot be unpacked to its end" in said


@pytest.mark.parametrize("before", ["", '"'])
def test_a_cell_of_300_mib_is_refused_by_name_and_never_held(before: str, tmp_path: pathlib.Path) -> None:
    path = tmp_path / "orders.csv"
    path.write_text(HEADER + row("1") + f"2,2026-03-02 09:00:00,{before}")
    with path.open("r+b") as file:
        file.truncate(300 * MIB)  # bytes that are 0, of which the disk holds none
    with RowSource([str(path)], load_mapping(PLAIN.encode()), {}) as source:
        tracemalloc.start()
        with pytest.raises(Misconfigured, match=r"Line 3 of .*orders.csv has more than 1,048,576 .*column 'Buyer'"):
            list(source.orders())
        _, peak_bytes = tracemalloc.get_traced_memory()
        tracemalloc.stop()
    assert peak_bytes < 12 * MIB


def test_a_line_is_read_up_to_its_bound(tmp_path: pathlib.Path) -> None:
    path, mapping = (
        tmp_path / "orders.csv",
        load_mapping(f'{PLAIN}"attributes.note" = "Note"\n'.replace("Note", "N").encode()),
    )
    wide = ",".join(f"c{at}" for at in range(20))
    start = row("1").strip() + ",n,"
    path.write_text(
        HEADER.strip()
        + f",N,{wide}\n"
        + start
        + ",".join(["x" * 52_000] * 20)
        + "\n"
        + row("2").strip()
        + ",n"
        + "," * 20
        + "\n"
    )
    assert len(path.read_text().splitlines()[1]) <= LINE_CHARACTERS_MAX
    with RowSource([str(path)], mapping, {}) as source:
        assert [order.order_id for order in source.orders()] == ["1", "2"]
