"""``python -m bench.trials.fuzz --seconds N``: fuzz every target; ``--replay TARGET FILE``: one input again."""

from __future__ import annotations

from bench.trials.fuzz.campaign import main

if __name__ == "__main__":
    raise SystemExit(main())
