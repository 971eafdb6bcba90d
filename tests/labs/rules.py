"""Row rules alone: compiled as kernels compile them, but with a way in from Python, which rules have not."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from numba import jit


def callable_rule(rule: Any) -> Callable[..., Any]:
    return jit(**{**rule.targetoptions, "no_cpython_wrapper": False})(rule.py_func)
