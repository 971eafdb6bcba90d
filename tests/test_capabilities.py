"""docs/capabilities.md counts right, and whatever it says is there has a test."""

from __future__ import annotations

import collections
import pathlib
import re

PAGE = (pathlib.Path(__file__).parent.parent / "docs/capabilities.md").read_text(encoding="utf-8")
_ROW = re.compile(r"^\| (\d+) \| [^|]+ \| (yes|partly|not yet) \|", re.MULTILINE)
_PROOF = re.compile(r"^\| (\d+) \| `(test_\w+)` \| `(tests/[\w/]+\.py)` \|$", re.MULTILINE)
TODAY = {int(number): word for number, word in _ROW.findall(PAGE)}


def test_each_of_the_132_stands_there_once_and_the_sums_are_right() -> None:
    numbers = [int(number) for number, _ in _ROW.findall(PAGE)]
    assert numbers == list(range(1, 133))
    said = re.search(r"today: (\d+) yes,\s+(\d+) partly, (\d+) not yet", PAGE)
    counted = collections.Counter(TODAY.values())
    assert said is not None
    assert [int(number) for number in said.groups()] == [counted[word] for word in ("yes", "partly", "not yet")]


def test_whatever_is_there_names_a_test_that_there_is() -> None:
    proofs = {int(number): (name, path) for number, name, path in _PROOF.findall(PAGE)}
    assert sorted(proofs) == sorted(number for number, word in TODAY.items() if word == "yes")
    root = pathlib.Path(__file__).parent.parent
    for number, (name, path) in proofs.items():
        assert f"def {name}(" in (root / path).read_text(encoding="utf-8"), f"{number}: {name}"
