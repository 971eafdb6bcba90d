"""Real faults on real processes: things are killed, stopped, filled and cheated, and promises checked.

promises ◀── answers ── feeds ── orders, events ──▶ a router of its own ◀── kills, pauses, disk, clock, hostile clients
"""
