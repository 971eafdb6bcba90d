"""Examples of every command, shown below its help; a test reads each of them as the command line does."""

from __future__ import annotations

import argparse

_ADMIN = "--key @var/data/admin.key"

EXAMPLES = f"""
order-router serve --data var/data --port 8080
order-router serve --data var/data --port 8080 --shards 2 --config router.toml
order-router load {_ADMIN} all examples/first/tables
order-router load {_ADMIN} skus skus.csv --replace
order-router send {_ADMIN} examples/first/orders.ndjson
order-router send {_ADMIN} --mapping shop.toml --rejects bad.csv --max-refused 1% march.csv april.csv
order-router send --dry-run --mapping shop.toml march.xlsx
order-router send {_ADMIN} --mapping shop.toml -
order-router route examples/first/orders.ndjson --tables examples/first/tables
order-router orders show {_ADMIN} A-1001
order-router orders list {_ADMIN} --limit 50
order-router orders search {_ADMIN} --state held --from 2026-03-01
order-router orders search {_ADMIN} --sku MUG --channel web --json
order-router events send {_ADMIN} events.ndjson
order-router events add {_ADMIN} A-1001 ship --line 1=1 --field carrier=dhl --field tracking_number=JD0123
order-router events add {_ADMIN} A-1001 payment_captured --field payment_id=p-1 --field amount=4493
order-router release {_ADMIN} A-1002 A-1003 --note "called the customer"
order-router release {_ADMIN} A-1002 --hold review
order-router work list {_ADMIN} --queue payments
order-router work list {_ADMIN} --owner ada --json
order-router work claim {_ADMIN} 5f0c2e1d9b7a48c6e3d2f1a0
order-router work assign {_ADMIN} 5f0c2e1d9b7a48c6e3d2f1a0 ada
order-router work snooze {_ADMIN} 5f0c2e1d9b7a48c6e3d2f1a0 2026-12-01T09:00:00Z
order-router work resolve {_ADMIN} 5f0c2e1d9b7a48c6e3d2f1a0 --event release --note "called the customer"
order-router work resolve {_ADMIN} 5f0c2e1d9b7a48c6e3d2f1a0 --event move --field to_node=LYON
order-router payments ask {_ADMIN} A-1001
order-router payments ask {_ADMIN} A-1001 --instalment 50 --instalment 50=14
order-router payments list {_ADMIN} A-1001
order-router payments reconcile {_ADMIN} pay 2026-11-30
order-router payments show {_ADMIN} 01903b6e-7f4a-7c21-9d4e-5b0c8e1f2a37 --json
order-router refunds ask {_ADMIN} A-1001 --line 1=1 --reason "arrived broken"
order-router refunds ask {_ADMIN} A-1001 --amount 500 --reason goodwill
order-router refunds list {_ADMIN} A-1001
order-router refunds show {_ADMIN} 01903b6e-7f4a-7c21-9d4e-5b0c8e1f2a37 --json
order-router shipments new {_ADMIN} A-1001 --policy cheapest
order-router shipments new {_ADMIN} A-1001 --line 1=1 --carrier dhl --service standard --form zpl --ship
order-router shipments list {_ADMIN} A-1001
order-router shipments show {_ADMIN} 01903b6e-7f4a-7c21-9d4e-5b0c8e1f2a37 --json
order-router shipments ship {_ADMIN} 01903b6e-7f4a-7c21-9d4e-5b0c8e1f2a37
order-router shipments void {_ADMIN} 01903b6e-7f4a-7c21-9d4e-5b0c8e1f2a37
order-router shipments label {_ADMIN} 01903b6e-7f4a-7c21-9d4e-5b0c8e1f2a37 --form zpl --out label.zpl
order-router invoices list {_ADMIN} A-1001
order-router invoices show {_ADMIN} INV-000001
order-router invoices pdf {_ADMIN} INV-000001 --lang zh --out invoice.pdf
order-router waves list {_ADMIN} BERLIN
order-router waves make {_ADMIN} BERLIN --carrier DHL --due-before 2026-12-01T14:00:00Z --max-orders 20
order-router waves show {_ADMIN} 01903b6e-7f4a-7c21-9d4e-5b0c8e1f2a37
order-router waves pick-list {_ADMIN} 01903b6e-7f4a-7c21-9d4e-5b0c8e1f2a37 --csv
order-router waves pick {_ADMIN} 01903b6e-7f4a-7c21-9d4e-5b0c8e1f2a37 A-1001 --line 1=2
order-router waves short {_ADMIN} 01903b6e-7f4a-7c21-9d4e-5b0c8e1f2a37 A-1001 --line 2=1 --reason "shelf empty"
order-router waves packing {_ADMIN} 01903b6e-7f4a-7c21-9d4e-5b0c8e1f2a37 3
order-router waves pack {_ADMIN} 01903b6e-7f4a-7c21-9d4e-5b0c8e1f2a37 3 --cartons 2
order-router waves release {_ADMIN} 01903b6e-7f4a-7c21-9d4e-5b0c8e1f2a37
order-router stock show {_ADMIN} MUG TEE --channel web
order-router stock move {_ADMIN} receipt MUG BERLIN 40 --reference PO-77
order-router stock move {_ADMIN} transfer MUG BERLIN 5 --to-node LEEDS
order-router stock send {_ADMIN} movements.ndjson
order-router tables get {_ADMIN} skus --csv --out skus.csv
order-router tables get {_ADMIN} stock
order-router tables put {_ADMIN} skus skus.csv
order-router tables patch {_ADMIN} skus prices.csv
order-router tables versions {_ADMIN}
order-router tables list --data var/data
order-router tables take-back --data var/data --to 7
order-router check --mapping shop.toml
order-router check --mapping shop.toml --show 3 march.csv
order-router explain {_ADMIN} A-1001
order-router keys add shop channel --data var/data
order-router keys add acme channel --data var/data --channel web --seller acme
order-router keys list --data var/data
order-router keys revoke shop --data var/data
order-router partners list
order-router partners show sandbox_payments
order-router partners check --config router.toml
order-router partners sandbox --port 9400 --hooks http://127.0.0.1:8080
order-router doctor --data var/data
order-router verify --data var/data
order-router backup --to backups/monday var/data
order-router restore --to var/data-2 backups/monday
order-router bench stream --format arrow --orders 1000000
order-router bench single --orders 20000 --connections 128
order-router bench reads --seconds 5
order-router bench events --orders 1000000
order-router bench memory --orders 2000000
order-router bench skus --skus 100000 --nodes 200
order-router bench crash --kills 5
order-router bench world --orders 500 --days 7 --seed 3
order-router bench peers --orders 50000
order-router bench tpcc --transactions 10000
order-router bench lab --scenario flash_sale --seconds 5
order-router bench pipeline --format ndjson --orders 200000
order-router bench shards --orders 200000
order-router bench recovery --orders 200000
order-router bench goals --json
order-router bench compare today.json
order-router bench flips --flips 100000
"""


def examples_of(command: str) -> list[str]:
    """The examples of a command, ``order-router keys add`` say, and of those below it."""
    return [line for line in EXAMPLES.strip().splitlines() if f"{line} ".startswith(f"{command} ")]


def _one_a_command() -> list[str]:
    first: dict[str, str] = {}
    for line in EXAMPLES.strip().splitlines():
        first.setdefault(line.split()[1], line)
    return list(first.values())


def show_examples(parser: argparse.ArgumentParser, command: str) -> None:
    """Below the help of a command and of all its actions."""
    found = examples_of(command) if " " in command else _one_a_command()
    if found:
        parser.epilog = "examples:\n" + "\n".join(f"  {line}" for line in found)
        parser.formatter_class = _Help
    for action in parser._actions:
        if isinstance(action, argparse._SubParsersAction):
            for name, below in action.choices.items():
                show_examples(below, f"{command} {name}")


class _Help(argparse.HelpFormatter):
    """Folds all but the examples, whose lines are to be pasted."""

    def _fill_text(self, text: str, width: int, indent: str) -> str:
        return text if text.startswith("examples:") else super()._fill_text(text, width, indent)
