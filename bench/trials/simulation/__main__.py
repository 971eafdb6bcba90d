"""``python -m bench.trials.simulation --seeds N``: run schedules; ``--replay SEED``: one of them, with its trace."""

from __future__ import annotations

from actors.cli.first_start import compile_kernels

if __name__ == "__main__":
    compile_kernels()  # before anything imports them
    from bench.trials.simulation.campaign import main

    raise SystemExit(main())
