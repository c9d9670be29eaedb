"""Naming the plugin whose code failed, and the line of it."""

from __future__ import annotations

import sys
import traceback
from pathlib import PurePath

from stratumd.engine import Elsewhere
from stratumd.errors import PluginError
from stratumd.redaction import described


def blame(error: BaseException, component: type, *, name: str, plugin: str, version: str = "") -> PluginError:
    """Return the error that says that the component `name`, of class `component`, failed with `error`."""
    where, text = _where(error, component), described(error)
    if isinstance(error, Elsewhere):
        where, text = error.where or "its own process", error.text
    owner = f"{plugin} {version}".strip()
    message = f"plugin {owner} failed in {name!r} at {where}: {text}"
    return PluginError(message, plugin=plugin, version=version, component=name, where=where)


def _where(error: BaseException, component: type) -> str:
    """Return `file:line` of the innermost frame in the component's own folder, else of the innermost."""
    frames = traceback.extract_tb(error.__traceback__)
    home = PurePath(getattr(sys.modules.get(component.__module__), "__file__", None) or "").parent
    own = [frame for frame in frames if PurePath(frame.filename).is_relative_to(home)]
    frame = (own or list(frames))[-1]
    return f"{PurePath(frame.filename).name}:{frame.lineno}"
