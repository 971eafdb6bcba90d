"""Deterministic simulation: the whole router in one process, under a scheduler that a seed drives.

    plan.py       requests of clients and faults, as plain data (so that a failure can be shrunk)
    draw.py, draw_events.py       seed -> plan
    scheduler.py  virtual time, tasks, processes that die     disk.py, layout.py, log.py   pages, power cuts, the log
    network.py    calls that are late, lost, doubled          watch.py                     what must always hold
    world.py      all of that, and processes that come and go: what everybody who takes part holds
    turns.py, checkpoints.py      what owners share           faults.py                    what goes wrong
    ledger.py, shard.py, lanes.py, gateway.py, outside.py     who takes part
    twin.py, queue.py, units.py, replayed.py                  what the logs say, the first three in plain Python
    judge.py, judge_*.py          what must hold afterwards
    run.py                        one plan, run to its end and judged
    shrink.py, campaign.py        the smallest plan that still fails; many seeds

Imports go upwards in this list only.

The engines, paths, records, queries and codecs are the router's own; docs/simulation.md says what is not.
"""
