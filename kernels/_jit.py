"""The only place that names numba options and argument types.

Every kernel is compiled eagerly from an explicit signature, so that importing a kernel module either
loads machine code from the cache or compiles it once: no order ever pays for compilation. The cache
folder of a module is named by a digest of its source and of every kernel module it builds on, because numba
by itself does not notice that a helper in another file has changed, and by the bounds-check switch,
which numba leaves out of its key.
"""

from __future__ import annotations

import functools
import hashlib
import os
import pathlib
import re
from collections.abc import Callable
from typing import Any, TypeVar, cast

import numpy as np

_HERE = pathlib.Path(__file__).parent


_IMPORT = re.compile(r"^\s*(?:from|import) kernels((?:\.\w+)*)(?: import (\w+))?", re.MULTILINE)


def modules() -> list[str]:
    """Every module of kernels by its name below the package, rooms with dots: ``plan.allocate``."""
    found = (path.relative_to(_HERE).with_suffix("").parts for path in _HERE.rglob("*.py"))
    return sorted(".".join(parts) for parts in found if not parts[-1].startswith("_"))


def _file(module: str) -> pathlib.Path:
    return _HERE.joinpath(*module.split(".")).with_suffix(".py")


@functools.cache
def _sources(module: str) -> frozenset[str]:
    """Names of the kernel modules that a kernel module consists of: itself and what it imports, all the way."""
    found, waiting = set(), [module]
    while waiting:
        name = waiting.pop()
        if name in found or not _file(name).exists():
            continue
        found.add(name)
        for package, member in _IMPORT.findall(_file(name).read_text(encoding="utf-8")):
            waiting += [package[1:], f"{package}.{member}"[1:]]  # the member of a room is a module
    return frozenset(found)


@functools.cache
def cache_folder(module: str) -> pathlib.Path:
    """Folder of a module's compiled kernels; ``ORDER_ROUTER_CACHE`` moves its parent elsewhere."""
    base = os.environ.get("ORDER_ROUTER_CACHE") or os.path.join(
        os.environ.get("XDG_CACHE_HOME") or os.path.expanduser("~/.cache"), "order-router"
    )
    digest = hashlib.blake2b(os.environ.get("NUMBA_BOUNDSCHECK", "0").encode(), digest_size=8)
    for name in sorted(_sources(module)):
        digest.update(name.encode() + b"\0" + _file(name).read_bytes())
    return pathlib.Path(base) / "kernels" / f"{module}-{digest.hexdigest()}"


os.environ.setdefault("NUMBA_NUM_THREADS", "1")

from numba import config, from_dtype, njit, types  # noqa: E402  (numba reads its environment at import)

_F = TypeVar("_F", bound=Callable[..., Any])


def _array(dtype: types.Type, ndim: int, readonly: bool) -> types.Array:
    return types.Array(dtype, ndim, "C", readonly=readonly)


# IN_*: read-only contiguous input (accepts mutable arrays too); OUT_*: contiguous array written in place.
IN_U8, IN_U16, IN_U32, IN_U64 = (_array(t, 1, True) for t in (types.uint8, types.uint16, types.uint32, types.uint64))
IN_I8, IN_I16, IN_I32, IN_I64 = (_array(t, 1, True) for t in (types.int8, types.int16, types.int32, types.int64))
OUT_U8, OUT_U16, OUT_U32, OUT_U64 = (
    _array(t, 1, False) for t in (types.uint8, types.uint16, types.uint32, types.uint64)
)
OUT_I8, OUT_I16, OUT_I32, OUT_I64 = (_array(t, 1, False) for t in (types.int8, types.int16, types.int32, types.int64))
IN_U8_2D, IN_I32_2D, IN_I64_2D = (_array(t, 2, True) for t in (types.uint8, types.int32, types.int64))
OUT_U8_2D, OUT_I32_2D, OUT_I64_2D = (_array(t, 2, False) for t in (types.uint8, types.int32, types.int64))
I8, I16, I32, I64 = types.int8, types.int16, types.int32, types.int64
U8, U16, U32, U64 = types.uint8, types.uint16, types.uint32, types.uint64
VOID = types.void


def records(dtype: np.dtype[np.void], ndim: int = 1, readonly: bool = False) -> types.Array:
    """Array of structured rows; one row is handed on as a single pointer, so it serves as scratch with named parts."""
    return types.Array(from_dtype(dtype), ndim, "C", readonly=readonly)


# Kernels own no memory, so numba's reference counts are left out (``_nrt``): handing an array from rule to rule
# cost an atomic addition each time and doubled the time of the JSON scanner. Nobody calls kernels from C.
_OPTIONS: dict[str, Any] = {"nogil": True, "error_model": "numpy", "_nrt": False, "no_cfunc_wrapper": True}

# A way in from Python that nobody takes was a quarter of what compiling takes. Called all the same, numba jumps to
# address 0: a test keeps rules among kernels.
_RULE_OPTIONS: dict[str, Any] = {"inline": "never", "no_cpython_wrapper": True, **_OPTIONS}


def kernel(result: types.Type, *arguments: types.Type) -> Callable[[_F], _F]:
    """Compile a loop over rows for exactly one signature, without the GIL, cached on disk."""

    def compile_or_load(function: _F) -> _F:
        config.CACHE_DIR = str(cache_folder(function.__module__.partition(".")[2]))  # type: ignore[attr-defined]
        return cast("_F", njit(result(*arguments), cache=True, **_OPTIONS)(function))

    return compile_or_load


def rule(function: _F) -> _F:
    """A row rule called from kernels: inlined by LLVM into its caller, never called from Python."""
    compiled: _F = njit(**_RULE_OPTIONS)(function)
    return compiled


def inlined_rule(function: _F) -> _F:
    """A small row rule on the hottest path: LLVM has to inline it, however many arrays it is handed."""
    compiled: _F = njit(forceinline=True, **_RULE_OPTIONS)(function)
    return compiled
