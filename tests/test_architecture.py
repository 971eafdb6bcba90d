"""House rules as tests: floors, sizes, twins, documented settings, no float where money is."""

from __future__ import annotations

import ast
import pathlib
import re
import subprocess
import sys
from collections.abc import Iterator

import pyarrow as pa
import pytest

from router import config
from router.log import columns

ROOT = pathlib.Path(__file__).parent.parent
PACKAGES = ("kernels", "router", "adapters", "actors", "bench")
FUNCTION_LINES_MAX = 70


def _sources(*packages: str) -> Iterator[pathlib.Path]:
    for package in packages:
        yield from sorted((ROOT / package).rglob("*.py"))


def _functions(tree: ast.AST) -> Iterator[ast.FunctionDef | ast.AsyncFunctionDef]:
    for node in ast.walk(tree):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            yield node


def _body_lines(function: ast.FunctionDef | ast.AsyncFunctionDef) -> int:
    """Lines from the first statement on; arguments and docstring (a kernel has many of both) are not counted."""
    first = function.body[1] if ast.get_docstring(function) and len(function.body) > 1 else function.body[0]
    return (function.end_lineno or first.lineno) - first.lineno + 1


def test_floors_are_kept() -> None:
    command = [sys.executable, "-c", "from importlinter.cli import lint_imports; raise SystemExit(lint_imports())"]
    finished = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    assert finished.returncode == 0, finished.stdout + finished.stderr


def test_every_room_is_part_of_what_is_installed() -> None:
    """A folder that is no package is left out of a wheel; here, where the sources lie, nobody would notice."""
    rooms = {path.parent for path in _sources(*PACKAGES)}
    assert not [room for room in rooms if not (room / "__init__.py").exists()]


def test_no_function_is_longer_than_a_page() -> None:
    long = [
        f"{path.relative_to(ROOT)}:{function.lineno} {function.name} has {_body_lines(function)} lines"
        for path in _sources(*PACKAGES)
        for function in _functions(ast.parse(path.read_text(encoding="utf-8")))
        if _body_lines(function) > FUNCTION_LINES_MAX
    ]
    assert not long, "\n".join(long)


def _kernels_of(path: pathlib.Path) -> list[str]:
    """Names of the public functions under ``@kernel(...)``."""
    tree = ast.parse(path.read_text(encoding="utf-8"))
    return [
        function.name
        for function in _functions(tree)
        if not function.name.startswith("_")
        and any(
            isinstance(decorator, ast.Call) and isinstance(decorator.func, ast.Name) and decorator.func.id == "kernel"
            for decorator in function.decorator_list
        )
    ]


def test_every_kernel_has_a_plain_twin() -> None:
    missing = []
    for path in _sources("kernels"):
        twin = ROOT / "tests" / "reference" / path.relative_to(ROOT / "kernels")
        text = twin.read_text(encoding="utf-8") if twin.exists() else ""
        missing += [
            f"{path.parent.name}.{path.stem}.{name}" for name in _kernels_of(path) if f"def {name}(" not in text
        ]
    assert not missing, f"no twin under tests/reference for {missing}"


def test_twins_are_plain_python() -> None:
    for path in _sources("tests/reference"):
        assert not re.search(r"^\s*(import|from) (numpy|numba|pyarrow)", path.read_text(encoding="utf-8"), re.M), path


def test_kernels_are_decorated_in_one_place() -> None:
    for path in _sources("kernels"):
        if path.name != "_jit.py":
            assert not re.search(r"^\s*(import|from) numba", path.read_text(encoding="utf-8"), re.M), path


def _decorated_with(tree: ast.Module, *names: str) -> Iterator[str]:
    for function in _functions(tree):
        if any(isinstance(decorator, ast.Name) and decorator.id in names for decorator in function.decorator_list):
            yield function.name


def _calls_of(tree: ast.AST, rules: dict[str, set[str]]) -> Iterator[ast.Call]:
    """Calls of rules, by their own names or below the name of their module."""
    named: set[str] = set()
    for node in ast.walk(tree):
        if isinstance(node, ast.ImportFrom) and node.module:
            for imported in node.names:
                name = imported.asname or imported.name
                named |= {name} if imported.name in rules.get(node.module, ()) else set()
                named |= {f"{name}.{rule}" for rule in rules.get(f"{node.module}.{imported.name}", ())}
    for node in ast.walk(tree):
        if isinstance(node, ast.Call) and ast.unparse(node.func) in named:
            yield node


def test_rules_are_called_by_kernels_only() -> None:
    """They have no way in from Python: numba would jump to address 0. Tests make one, see tests/labs/rules.py."""
    rules = {
        ".".join(path.relative_to(ROOT).with_suffix("").parts): set(
            _decorated_with(ast.parse(path.read_text(encoding="utf-8")), "rule", "inlined_rule")
        )
        for path in _sources("kernels")
    }
    called = [
        f"{path.relative_to(ROOT)}:{call.lineno} {ast.unparse(call.func)}"
        for path in _sources("router", "adapters", "actors", "bench", "examples", "tests")
        for call in _calls_of(ast.parse(path.read_text(encoding="utf-8")), rules)
    ]
    assert not called, "\n".join(called)


def _float_fields(dtype: pa.DataType, name: str) -> list[str]:
    if pa.types.is_floating(dtype) or pa.types.is_decimal(dtype):
        return [name]
    return [
        found
        for index in range(dtype.num_fields)
        for found in _float_fields(dtype.field(index).type, f"{name}.{dtype.field(index).name}")
    ]


@pytest.mark.parametrize("name", ["WIRE", "ADMITTED", "CLAIMS", "DECISION", "OUTCOME", "ACK"])
def test_no_column_is_a_float(name: str) -> None:
    schema: pa.Schema = getattr(columns, name)
    assert [found for field in schema for found in _float_fields(field.type, field.name)] == []


@pytest.mark.parametrize("struct", [config.Config, config.Limits, config.Policy, config.LogConfig, config.DeskConfig])
def test_every_setting_is_documented(struct: type) -> None:
    page = (ROOT / "docs" / "configuration.md").read_text(encoding="utf-8")
    sections = {"limits", "policy", "log", "desk"}
    missing = [n for n in struct.__annotations__ if f"`{n}`" not in page and n not in sections]
    assert not missing, f"explain {missing} in docs/configuration.md"


def test_defaults_of_the_policy_stand_on_its_page() -> None:
    page = (ROOT / "docs" / "configuration.md").read_text(encoding="utf-8")
    table = page.partition("## `[policy]`")[2].partition("\n## ")[0]
    written: dict[str, str] = {}
    for names, defaults in re.findall(r"^\| (`[^|]+`) \| ([^|]+) \|", table, re.MULTILINE):
        written |= zip(re.findall(r"\w+", names), defaults.split("; "), strict=True)
    policy = config.Config().policy
    shown = {name: getattr(policy, name) for name in config.Policy.__struct_fields__}
    assert written == {
        name: "none" if value in ({}, (), "") else f"`{value}`" if isinstance(value, str) else f"{value:,}"
        for name, value in shown.items()
    }


def test_no_path_of_a_machine_is_written_down() -> None:
    """A path that exists on one machine only would break on every other."""
    listed = subprocess.run(
        ["git", "ls-files", "-z"], cwd=ROOT, capture_output=True, text=True, check=False
    ).stdout.split("\0")
    for name in filter(None, listed):
        path = ROOT / name
        if path.suffix in {".py", ".md", ".toml", ".lock", ".txt", ""} and path.is_file():
            text = path.read_text(encoding="utf-8", errors="replace")
            assert not re.search(r"(^|[\s\"'(=])/(home|root|work|Users)/\w", text), name
