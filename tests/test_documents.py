"""Pages for people name what is there: links lead somewhere, files exist, and names in code are the code's."""

from __future__ import annotations

import functools
import pathlib
import re

import pytest

from actors.gateway.core.metrics import Metrics

ROOT = pathlib.Path(__file__).parent.parent
PAGES = sorted([*ROOT.glob("*.md"), *(ROOT / "docs").glob("*.md"), *(ROOT / "examples").rglob("*.md")])
CODE = ("*.py", "*.toml", "*.c", "*.json")
_FENCED = re.compile(r"^( *)```.*?^\1```", re.MULTILINE | re.DOTALL)
_SPAN = re.compile(r"`([^`\n]+)`")
_LINK = re.compile(r"\]\(([^)\s]+)\)")
_FILE = re.compile(r"[\w./-]*\w\.(?:py|md|toml)|(?:bench|tests|actors|adapters|router|kernels|docs|examples)/[\w/.-]*")
_NAME = re.compile(
    r"[A-Za-z]\w*_\w+|[A-Z]{2,}[A-Z0-9]*|[A-Z][a-z]+[A-Z]\w*"
)  # with_an_underscore, IN_CAPITALS, OfWords
# Names of others that the pages speak of, and parts of a name that stand for any number.
FOREIGN = frozenset(("DashboardAgent", "RuntimeEnvAgent", "session_latest", "NNN"))


def _pages() -> list[str]:
    return [str(page.relative_to(ROOT)) for page in PAGES]


def _text(page: str) -> str:
    return _FENCED.sub("", (ROOT / page).read_text(encoding="utf-8"))


@functools.cache
def _files() -> frozenset[str]:
    """Every file and folder of ours, from the root."""
    found = (path.relative_to(ROOT) for path in ROOT.rglob("*") if ".git" not in path.parts)
    return frozenset(str(path) for path in found if not path.parts[0].startswith((".", "var", "build")))


@functools.cache
def _words() -> frozenset[str]:
    """Words of the code, names of its files, the names of enumerations as users write them, and those of metrics."""
    sources = [path for pattern in CODE for top in (ROOT, *_tops()) for path in _of(top, pattern)]
    words = {word for path in sources for word in re.findall(r"\w+", path.read_text(encoding="utf-8"))}
    metrics = {name for family in Metrics("1").families() for name in (family.name, f"{family.name}_total")}
    return frozenset(words | {word.lower() for word in words} | {path.stem for path in sources} | metrics)


def _tops() -> list[pathlib.Path]:
    return [ROOT / name for name in ("actors", "adapters", "bench", "examples", "kernels", "router", "tests")]


def _of(top: pathlib.Path, pattern: str) -> list[pathlib.Path]:
    return sorted(top.glob(pattern) if top == ROOT else top.rglob(pattern))


@pytest.mark.parametrize("page", _pages())
def test_links_lead_somewhere(page: str) -> None:
    lost = []
    for link in _LINK.findall(_text(page)):
        if "://" in link:
            continue
        name, _, anchor = link.partition("#")
        target = ((ROOT / page).parent / name).resolve() if name else ROOT / page
        if not target.exists() or (anchor and anchor not in _anchors(target)):
            lost.append(link)
    assert not lost


def _anchors(page: pathlib.Path) -> set[str]:
    heads = re.findall(r"^#+ (.*)$", page.read_text(encoding="utf-8"), re.MULTILINE)
    return {re.sub(r"[^\w -]", "", head.lower()).replace(" ", "-") for head in heads}


@pytest.mark.parametrize("page", _pages())
def test_files_that_are_named_exist(page: str) -> None:
    """From the root, or as the end of a path where the page has said in which room it is."""
    missing = []
    for span in _SPAN.findall(_text(page)):
        if not _FILE.fullmatch(span):
            continue
        name = span.rstrip("/")
        if name not in _files() and not any(path.endswith("/" + name) for path in _files()):
            missing.append(span)
    assert not missing


@pytest.mark.parametrize("page", _pages())
def test_names_that_are_said_in_code_are_those_of_the_code(page: str) -> None:
    spans = [span for span in _SPAN.findall(_text(page)) if not _FILE.fullmatch(span)]
    names = {name for span in spans for name in _NAME.findall(span)} - FOREIGN
    assert not sorted(name for name in names if name not in _words())
