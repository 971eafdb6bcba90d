"""Kernels are compiled once: in the order they build on each other, with progress, by processes that may die."""

from __future__ import annotations

import os
import pathlib
import signal
import subprocess
import sys
import time
from collections.abc import Sequence

import pytest

from actors.cli import first_start
from actors.run import warm_up as module
from actors.run.compile_pool import Order, compile_all
from actors.run.warm_up import CHECKSUM, warm_up
from actors.store.locks import FolderLock
from kernels import _jit
from router.errors import Misconfigured

BUILDS_ON = {
    "words": set(),
    "text": {"words"},
    "scan": {"words", "text"},
    "layout": set(),
    "plan": {"layout"},
    "claim": {"layout", "plan"},
    "alone": set(),
}
WEIGHT = {"words": 1, "text": 2, "scan": 5, "layout": 1, "plan": 3, "claim": 9, "alone": 4}
# Compiles by waiting a little; writes down what began and ended, a line each.
FAKE = """
import os, sys, time
written = os.open(sys.argv[1], os.O_WRONLY | os.O_APPEND | os.O_CREAT)
for line in sys.stdin:
    os.write(written, f"{os.getpid()} begins {line}".encode())
    time.sleep(0.02)
    os.write(written, f"{os.getpid()} ends {line}".encode())
    sys.stdout.write(line)
    sys.stdout.flush()
"""
REASONS = ("reasons", "admit.score_risk")  # one of rules only, and one with a kernel that builds on it


def _python(code: str, *arguments: object) -> list[str]:
    return [sys.executable, "-c", code, *map(str, arguments)]


def _forget(_: str) -> None:
    """Neither kept nor shown."""


def test_the_heaviest_comes_as_early_as_what_it_builds_on_allows() -> None:
    order, begun = Order(BUILDS_ON, WEIGHT), []
    while (name := order.next()) is not None:
        begun.append(name)
        order.is_done(name)
    assert begun == ["layout", "plan", "claim", "words", "text", "scan", "alone"]
    assert (order.done, order.total) == (7, 7)


def test_nothing_is_handed_out_before_all_that_it_builds_on_is_done() -> None:
    order = Order(BUILDS_ON, WEIGHT)
    begun = [order.next() for _ in range(4)]
    assert begun == ["layout", "words", "alone", None]
    order.is_done("words")
    assert (order.next(), order.next()) == ("text", None)
    assert str(order) == "1 of 7 (layout, alone, text)"


def test_processes_keep_that_order_and_are_started_once(tmp_path: pathlib.Path) -> None:
    kept, told = [], []
    compile_all(Order(BUILDS_ON, WEIGHT), _python(FAKE, tmp_path / "steps"), 2, kept.append, told.append)
    steps = [line.split() for line in (tmp_path / "steps").read_text().splitlines()]
    ended: set[str] = set()
    for _, step, name in steps:
        assert step == "ends" or BUILDS_ON[name] <= ended, steps
        ended |= {name} if step == "ends" else set()
    assert len({process for process, _, _ in steps}) == 2
    assert sorted(kept) == sorted(BUILDS_ON)
    assert told[0] == "compiling kernels: 0 of 7 (layout, words)"
    assert all(text.startswith("compiling kernels: ") for text in told)


@pytest.mark.parametrize(
    ("code", "said"),
    [
        ("input(); raise SystemExit(3)", "ended with 3"),
        ("input(); import os; os.kill(os.getpid(), 9)", "was killed by SIGKILL"),
        ("raise SystemExit(4)", "ended with 4"),
    ],
)
def test_a_process_that_dies_is_told_in_words_and_the_others_end(code: str, said: str) -> None:
    before = _children()
    with pytest.raises(Misconfigured, match=f"kernels.layout {said}"):
        compile_all(Order({"layout": set(), "plan": {"layout"}}, WEIGHT), _python(code), 2, _forget, _forget)
    assert _children() == before


def _children() -> set[str]:
    return set(pathlib.Path(f"/proc/self/task/{os.getpid()}/children").read_text().split())


# --- the cache ------------------------------------------------------------------------------------------


@pytest.fixture
def folder(tmp_path: pathlib.Path, monkeypatch: pytest.MonkeyPatch) -> pathlib.Path:
    """An empty cache, for two small modules."""
    monkeypatch.setenv("ORDER_ROUTER_CACHE", str(tmp_path))
    monkeypatch.setattr(module, "modules", lambda: REASONS)
    return _jit.cache_folder("admit.score_risk")


def _compiled() -> tuple[int, list[str]]:
    """How many modules a start compiles, and what it says meanwhile."""
    told: list[str] = []
    return warm_up(told.append), told


def test_a_second_start_compiles_nothing_starts_nobody_and_says_nothing(
    folder: pathlib.Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    count, told = _compiled()
    assert count == 2 and told[0] == "compiling kernels: 0 of 2 (reasons)"
    assert [path.suffix for path in sorted(folder.rglob("*.nb[ci]"))] == [".nbc", ".nbi"]
    monkeypatch.setattr(module, "_WORKER", _python("raise SystemExit('started')"))
    assert _compiled() == (0, [])


def _cut(path: pathlib.Path) -> None:
    path.write_bytes(path.read_bytes()[:-100])


def _turn_a_bit(path: pathlib.Path) -> None:
    content = bytearray(path.read_bytes())
    content[len(content) // 2] ^= 1
    path.write_bytes(content)


@pytest.mark.parametrize("harm", [_cut, _turn_a_bit, pathlib.Path.unlink])
@pytest.mark.parametrize("which", ["*.nbi", "*.nbc", CHECKSUM])
def test_a_folder_that_is_not_whole_is_compiled_again_and_no_other(folder: pathlib.Path, harm, which) -> None:
    _compiled()
    other = _jit.cache_folder("reasons") / CHECKSUM
    written_ns = other.stat().st_mtime_ns
    (path,) = folder.rglob(which)
    if harm is _cut and which == CHECKSUM:
        path.write_bytes(b"")
    else:
        harm(path)
    count, _ = _compiled()
    assert count == 1 and _compiled() == (0, [])
    assert other.stat().st_mtime_ns == written_ns
    load = _python("import kernels.admit.score_risk as m; print(sum(m.score_risk.stats.cache_hits.values()))")
    assert subprocess.run(load, capture_output=True, text=True, check=True).stdout == "1\n"


def test_a_compile_that_was_killed_begins_again(folder: pathlib.Path, monkeypatch: pytest.MonkeyPatch) -> None:
    slow = ("reasons", "admit.validate")  # the second takes most of a second
    code = f"""
from actors.run import warm_up as module
module.modules = lambda: {slow}
module.warm_up(lambda text: print(text, flush=True))
"""
    with subprocess.Popen(_python(code), start_new_session=True, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        assert any("1 of 2 (admit.validate)" in line for line in process.stdout)
        process.send_signal(signal.SIGKILL)
    assert _until_nobody_runs(process.pid)
    half = _jit.cache_folder("admit.validate")
    assert not (half / CHECKSUM).exists() and not list(half.rglob("*.nbc")), "its process ended with who started it"
    monkeypatch.setattr(module, "modules", lambda: slow)
    assert _compiled()[0] == 1 and _compiled() == (0, []), "what had been compiled is kept"


def _until_nobody_runs(session: int) -> bool:
    """Whether all processes of a session end soon."""
    deadline_s = time.monotonic() + 10
    while time.monotonic() < deadline_s:
        try:
            os.killpg(session, 0)
        except ProcessLookupError:
            return True
        time.sleep(0.02)
    return False


def test_who_comes_second_waits_and_finds_what_the_first_compiled(folder: pathlib.Path) -> None:
    folder.parent.mkdir(parents=True)
    first, said = FolderLock(folder.parent), []

    def show(text: str) -> None:
        said.append(text)
        first.close()

    assert warm_up(show) == 2 and said[0] == f"waiting for process {os.getpid()}, which compiles kernels"


def test_a_cache_that_cannot_be_written_is_told_with_the_way_out(
    tmp_path: pathlib.Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "file").touch()
    monkeypatch.setenv("ORDER_ROUTER_CACHE", str(tmp_path / "file"))
    with pytest.raises(Misconfigured, match="Not a directory.*ORDER_ROUTER_CACHE"):
        warm_up(_forget)


def test_a_kernel_that_does_not_compile_is_told(
    folder: pathlib.Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    broken = "import sys; input(); raise TypeError('no such kernel')"
    monkeypatch.setattr(module, "_WORKER", _python(broken))
    with pytest.raises(Misconfigured, match="kernels.reasons ended with 1"):
        warm_up(_forget)
    assert "no such kernel" in capfd.readouterr().err
    assert not (_jit.cache_folder("reasons") / CHECKSUM).exists()


# --- what is shown --------------------------------------------------------------------------------------


def _shown(monkeypatch: pytest.MonkeyPatch, seconds: Sequence[int]) -> None:
    """A warm-up that tells how far it is once a second."""
    clock_s = [0.0]
    monkeypatch.setattr(time, "monotonic", lambda: clock_s[0])

    def told(show) -> int:
        for at in seconds:
            clock_s[0] = float(at)
            show(f"compiling kernels: {at} of 41 (claim.claim)")
        return 41

    monkeypatch.setattr(module, "warm_up", told)
    first_start.compile_kernels()


def test_lines_are_occasional_where_they_stay(monkeypatch, capsys) -> None:
    _shown(monkeypatch, range(13))
    assert capsys.readouterr().err.splitlines() == [
        first_start.FIRST,
        *(f"compiling kernels: {at} of 41 (claim.claim)" for at in (1, 6, 11)),
        "compiled kernels: 41 modules in 12 s",
    ]


def test_a_terminal_has_one_line(monkeypatch, capsys) -> None:
    monkeypatch.setattr(sys.stderr, "isatty", lambda: True)
    _shown(monkeypatch, range(4))
    written = capsys.readouterr().err
    assert written.startswith(f"\r\x1b[K{first_start.FIRST}\n")
    assert written.count("\n") == 2 and written.endswith("\r\x1b[Kcompiled kernels: 41 modules in 3 s\n")
    assert written.count("\r\x1b[K") == 5


def test_nothing_is_said_when_nothing_is_compiled(monkeypatch, capsys) -> None:
    monkeypatch.setattr(module, "warm_up", lambda show: 0)
    first_start.compile_kernels()
    assert capsys.readouterr() == ("", "")


@pytest.mark.parametrize(
    "arguments",
    [
        ["serve", "--data", "{folder}", "--port", "1"],
        ["route", "{folder}/orders", "--tables", "{folder}"],
        ["verify", "--data", "{folder}"],
        ["restore", "{folder}", "--to", "{folder}/new"],
        ["doctor", "--data", "{folder}", "--cut-to", "{folder}/new"],
        ["bench", "stream"],
    ],
    ids=lambda arguments: arguments[0],
)
def test_commands_compile_before_they_import_what_would(tmp_path: pathlib.Path, arguments: list[str]) -> None:
    """Imported before, kernels would be compiled one after the other, unseen."""
    (tmp_path / "orders").touch()
    told = f"""
import importlib, sys
from actors.cli.main import main
def compile_kernels():
    print([name for name in sys.modules if name.startswith("kernels.")])
    raise SystemExit
importlib.import_module("actors.cli.{arguments[0]}").compile_kernels = compile_kernels
main({[part.format(folder=tmp_path) for part in arguments]})
"""
    assert subprocess.run(_python(told), capture_output=True, text=True, check=True).stdout == "[]\n"
