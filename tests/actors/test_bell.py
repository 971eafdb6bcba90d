"""The bell: whoever waits hears it, whatever comes and goes on the other side."""

from __future__ import annotations

import multiprocessing
import os
import pathlib
import signal
import threading
import time

import pytest

from actors.store.bell import Bell, Listener
from actors.store.lmdb_log import LmdbLog
from router.config import LogConfig
from router.log.kinds import Kind
from router.log.records import frame


@pytest.fixture
def path(tmp_path: pathlib.Path) -> pathlib.Path:
    return tmp_path / "shared" / "bell"


def test_a_ring_is_heard_once_and_what_was_rung_before_the_wait_counts(path: pathlib.Path) -> None:
    bell, listener = Bell(path), Listener(path)
    assert not listener.wait(0.0)
    for _ in range(3):
        bell.ring()
    assert listener.wait(5.0) and not listener.wait(0.01)
    bell.ring()
    assert listener.wait(0.0)


def test_everybody_hears_and_who_does_not_listen_costs_nothing(path: pathlib.Path) -> None:
    bells, listeners = [Bell(path), Bell(path)], [Listener(path) for _ in range(5)]
    bells[1].ring()
    assert all(listener.wait(5.0) for listener in listeners)
    listeners.pop().close()
    bells[0].ring()
    assert all(listener.wait(5.0) for listener in listeners)


def test_who_waits_is_woken_at_once(path: pathlib.Path) -> None:
    bell, listener = Bell(path), Listener(path)
    began = time.monotonic()
    threading.Timer(0.3, bell.ring).start()
    assert listener.wait(20.0) and time.monotonic() - began < 5


def test_it_tells_whether_somebody_rang_lately(path: pathlib.Path) -> None:
    bell, other = Bell(path), Bell(path)
    assert not bell.rang_within(3_600)
    other.ring()
    assert bell.rang_within(60)
    time.sleep(0.05)
    assert not bell.rang_within(0.04)
    other.ring()
    for _ in range(2):
        bell.close()
    bell.ring()
    assert not bell.rang_within(60) and other.rang_within(60)


def test_a_listener_that_was_first_follows_the_bell_that_comes(path: pathlib.Path) -> None:
    listener = Listener(path)
    assert not listener.wait(0.01)
    bell = Bell(path)
    listener.wait(0.0)  # the slow look, after which it knows the file
    bell.ring()
    assert listener.wait(5.0)


def test_a_bell_that_was_made_anew_is_heard_after_one_slow_look(path: pathlib.Path) -> None:
    """A router that ends takes its shared folder with it; the old file may still be open somewhere."""
    old, listener = Bell(path), Listener(path)
    path.unlink()
    new = Bell(path)
    new.ring()
    listener.wait(0.0)
    new.ring()
    assert listener.wait(5.0)
    old.ring()
    assert not listener.wait(0.05)


def test_without_inotify_a_listener_only_waits(path: pathlib.Path, monkeypatch: pytest.MonkeyPatch) -> None:
    class Libc:
        def inotify_init1(self, _: int) -> int:
            return -1

    monkeypatch.setattr("actors.store.bell.ctypes.CDLL", lambda _: Libc())
    bell, listener = Bell(path), Listener(path)
    bell.ring()
    began = time.monotonic()
    assert not listener.wait(0.2) and time.monotonic() - began >= 0.19 and listener.fileno() == -1
    listener.close()


def test_a_ring_never_fails(path: pathlib.Path) -> None:
    bell = Bell(path)
    os.close(bell._file)
    bell.ring()


def _ring_for_ever(path: pathlib.Path) -> None:
    bell = Bell(path)
    while True:
        bell.ring()


def test_who_rings_may_be_killed_in_the_middle_of_it(path: pathlib.Path) -> None:
    spawn = multiprocessing.get_context("fork")
    listener = Listener(path)
    for _ in range(5):
        process = spawn.Process(target=_ring_for_ever, args=(path,))
        process.start()
        deadline = time.monotonic() + 10
        while not listener.wait(0.1):
            assert time.monotonic() < deadline
        assert process.pid is not None
        os.kill(process.pid, signal.SIGKILL)
        process.join()
        listener.hear()
    assert not listener.wait(0.05)


def test_a_log_rings_when_outcomes_are_durable_and_not_for_inputs(tmp_path: pathlib.Path, path: pathlib.Path) -> None:
    log = LmdbLog(tmp_path / "shard", LogConfig(), 2, bell=Bell(path))
    listener = Listener(path)
    try:
        for part, kind, heard in ((0, Kind.ORDERS, False), (1, Kind.OUTCOMES, True)):
            log.wait(log.append(1, part, frame(kind, part, 1, [bytes(8)], tables_version=1, now_ms=1)))
            assert listener.wait(5.0 if heard else 0.1) == heard
            assert log.last_sequence(part) == 1
    finally:
        log.close()
