"""Hostile input that looks legal, against real processes: what it takes of memory and disk, and who waits for it.

bodies (pure) ── keys of shops ──▶ a router of its own ◀── a neighbour's orders and reads, on a clock
                                   └─ memory of all its processes, bytes on its disk, what ended
"""
