"""The load lab: how many orders a second does this machine carry, at which latency, and do the promises hold meanwhile?

    sender (a process) ── orders, when they are due ──▶ router ◀── reads, when they are due ── asker (a process)
        │ answers                                         ▲ ▲
        └── samples of acknowledged orders ──▶ watch ─────┘ └── knee: ramp, then holds at 50 % and 90 %
                                               GETs, cells

Arrivals are open-loop: what is due is due, whether or not the router has answered what came before, and an order waits
from the moment it was due. A router that stalls therefore makes the figures worse, not the load smaller.
"""
