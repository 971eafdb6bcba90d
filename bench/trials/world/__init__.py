"""A simulated month: buyers, a payment provider, warehouses, a carrier and staff around the real engines and desk.

    AGENDA (virtual time) ─▶ buyers, warehouses, carrier, staff ─▶ orders, events, webhooks, stock ─▶ HOUSE
              ▲                                                                                        │
              └────────────── what the stream of changes and the list of work tell them ◀──────────────┘

HOUSE is a data folder as ``serve`` leaves one: shards and ledger with their logs, tables, the desk with its database,
outbox and partners' calls. Only processes, sockets and the clock are missing: time is a number that the agenda moves.
Those around it know what they are told, never what the engines know. Partners fail as often as a month says: answers
are lost, news come late, twice and in the wrong order, and the desk ends in the middle of a call.

``judge`` compares at the end what was said outside with what is kept inside, and has ``verify`` recompute the folder.
"""
