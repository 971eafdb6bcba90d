"""The examples of every target as files: ``python -m bench.trials.fuzz.corpus_files`` writes them, a test compares."""

from __future__ import annotations

import pathlib

from bench.trials.fuzz.targets import TARGETS, examples

FOLDER = pathlib.Path(__file__).parent / "corpus"


def write() -> None:
    for name in TARGETS:
        folder = FOLDER / name
        folder.mkdir(parents=True, exist_ok=True)
        for number, example in enumerate(examples(name)):
            (folder / f"{number:02d}").write_bytes(example)


if __name__ == "__main__":
    write()
