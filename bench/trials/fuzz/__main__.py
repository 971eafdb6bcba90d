"""``python -m bench.trials.fuzz --seconds N``: fuzz every target; ``--replay TARGET FILE``: one input again."""

from __future__ import annotations

from actors.cli.first_start import compile_kernels

if __name__ == "__main__":
    compile_kernels()  # before anything imports them
    from bench.trials.fuzz.campaign import main

    raise SystemExit(main())
