"""The only place that names numba options and argument types.

Every kernel is compiled eagerly from an explicit signature, so that importing a kernel module either
loads machine code from the cache or compiles it once: no order ever pays for compilation. The cache
folder of a module is named by a digest of its source and of every kernel module it builds on, because numba
by itself does not notice that a helper in another file has changed; and of what else decides over the machine
code: the compiler, the processor, the bounds-check switch, which numba leaves out of its key, and where the sources
lie. So whatever is in a folder belongs together, and a folder that is whole stays whole.
"""

from __future__ import annotations

import functools
import hashlib
import os
import pathlib
import re
import sys
from collections.abc import Callable
from typing import Any, TypeVar, cast

import numpy as np

os.environ.setdefault("NUMBA_NUM_THREADS", "1")  # numba reads its environment when it is imported

import numba
from llvmlite import binding as llvm
from numba import config, from_dtype, njit, types

_HERE = pathlib.Path(__file__).parent
_THIS = "_jit"  # every kernel module builds on this one
_IMPORT = re.compile(r"^\s*(?:from|import) kernels((?:\.\w+)*)(?: import ([\w ,]+|\([^)]*\)))?", re.MULTILINE)


@functools.cache
def modules() -> tuple[str, ...]:
    """Every module of kernels by its name below the package, rooms with dots: ``plan.allocate``."""
    found = (path.relative_to(_HERE).with_suffix("").parts for path in _HERE.rglob("*.py"))
    return tuple(sorted(".".join(parts) for parts in found if not parts[-1].startswith("_")))


@functools.cache
def _source(module: str) -> bytes:
    return _HERE.joinpath(*module.split(".")).with_suffix(".py").read_bytes()


@functools.cache
def _imports(module: str) -> frozenset[str]:
    """The kernel modules that one names itself."""
    named: set[str] = set()
    for package, members in _IMPORT.findall(_source(module).decode()):
        named.add(package[1:])
        named.update(f"{package}.{member}"[1:] for member in re.findall(r"\w+", members))  # modules of a room, say
    return frozenset(named & {_THIS, *modules()})


@functools.cache
def _sources(module: str) -> frozenset[str]:
    """The kernel modules that one consists of: itself and what it imports, all the way."""
    found, waiting = set(), [module]
    while waiting:
        name = waiting.pop()
        if name not in found:
            found.add(name)
            waiting += _imports(name)
    return frozenset(found)


def builds_on(module: str) -> frozenset[str]:
    """The other kernel modules that have to be compiled before this one."""
    return _sources(module) - {module, _THIS}


def source_bytes(module: str) -> int:
    """Of all that is compiled when the module is: roughly what that costs."""
    return sum(len(_source(name)) for name in _sources(module))


@functools.cache
def _setting() -> bytes:
    """What decides over the machine code besides sources."""
    processor = config.CPU_NAME or llvm.get_host_cpu_name()  # type: ignore[attr-defined]
    features = config.CPU_FEATURES or llvm.get_host_cpu_features().flatten()  # type: ignore[attr-defined]
    compiler = (numba.__version__, sys.implementation.cache_tag, os.environ.get("NUMBA_BOUNDSCHECK", "0"))
    return repr((*compiler, processor, features, str(_HERE))).encode()


@functools.cache
def _digest(module: str) -> str:
    digest = hashlib.blake2b(_setting(), digest_size=8)
    for name in sorted(_sources(module)):
        digest.update(name.encode() + b"\0" + _source(name))
    return digest.hexdigest()


def cache() -> pathlib.Path:
    """Where compiled kernels lie, a folder for each module; ``ORDER_ROUTER_CACHE`` moves it elsewhere."""
    base = os.environ.get("ORDER_ROUTER_CACHE") or os.path.join(
        os.environ.get("XDG_CACHE_HOME") or os.path.expanduser("~/.cache"), "order-router"
    )
    return pathlib.Path(base) / "kernels"


def cache_folder(module: str) -> pathlib.Path:
    return cache() / f"{module}-{_digest(module)}"


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


def group(fields: type[tuple[Any, ...]], *members: types.Type) -> types.Type:
    """Arrays handed to a kernel together, as a named tuple. The class has to live in a module of its own right, by
    which the cache finds it again; its arrays must be exactly as read-only as the type says."""
    grouped: types.Type = types.BaseTuple.from_types(members, fields)  # type: ignore[no-untyped-call]
    return grouped


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


def _for_wide_integers(dispatcher: _F) -> _F:
    """Compile a rule once for int64 and not again for each constant and narrower integer that it is called with."""
    template = dispatcher.get_call_template  # type: ignore[attr-defined]

    def wide(kind: types.Type) -> types.Type:
        plain = types.unliteral(kind)  # type: ignore[no-untyped-call]
        return types.int64 if isinstance(plain, types.Integer) and plain != types.uint64 else plain

    def of_wide(arguments: Any, named: dict[str, Any]) -> Any:
        return template(tuple(map(wide, arguments)), {name: wide(kind) for name, kind in named.items()})

    dispatcher.get_call_template = of_wide  # type: ignore[attr-defined]
    return dispatcher


def rule(function: _F) -> _F:
    """A row rule called from kernels: inlined by LLVM into its caller, never called from Python."""
    compiled: _F = njit(**_RULE_OPTIONS)(function)
    return _for_wide_integers(compiled)


def inlined_rule(function: _F) -> _F:
    """A small row rule on the hottest path: LLVM has to inline it, however many arrays it is handed."""
    compiled: _F = njit(forceinline=True, **_RULE_OPTIONS)(function)
    return _for_wide_integers(compiled)
