"""One fuzzing process: ``python -m bench.trials.fuzz.worker TARGET [options of libFuzzer]``; ends by itself.

Only our modules are instrumented. numba compiles the kernels from their bytecode, so these stay as they are and
are no part of what counts as new coverage.
"""

from __future__ import annotations

import pathlib
import sys

import atheris

OURS = ["router", "adapters"]


def main() -> None:
    name = sys.argv.pop(1)
    with atheris.instrument_imports(include=OURS, enable_loader_override=False):
        from bench.trials.fuzz.targets import examine, words

        run = examine(name)
    folder = next((pathlib.Path(part) for part in sys.argv[1:] if not part.startswith("-")), None)
    if folder is not None:
        sys.argv.append(f"-dict={_dictionary(folder, words(name))}")
    atheris.Setup(sys.argv, run)
    atheris.Fuzz()


def _dictionary(folder: pathlib.Path, words: list[bytes]) -> pathlib.Path:
    path = folder.parent / f"{folder.name}.dict"
    path.write_text("".join(f'"{_escaped(word)}"\n' for word in words))
    return path


def _escaped(word: bytes) -> str:
    return "".join(f"\\x{byte:02x}" for byte in word)


if __name__ == "__main__":
    main()
