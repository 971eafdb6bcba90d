"""When a wave lets an order go, and when it is done."""

from __future__ import annotations

import msgspec
from sqlalchemy import Connection

from actors.store.desk import to_pick, waves

WORK = "wave-"


def work_id_of(wave_id: str) -> str:
    """Of the letters of a wave, which are no work item's."""
    return f"{WORK}{wave_id}"


def settle(connection: Connection, wave_id: str, order_key: str, now_ms: int) -> None:
    """An order of which nothing is left to pick, and of which the shard has answered all, may wait for another wave. A
    wave of which nothing is left at all is done."""
    wave = waves.find(connection, wave_id)
    assert wave is not None, "rows of orders name waves that there are"
    if any(line.left for line in waves.lines_of(connection, wave_id, order_key)):
        return
    if not waves.reports_under_way(connection, work_id_of(wave_id), order_key):
        told_version = waves.order_of(connection, wave_id, order_key).told_version
        to_pick.give_back(connection, wave_id, order_key, wave.node, told_version)
    if wave.state == "open" and not waves.any_left(connection, wave_id):
        waves.put_wave(connection, msgspec.structs.replace(wave, state="done", ended_ms=now_ms))
