"""``order-router serve``: run a router on a data folder."""

from __future__ import annotations

import argparse
import os
import pathlib
from typing import Any

from actors.cli.first_start import compile_kernels
from actors.cli.output import UsageError, whole_number

PRESET_NAMES = ("laptop", "latency", "throughput")


def add_parser(subparsers: Any) -> argparse.ArgumentParser:
    parser: argparse.ArgumentParser = subparsers.add_parser(
        "serve",
        help="run a router on a data folder",
        description="Starts the router and prints one line `ready http://HOST:PORT` when it accepts orders. SIGTERM "
        "finishes what is under way and exits 0. The first start writes an admin key to DIR/admin.key.",
    )
    parser.add_argument("--data", required=True, metavar="DIR", help="data folder; made when it does not exist")
    parser.add_argument("--port", required=True, type=whole_number(1, 65_535))
    parser.add_argument("--host", default="127.0.0.1", help="address to listen on (default %(default)s: this machine)")
    parser.add_argument(
        "--shards", type=whole_number(1, 256), help="order shards; fixed at the first start of a data folder"
    )
    parser.add_argument("--preset", choices=PRESET_NAMES, default="laptop", help="defaults to start from")
    parser.add_argument("--config", type=pathlib.Path, metavar="FILE", help="JSON or TOML laid over the preset")
    parser.add_argument("--ray-address", metavar="ADDR", help="join this Ray cluster instead of starting Ray")
    parser.add_argument("--json", action="store_true", help="print the ready line as a JSON object")
    return parser


def run(arguments: argparse.Namespace) -> int:
    # Ray reads this when it is imported; set later, its own processes would refuse each other.
    os.environ.setdefault("RAY_AUTH_MODE", "token")
    import msgspec

    from actors.process.environment import prepare
    from actors.process.files import allow_files

    allow_files()
    prepare(joins_cluster=arguments.ray_address is not None)  # before anything below imports Ray
    compile_kernels()
    from actors.run.supervisor import STARTED_AGAIN, serve
    from actors.store.data_folder import DataFolder
    from router.config import load_config
    from router.errors import Misconfigured

    # A new image of a running router goes on as it was configured, whatever was written into the file since.
    file = DataFolder(arguments.data).config_file if STARTED_AGAIN in os.environ else arguments.config
    try:
        config = load_config(file.read_bytes() if file else b"{}", arguments.preset)
    except OSError as fault:
        raise UsageError(f"--config {arguments.config}: {fault.strerror}.") from None
    except ValueError as fault:
        raise UsageError(f"--config {arguments.config}: {fault}.") from None
    from actors.owners.desk.partners import pay_terms
    from actors.store.secret_places import secret_at
    from adapters._registry import open_partner

    for partner, given in config.partners.items():  # gateways open them again; refused here it is told at once
        open_partner(partner, given, secret_at)
    pay_terms(config)  # likewise, and the desk
    try:  # a folder keeps the number of shards it was made with
        shards = DataFolder(arguments.data).identity().shards
    except Misconfigured:
        shards = config.shards
    config = msgspec.structs.replace(config, shards=shards if arguments.shards is None else arguments.shards)
    return serve(arguments.data, arguments.host, arguments.port, config, arguments.ray_address, arguments.json)
