"""stratumd: self-hosted market intelligence for sports odds."""

import pluggy

__version__ = "0.1.0"

hookimpl = pluggy.HookimplMarker("stratumd")
"""Marks a plugin's function as the implementation of one of the hooks in `stratumd.hookspecs`."""

__all__ = ["__version__", "hookimpl"]
