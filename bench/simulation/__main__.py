"""``python -m bench.simulation --seeds N``: run schedules; ``--replay SEED``: one of them, with its trace."""

from __future__ import annotations

from bench.simulation.campaign import main

if __name__ == "__main__":
    raise SystemExit(main())
