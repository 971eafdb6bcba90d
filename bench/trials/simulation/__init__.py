"""Deterministic simulation: the whole router in one process, under a scheduler that a seed drives.

    plan.py       seed -> requests of clients and faults, as plain data (so that a failure can be shrunk)
    world.py      processes, logs, network and clients of one plan, run to the end and judged
    scheduler.py  virtual time, tasks, processes that die     disk.py, log.py   pages, power cuts, the log above them
    network.py    calls that are late, lost, doubled          owners.py, gateway.py, outside.py   who takes part
    watch.py, judge.py, twin.py   what must hold while it runs and afterwards
    shrink.py, campaign.py        the smallest plan that still fails; many seeds

The engines, paths, records, queries and codecs are the router's own; docs/simulation.md says what is not.
"""
