"""Shoppers who look at stock, place orders, ask for quotes and look their orders up.

    locust -f bench/load/locust/locustfile.py --host http://127.0.0.1:8080 --load-tables \
        --router-key "$(cat DIR/admin.key)"

``--reads-per-order`` says how many reads there are for every order, 2 to 700; of a hundred reads ninety ask for
availability, eight for an order and two for a quote. ``--load-tables`` loads the reference tables that the orders fit,
once, before the users start; without it the router must have them.

Locust is a closed loop: a user waits for its answer before it goes on, so a router that stalls is asked less. For
waiting times that count the stall use ``order-router bench lab``.
"""

from __future__ import annotations

import itertools
import random
import uuid
from argparse import ArgumentTypeError
from typing import Any

import msgspec
import requests
from locust import FastHttpUser, between, events, task

from bench.harness.tables import as_ndjson, tables_for
from bench.harness.workload import CHUNK_ORDERS, Workload

PLANNED_ORDERS = 5_000_000
READS_MIN, READS_MAX = 2, 700
AVAILABILITY_PART, ORDER_PART = 0.90, 0.98  # of reads; what is left asks for quotes
SKUS_PER_PAGE = 12
OWN_ORDERS_KEPT = 50

WORKLOAD = Workload()
ORDERS: list[dict[str, Any]] = [msgspec.json.decode(line) for line in next(WORKLOAD.ndjson(CHUNK_ORDERS)).splitlines()]
RUN = uuid.uuid4().hex[:8]  # so that every process of every run places orders of its own
NUMBERS = itertools.count()


def _reads(text: str) -> float:
    reads = float(text)
    if not READS_MIN <= reads <= READS_MAX:
        raise ArgumentTypeError(f"{text} reads an order; choose {READS_MIN} to {READS_MAX}")
    return reads


@events.init_command_line_parser.add_listener  # type: ignore[untyped-decorator]  # Locust gives it no types
def _add_options(parser: Any, **_: Any) -> None:
    parser.add_argument("--router-key", required=True, is_secret=True, help="API key with the role channel or more")
    parser.add_argument("--reads-per-order", type=_reads, default=20.0, help="2 to 700 (default %(default)s)")
    parser.add_argument("--load-tables", action="store_true", help="load tables first; needs an admin or ops key")


@events.test_start.add_listener  # type: ignore[untyped-decorator]  # likewise
def _load_tables(environment: Any, **_: Any) -> None:
    options = environment.parsed_options
    if not options.load_tables or _is_worker(environment):
        return
    headers = {"Authorization": f"Bearer {options.router_key}", "Content-Type": "application/x-ndjson"}
    for table, rows in tables_for(WORKLOAD, PLANNED_ORDERS).items():
        answer = requests.put(f"{environment.host}/v1/tables/{table}", as_ndjson(rows), headers=headers, timeout=300)
        if answer.status_code != 200:
            environment.runner.quit()
            raise RuntimeError(f"PUT {table} was answered {answer.status_code}: {answer.text[:500]}")


def _is_worker(environment: Any) -> bool:
    """Of a run over several processes only the one that leads loads the tables."""
    return type(environment.runner).__name__ == "WorkerRunner"


class Shopper(FastHttpUser):
    wait_time = between(0.0, 0.02)

    def on_start(self) -> None:
        options = self.environment.parsed_options
        self._headers = {"Authorization": f"Bearer {options.router_key}", "Content-Type": "application/json"}
        self._order_part = 1 / (1 + options.reads_per_order)
        self._own: list[str] = []
        self._place_order()

    @task
    def act(self) -> None:
        if random.random() < self._order_part:
            self._place_order()
            return
        drawn = random.random()
        if drawn < AVAILABILITY_PART:
            self._look_at_stock()
        elif drawn < ORDER_PART:
            self._look_up_order()
        else:
            self._ask_for_quote()

    def _place_order(self) -> None:
        order = self._order()
        with self._post("/v1/orders", order) as answer:
            if answer.status_code == 200:
                self._own = [*self._own[1 - OWN_ORDERS_KEPT :], order["order_id"]]

    def _look_at_stock(self) -> None:
        skus = sorted({line["sku"] for _ in range(SKUS_PER_PAGE) for line in random.choice(ORDERS)["lines"][:1]})
        with self._post("/v1/availability", {"skus": skus}) as answer:
            if answer.status_code == 200 and [item["sku"] for item in answer.json()["items"]] != skus:
                answer.failure("other SKUs answered than asked for")

    def _look_up_order(self) -> None:
        if not self._own:  # none was accepted so far
            return
        order_id = random.choice(self._own)
        path = f"/v1/orders/{order_id}"
        with self.client.get(path, name="/v1/orders/{id}", headers=self._headers, catch_response=True) as answer:
            if answer.status_code == 200 and answer.json()["order_id"] != order_id:
                answer.failure("another order answered than asked for")

    def _ask_for_quote(self) -> None:
        with self._post("/v1/quotes", self._order()):
            pass

    def _post(self, path: str, body: dict[str, Any]) -> Any:
        encoded: Any = msgspec.json.encode(body)  # Locust sends bytes as they are, though its annotation omits them
        return self.client.post(path, data=encoded, headers=self._headers, catch_response=True)

    def _order(self) -> dict[str, Any]:
        """A new order; its customer is new, too, because the same basket of one customer twice would be held."""
        number = next(NUMBERS)
        order = ORDERS[number % len(ORDERS)]
        own = f"{RUN}-{number}"
        return order | {"order_id": own, "customer": order["customer"] | {"id": own}}
