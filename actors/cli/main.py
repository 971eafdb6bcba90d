"""``order-router``: one subcommand per file of this folder.

A command file has ``add_parser(subparsers)`` and ``run(arguments) -> exit code``, and imports what is heavy inside
``run``, so that ``--help`` answers at once. Exit codes: 0 ok, 1 failed, 2 wrong usage.
"""

from __future__ import annotations

import argparse
import importlib
import importlib.metadata
import pkgutil
import sys
from collections.abc import Sequence

import actors.cli
from actors.cli.examples import show_examples
from actors.cli.output import UsageError, fail


class _Version(argparse.Action):
    """Looks the version up only when it is asked for."""

    def __call__(self, parser: argparse.ArgumentParser, *_ignored: object) -> None:
        print(importlib.metadata.version("order-router"))
        parser.exit()


def build_parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="order-router", description="Routes orders: stream them in, get durable decisions back."
    )
    parser.add_argument("--version", action=_Version, nargs=0, help="print the version and exit")
    subparsers = parser.add_subparsers(dest="command", metavar="COMMAND")
    show_examples(parser, "order-router")
    for name in sorted(module.name for module in pkgutil.iter_modules(actors.cli.__path__)):
        command = importlib.import_module(f"actors.cli.{name}")
        if hasattr(command, "add_parser"):
            added: argparse.ArgumentParser = command.add_parser(subparsers)
            added.set_defaults(run=command.run)
            show_examples(added, f"order-router {name}")
    return parser


def main(argv: Sequence[str] | None = None) -> int:
    parser = build_parser()
    arguments = parser.parse_args(argv)
    if arguments.command is None:
        parser.print_help()
        return 0
    try:
        return int(arguments.run(arguments))
    except UsageError as fault:
        return fail(str(fault), exit_code=2)
    except KeyboardInterrupt:
        return fail("Interrupted.", exit_code=1)
    except BrokenPipeError:  # the reader of our output has gone, `order-router … | head` say
        sys.stderr.close()
        return 1
    except Exception as fault:
        return _explain(fault)


def _explain(fault: Exception) -> int:
    """A fault of the outside world is a sentence; anything else is a bug and keeps its traceback."""
    from actors.store.locks import FolderInUse
    from router.errors import RouterError

    if isinstance(fault, OSError) and fault.filename:
        return fail(f"{fault.filename}: {fault.strerror}.", exit_code=1)
    if isinstance(fault, RouterError | FolderInUse | OSError):
        return fail(str(fault), exit_code=1)
    raise fault


if __name__ == "__main__":
    raise SystemExit(main())
