"""What ``serve`` does when Ray is gone and it starts again as a new image of itself; no Ray runs here."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from typing import Any

import pytest

from actors.cli.main import main
from actors.process import environment
from actors.run import supervisor
from actors.run.supervisor import SIGNALS, STARTED_AGAIN, Supervisor, _Hand
from actors.store.data_folder import DataFolder
from router.config import Config


@pytest.fixture
def _own_signals() -> Iterator[None]:
    kept = {number: signal.getsignal(number) for number in SIGNALS}
    yield
    for number, handler in kept.items():
        signal.signal(number, handler)
    signal.pthread_sigmask(signal.SIG_UNBLOCK, SIGNALS)


@pytest.fixture
def _own_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    """``serve`` sets up the environment of its process, which here is that of all tests."""
    monkeypatch.setattr(environment, "prepare", lambda **_: None)
    monkeypatch.setenv("RAY_AUTH_MODE", "token")
    monkeypatch.setenv("PYTHONUNBUFFERED", "1")


def _supervisor(folder: Any) -> Supervisor:
    made = Supervisor(str(folder), "127.0.0.1", 1, Config(), None, False)
    made._heed_signals()
    return made


@pytest.mark.usefixtures("_own_signals")
def test_a_sigterm_while_a_dead_ray_is_ended_stops_the_router_instead_of_starting_it_again(tmp_path, monkeypatch):
    images: list[Any] = []
    monkeypatch.setattr(supervisor, "kill_ray", lambda: os.kill(os.getpid(), signal.SIGTERM))
    monkeypatch.setattr(os, "execve", lambda *image: images.append(image))
    told = _supervisor(tmp_path)
    told._start_again()
    assert told._stopping.is_set() and images == []


@pytest.mark.usefixtures("_own_signals")
def test_without_one_the_same_command_starts_again_and_a_signal_waits_for_it(tmp_path, monkeypatch):
    images: list[Any] = []
    monkeypatch.setattr(supervisor, "kill_ray", lambda: None)
    monkeypatch.setattr(os, "execve", lambda *image: images.append(image))
    _supervisor(tmp_path)._start_again()
    [(_, command, environment)] = images
    assert command[0] and environment[STARTED_AGAIN]
    assert set(SIGNALS) <= signal.pthread_sigmask(signal.SIG_BLOCK, ())


@pytest.mark.usefixtures("_own_signals", "_own_environment")
def test_a_port_that_another_program_has_is_refused_before_anything_starts(tmp_path, capsys, monkeypatch):
    monkeypatch.setattr(supervisor, "PORT_PATIENCE_S", 0.3)
    with socket.create_server(("127.0.0.1", 0)) as other:
        port = other.getsockname()[1]
        assert main(["serve", "--data", str(tmp_path / "data"), "--port", str(port)]) == 1
    told = capsys.readouterr()
    assert told.out == "" and f"port {port} of 127.0.0.1" in told.err and "--port" in told.err


def test_what_libraries_print_neither_reaches_the_reader_of_the_ready_line_nor_waits_for_it():
    """A pipe holds 64 KiB; who starts ``serve`` may read one line of it."""
    said = (
        "import os; from actors.run.supervisor import _give_stdout_back, _keep_stdout\n"
        "kept = _keep_stdout(); print('x' * 200_000, flush=True); os.write(kept, b'ready\\n')\n"
        "print('y' * 200_000, flush=True); _give_stdout_back(kept)\n"
    )
    command = [sys.executable, "-c", said]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL) as process:
        assert process.wait(60) == 0 and process.stdout is not None
        assert process.stdout.read() == b"ready\n"


def test_a_port_that_its_owner_is_giving_up_is_waited_for(tmp_path):
    other = socket.create_server(("127.0.0.1", 0))
    waiting = Supervisor(str(tmp_path), "127.0.0.1", other.getsockname()[1], Config(), None, False)
    threading.Timer(0.5, other.close).start()
    waiting._refuse_taken_port()


@pytest.mark.usefixtures("_own_environment")
def test_a_new_image_goes_on_as_it_was_configured_whatever_the_file_says_now(tmp_path, monkeypatch):
    served: list[Config] = []
    monkeypatch.setattr(supervisor, "serve", lambda folder, host, port, config, *_: served.append(config) or 0)
    data, file = DataFolder(tmp_path / "data"), tmp_path / "router.toml"
    file.write_text("linger_ms = 7\n", encoding="utf-8")
    command = ["serve", "--data", str(data.path), "--port", "1", "--config", str(file)]
    assert main(command) == 0 and served[-1].linger_ms == 7
    data.create(served[-1])
    data.keep_config(served[-1])
    file.write_text("linger_ms = 'broken'\n", encoding="utf-8")
    assert main(command) == 2, "a new start reads what it is given"
    monkeypatch.setenv(STARTED_AGAIN, "1")
    assert main(command) == 0 and served[-1] == served[0]


def test_a_signal_that_is_heeded_beyond_the_timeout_does_not_make_the_wait_endless() -> None:
    """As on a busy machine, where ``serve`` heeded a SIGTERM only when Ray had started, a minute later."""
    hand, done = _Hand(), threading.Event()
    former = signal.signal(signal.SIGUSR1, lambda *_: time.sleep(0.3))
    try:
        hand.begin(lambda: done.wait(20))
        threading.Timer(0.1, os.kill, (os.getpid(), signal.SIGUSR1)).start()
        began_s = time.monotonic()
        assert not hand.has_finished(0.2)
        assert time.monotonic() - began_s < 5
        done.set()
        assert hand.has_finished(20)
    finally:
        signal.signal(signal.SIGUSR1, former)
        done.set()


def test_what_ended_the_work_is_raised_to_who_waits_and_the_hand_works_on() -> None:
    hand = _Hand()
    hand.begin(lambda: 1 / 0)
    with pytest.raises(ZeroDivisionError):
        hand.has_finished(20)
    hand.begin(lambda: None)
    assert hand.has_finished(20)
