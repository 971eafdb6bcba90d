"""The same orders, on the same machine, in the same run, by what people would otherwise build an order router from.

harness/workload.py ─▶ shop.read_orders ┬▶ postgres.py        a stored procedure; one order a transaction, and batched
                                        ├▶ redis_peer.py      a Lua script; one call an order, and pipelined
                                        ├▶ sqlite_peer.py     aiohttp + SQLite; one POST an order
                                        └▶ router_peer.py     this router; NDJSON, Arrow, and one POST an order
job.py says what the job is; comparison.py runs all of them, checks every answer and works out the ratios
"""
