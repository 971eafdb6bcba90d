"""Takes the arguments that kernels get on the real path of orders, so that each can be timed alone on them.

Orders of a mix are routed in one process while every kernel that ``router`` imports is wrapped; of each, the call with
the most bytes is kept, copied before it ran, because outputs and scratch are arguments too.
"""

from __future__ import annotations

import contextlib
import importlib
import pathlib
import sys
import tempfile
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np

from actors.run.route import route
from bench.harness.tables import write_tables
from bench.harness.workload import Workload
from kernels._jit import modules
from router.config import Config
from router.wire.batch import WireBatch
from router.wire.lines import LineSplitter
from router.wire.ndjson import decode_block


@dataclass
class Call:
    """One call of a kernel; ``arguments()`` gives a fresh copy, since running it changes them."""

    kernel: Callable[..., Any]
    kept: tuple[Any, ...]

    def arguments(self) -> tuple[Any, ...]:
        return tuple(_copied(value) for value in self.kept)

    @property
    def nbytes(self) -> int:
        return sum(value.nbytes for value in _arrays(self.kept))


def public_kernels() -> dict[str, Callable[..., Any]]:
    """Every compiled kernel, by ``file.name``. Row rules have no signature of their own and are left out."""
    found = {}
    for module_name in modules():
        module = importlib.import_module(f"kernels.{module_name}")
        for name, value in vars(module).items():
            # a kernel has an explicit signature and compiles no other; a row rule compiles what its caller needs
            is_kernel = getattr(value, "_can_compile", True) is False
            if is_kernel and value.py_func.__module__ == module.__name__:
                found[f"{module_name}.{name}"] = value
    return found


def record(mix: str, orders: int) -> dict[str, Call]:
    """The heaviest call of each kernel while one batch of orders is routed."""
    calls: dict[str, Call] = {}
    with tempfile.TemporaryDirectory(prefix="order-router-kernels-") as folder:
        workload, tables = Workload(mix), pathlib.Path(folder)
        write_tables(workload, orders, tables)
        limits = Config().limits
        splitter = LineSplitter(limits)
        body = b"".join(workload.ndjson(orders))

        def batches() -> Iterator[WireBatch]:
            calls.clear()  # what loading the tables called is not the path of an order
            for block in [*splitter.feed(body), *splitter.finish()]:
                yield decode_block(block, limits)

        with _wrapped(calls):
            route(batches(), tables, Config(), None, len)
    return calls


@contextlib.contextmanager
def _wrapped(calls: dict[str, Call]) -> Iterator[None]:
    """Put a recorder in place of every kernel, wherever a module of the router or of kernels names it."""
    known = {id(function): (name, function) for name, function in public_kernels().items()}
    changed: list[tuple[Any, str, Any]] = []
    for module_name, module in list(sys.modules.items()):
        if module_name.partition(".")[0] in ("router", "kernels"):
            for attribute, value in list(vars(module).items()):
                if id(value) in known:
                    changed.append((module, attribute, value))
                    setattr(module, attribute, _recorder(*known[id(value)], calls))
    try:
        yield
    finally:
        for module, attribute, value in changed:
            setattr(module, attribute, value)


def _recorder(name: str, function: Callable[..., Any], calls: dict[str, Call]) -> Callable[..., Any]:
    def run(*arguments: Any) -> Any:
        call = Call(function, arguments)
        if name not in calls or call.nbytes > calls[name].nbytes:
            calls[name] = Call(function, call.arguments())
        return function(*arguments)

    return run


def _arrays(values: tuple[Any, ...]) -> Iterator[np.ndarray[Any, Any]]:
    """All arrays among arguments, those of groups too."""
    for value in values:
        if isinstance(value, tuple):
            yield from _arrays(value)
        elif isinstance(value, np.ndarray):
            yield value


def _copied(value: Any) -> Any:
    """A writable array becomes a new one; a read-only one is nobody's to change and stays."""
    if isinstance(value, tuple):
        return type(value)(*map(_copied, value))
    return value.copy() if isinstance(value, np.ndarray) and value.flags.writeable else value
