"""A checkpoint is written by a copy of the process: it says the state of one moment, and nobody waits for it."""

from __future__ import annotations

import errno
import os
import pathlib
import signal
import subprocess
import sys
import threading
import time

import numpy as np

from actors.owners.checkpointer import Checkpointer
from actors.process import process_copy
from actors.process.process_copy import ProcessCopy
from actors.store.checkpoints import read_latest

WORDS = 1 << 23  # 64 MB: much longer to write than to begin


def test_it_holds_the_state_of_its_moment_whatever_changes_meanwhile(tmp_path):
    checkpointer = Checkpointer(tmp_path, 1_000, 0)
    state = np.arange(WORDS)
    checkpointer.start(7, [1, 2], {"state": state}, 1_000)
    state[:] = -1
    checkpointer.join()
    kept, _ = read_latest(tmp_path)
    assert kept is not None and kept.sequence == 7
    assert np.array_equal(kept.arrays["state"], np.arange(WORDS))


def test_the_next_is_due_after_so_much_log_and_not_while_one_is_written(tmp_path):
    checkpointer = Checkpointer(tmp_path, 1_000, 500)
    assert not checkpointer.due(1_499) and checkpointer.due(1_500)
    checkpointer.start(1, [1], {"state": np.zeros(WORDS)}, 1_500)
    assert not checkpointer.due(9_999)
    checkpointer.join()
    assert not checkpointer.due(2_499) and checkpointer.due(2_500)


def test_one_that_cannot_be_written_is_said_and_the_next_is_tried(tmp_path, capfd):
    nowhere = tmp_path / "gone"
    checkpointer = Checkpointer(nowhere, 1_000, 0)
    checkpointer.start(1, [1], {"state": np.zeros(3)}, 1_000)
    checkpointer.join()
    assert "FileNotFoundError" in capfd.readouterr().err
    nowhere.mkdir()
    assert checkpointer.due(2_000)
    checkpointer.start(2, [1], {"state": np.zeros(3)}, 2_000)
    checkpointer.join()
    assert checkpointer.read_latest().sequence == 2


def test_one_for_which_there_is_no_process_is_left_out_and_the_next_is_tried(tmp_path, monkeypatch, capfd):
    """The owner goes on: a checkpoint is never the only copy of anything."""
    checkpointer = Checkpointer(tmp_path, 1_000, 0)

    def full():
        raise OSError(errno.ENOMEM, "Cannot allocate memory")

    with monkeypatch.context() as broken:
        broken.setattr(os, "fork", full)
        checkpointer.start(1, [1], {"state": np.zeros(3)}, 1_000)
    assert "sequence 1 was left out" in capfd.readouterr().err
    assert checkpointer.read_latest() is None and not checkpointer.due(1_999) and checkpointer.due(2_000)


def test_an_ended_copy_does_not_wait_for_the_next_checkpoint_to_be_buried(tmp_path):
    checkpointer = Checkpointer(tmp_path, 1_000, 0)
    checkpointer.start(1, [1], {"state": np.zeros(3)}, 1_000)
    children = pathlib.Path(f"/proc/self/task/{threading.get_native_id()}/children")

    def no_child_is_left():
        assert not checkpointer.due(1_001)
        return not children.read_text()

    _wait(no_child_is_left)


def test_a_copy_that_is_stuck_is_ended(monkeypatch):
    monkeypatch.setattr(process_copy, "PATIENCE_S", 0.2)
    began_s = time.monotonic()
    copy = ProcessCopy("stuck", lambda: time.sleep(3_600))
    copy.join()
    assert 0.2 <= time.monotonic() - began_s < 5 and not copy.runs()


def test_a_copy_neither_outlives_its_process_nor_keeps_its_files_open(tmp_path):
    """Or a client would wait for the answer of a process that was killed, and a restart for its locks."""
    program = (
        "import os, time, sys\n"
        "from actors.process.process_copy import ProcessCopy\n"
        "copy = ProcessCopy('copy', lambda: (open(sys.argv[1], 'w').write(str(os.getpid())), time.sleep(3600)))\n"
        "time.sleep(3600)\n"
    )
    told = tmp_path / "number"
    with subprocess.Popen([sys.executable, "-c", program, str(told)], stdout=subprocess.PIPE) as process:
        number = _number_in(told)
        opened = {os.readlink(entry) for entry in pathlib.Path(f"/proc/{number}/fd").iterdir() if int(entry.name) > 2}
        process.send_signal(signal.SIGKILL)
    assert not opened
    _wait(lambda: not pathlib.Path(f"/proc/{number}").exists() or _state(number) == "Z")


def _number_in(told: pathlib.Path) -> int:
    _wait(lambda: told.exists() and told.read_text() != "")
    return int(told.read_text())


def _state(number: int) -> str:
    return pathlib.Path(f"/proc/{number}/stat").read_text().rpartition(")")[2].split()[0]


def _wait(is_so, seconds: float = 20.0) -> None:
    until_s = time.monotonic() + seconds
    while not is_so():
        assert time.monotonic() < until_s, "it took too long"
        time.sleep(0.02)
