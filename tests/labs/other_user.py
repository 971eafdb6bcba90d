"""Another user of this machine. What is done as one is done in a process that can do no more than one can."""

from __future__ import annotations

import codecs
import os
import pathlib
import pickle
import shutil
import tempfile
from collections.abc import Callable, Iterator
from typing import TypeVar

import pytest

T = TypeVar("T")

NOBODY = 65_534
needs_root = pytest.mark.skipif(os.geteuid() != 0, reason="only root can become another user")


def as_other_user(work: Callable[[], T]) -> T:
    """What ``work`` returns. A fork and no new program, for whatever that would need may lie in a home folder."""
    codecs.lookup("raw_unicode_escape")  # Python would load it in the fork, from where another user cannot
    receiver, sender = os.pipe()
    child = os.fork()
    if child == 0:
        _be_other_user(work, sender)
    os.close(sender)
    with open(receiver, "rb") as pipe:
        told = pipe.read()
    os.waitpid(child, 0)
    outcome = pickle.loads(told)
    if isinstance(outcome, BaseException):
        raise outcome
    return outcome  # type: ignore[no-any-return]


def _be_other_user(work: Callable[[], object], sender: int) -> None:
    """Never returns."""
    try:
        os.setgroups([])
        os.setgid(NOBODY)
        os.setuid(NOBODY)
        outcome: object = work()
    except BaseException as fault:
        outcome = fault
    with open(sender, "wb") as pipe:
        pipe.write(pickle.dumps(outcome))
    os._exit(0)


@pytest.fixture
def open_ground() -> Iterator[pathlib.Path]:
    """A folder that every user can reach and list, as `tmp_path` is not."""
    yield from _ground()


@pytest.fixture(scope="module")
def open_ground_of_module() -> Iterator[pathlib.Path]:
    yield from _ground()


def _ground() -> Iterator[pathlib.Path]:
    ground = pathlib.Path(tempfile.mkdtemp(prefix="ground-", dir="/tmp"))
    ground.chmod(0o755)
    yield ground
    shutil.rmtree(ground)


def can_read(paths: list[pathlib.Path]) -> list[pathlib.Path]:
    """Which of these, and of all that can be found below them, another user gets anything out of."""
    return as_other_user(lambda: [path for path in _found(paths) if _gives(path)])


def _found(paths: list[pathlib.Path]) -> list[pathlib.Path]:
    found = list(paths)
    for path in found:
        if os.path.isdir(path) and not os.path.islink(path) and os.access(path, os.R_OK | os.X_OK):
            found += path.iterdir()
    return found


def _gives(path: pathlib.Path) -> bool:
    try:
        if os.path.isdir(path):
            os.listdir(path)
        else:
            os.close(os.open(path, os.O_RDONLY | os.O_NONBLOCK))
    except OSError:
        return False
    return True
