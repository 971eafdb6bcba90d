"""Failing syncs and a jumping wall clock for a router's processes, by a library that is loaded into each of them."""

from __future__ import annotations

import mmap
import pathlib
import shutil
import struct
import subprocess

from router.errors import Unsupported

_SOURCE = pathlib.Path(__file__).with_name("shim.c")
_LIBRARY, _CONTROL = "faults.so", "faults"
_FIELDS = ("clock_ahead_s", "syncs_to_fail", "failed_pid", "failed_count", "syncs_after_failure")
_FIELD = struct.Struct("<q")


def missing() -> str:
    """Why this machine cannot load the library; empty when it can."""
    return "" if shutil.which("gcc") else "gcc is not installed, and the fault library has to be compiled"


class Shim:
    """Compiled into ``folder``; ``variables`` is the environment of the processes that are to meet its faults."""

    def __init__(self, folder: pathlib.Path) -> None:
        if missing():
            raise Unsupported(missing())
        library, control = folder / _LIBRARY, folder / _CONTROL
        subprocess.run(
            ["gcc", "-O2", "-shared", "-fPIC", "-Wall", "-Werror", "-o", library, _SOURCE, "-ldl"], check=True
        )
        control.write_bytes(bytes(_FIELD.size * len(_FIELDS)))
        with control.open("r+b") as file:
            self._memory = mmap.mmap(file.fileno(), 0)
        self.variables = {"LD_PRELOAD": str(library), "ORDER_ROUTER_FAULTS": str(control)}

    def __enter__(self) -> Shim:
        return self

    def __exit__(self, *_: object) -> None:
        self._memory.close()

    def __getitem__(self, name: str) -> int:
        value: int = _FIELD.unpack_from(self._memory, _FIELD.size * _FIELDS.index(name))[0]
        return value

    def __setitem__(self, name: str, value: int) -> None:
        _FIELD.pack_into(self._memory, _FIELD.size * _FIELDS.index(name), value)
