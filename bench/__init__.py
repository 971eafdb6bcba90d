"""What measures the router, loads it, compares it and breaks it. Nothing imports this floor but the command line.

    line                                              room
    order-router bench stream, single, reads, memory  speed/      rates and costs of a router of its own, over HTTP
    order-router bench events                         speed/      … of lifecycle events, alone and beside orders
    order-router bench skus                           speed/      … of many SKUs, nodes and cells: memory, time, a start
    order-router bench pipeline, shards, recovery     speed/      … in one process on real logs, without HTTP and Ray
    order-router bench goals, compare                 speed/      every goal in one table; runs against baseline.json
    python -m bench.speed.event_path, event_share     speed/      … of events by step; the gateway's alone
    python -m bench.speed.books                       speed/      … of the books alone
    pytest bench/speed/kernels                        speed/kernels/   each kernel alone, on arguments it really gets
    order-router bench lab                            load/       open-loop load: knee, latency, promises; a report
    locust -f bench/load/locust/locustfile.py         load/locust/     the same router for teams that use Locust
    order-router bench peers                          peers/      PostgreSQL, Redis and SQLite on the same orders
    order-router bench tpcc                           peers/      a TPC-C-derived mix, and its books
    order-router bench crash                          trials/crash.py, with the kills of trials/chaos/
    order-router bench flips                          trials/flips/    bits that turn on the disk
    order-router bench world                          trials/world/    a simulated month around engines and desk
    python -m bench.trials.chaos                      trials/chaos/    real faults on real processes
    python -m bench.trials.attack                     trials/attack/   small inputs that stand for much
    python -m bench.trials.simulation                 trials/simulation/   seeded worlds with every fault in them
    python -m bench.trials.fuzz                       trials/fuzz/     hostile bytes for whatever reads bytes

All rooms share harness/, and there is one of each thing there:

    server.py, processes.py      a router of its own, started, killed, verified; its processes as /proc tells of them
    local.py                     the whole router in one process
    workload.py, people.py, damage.py, tables.py, pieces.py    orders from a seed, the tables they fit, request bodies
    event_load.py, stored.py     events of these orders, stage by stage; what each order owes and was last told
    beside.py                    orders that stream in beside what is measured
    streaming.py                 the streaming client: pieces over one connection, both directions, everything timed
    resending.py, wires.py       … that goes on over broken connections; rows to bytes and bytes to answers meanwhile
    asking.py                    the asking client: kept-alive connections, single requests, closed and open loops
    answers.py                   answers read and checked when the clock has stopped
    beside.py                    a full stream of orders by a process of its own, beside something else
    limits.py, echo.py           bare limits of the same run: decoding alone, and a server that does nothing
    report.py                    what every bench says besides its result
    arrays.py                    names of array types

A client that sends rows of another kind gives another ``streaming.Way``: path, media type, where a row of an answer
ends. What the figures mean is in docs/benchmarks.md, the rest in lab.md, peers.md, simulation.md, chaos.md and fuzz.md.
"""
