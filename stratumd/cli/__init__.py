"""The command line: one module per group of commands, which import what takes long only when they run."""

from __future__ import annotations

import gc
import sys
from collections.abc import Sequence
from importlib import import_module
from typing import Annotated

import typer

from stratumd import __version__
from stratumd.cli.console import run_guarded, say

GROUPS = (
    "run",
    "reload",
    "pausing",
    "replay",
    "cases",
    "backfill",
    "config",
    "plan",
    "plugins",
    "read",
    "cycles",
    "tap",
    "db",
    "sinks",
    "alerts",
    "deliveries",
    "why",
    "why_not",
    "validate",
    "rebuild",
    "export",
    "certify",
    "audit",
    "record",
    "whatif",
    "backtest",
    "clv",
    "regime",
    "operations",
)
"""The modules that register the commands, in the order in which the help shows them."""

_NEW_OBJECTS = 100_000
"""After so many the garbage collector looks at them. A daemon looks oftener once it is up."""


def build() -> typer.Typer:
    """Return the application with all its commands."""
    app = typer.Typer(
        name="stratumd",
        help="Odds in, explained signals out.",
        add_completion=False,
        no_args_is_help=True,
        pretty_exceptions_enable=False,
        context_settings={"help_option_names": ["--help", "-h"]},
        rich_markup_mode="rich" if sys.stdout.isatty() else None,
    )
    app.callback()(_root)
    for group in GROUPS:
        import_module(f"stratumd.cli.{group}").register(app)
    return app


def main(arguments: Sequence[str] | None = None) -> None:
    """Run the command that the arguments name, and exit with its code. `--debug` may stand anywhere."""
    if arguments is None:
        gc.set_threshold(_NEW_OBJECTS)  # a process of its own: what it imports makes no garbage
    words = list(sys.argv[1:] if arguments is None else arguments)
    debug = "--debug" in words
    words = [word for word in words if word != "--debug"]
    sys.exit(run_guarded(lambda: build()(args=words, prog_name="stratumd", standalone_mode=False), debug=debug))


def _print_version(asked: bool) -> None:
    if asked:
        say(f"stratumd {__version__}")
        raise typer.Exit


def _root(
    version: Annotated[
        bool,
        typer.Option("--version", callback=_print_version, is_eager=True, help="Print the version and exit."),
    ] = False,
    debug: Annotated[bool, typer.Option("--debug", help="Show the traceback of an error.")] = False,
) -> None:
    """Offer the options that belong to no command; `main` itself takes `--debug`."""
