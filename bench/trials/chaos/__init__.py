"""Real faults on real processes: things are killed, stopped, filled and cheated, and promises checked.

promises ◀── answers ── feeds ── orders ──▶ a router of its own ◀── faults: kills, pauses, disk, clock, hostile clients
"""
