"""``python -m bench.trials.simulation --seeds N``: run schedules; ``--replay SEED``: one of them, with its trace."""

from __future__ import annotations

from bench.trials.simulation.campaign import main

if __name__ == "__main__":
    raise SystemExit(main())
