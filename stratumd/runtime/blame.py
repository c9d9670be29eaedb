"""Naming the plugin whose code failed, and the line of it."""

from __future__ import annotations

import inspect
import sys
import traceback
from pathlib import PurePath

from stratumd.engine import Elsewhere
from stratumd.errors import PluginError, place
from stratumd.redaction import described

_CORE = f"{PurePath(__file__).parent.parent}/"


def blame(error: BaseException, component: type, *, name: str, plugin: str, version: str = "") -> PluginError:
    """Return the error that says that the component `name`, of class `component`, failed with `error`."""
    where, text = _where(error, component), described(error)
    if isinstance(error, Elsewhere):
        where, text = error.where or "its own process", error.text
    owner = f"{plugin} {version}".strip()
    message = f"plugin {owner} failed in {name!r} at {where}: {text}"
    return PluginError(message, plugin=plugin, version=version, component=name, where=where)


def _where(error: BaseException, component: type) -> str:
    """Return the line of the innermost frame in the component's own folder, else of the innermost outside of core.

    Where there is none, as what it returned was refused here: where the component's class begins.
    """
    frames = traceback.extract_tb(error.__traceback__)
    home = PurePath(getattr(sys.modules.get(component.__module__), "__file__", None) or "").parent
    own = [frame for frame in frames if PurePath(frame.filename).is_relative_to(home)]
    for frame in reversed(own or [frame for frame in frames if not frame.filename.startswith(_CORE)]):
        return place(frame.filename, frame.lineno or 0)
    return _beginning(component)


def _beginning(component: type) -> str:
    try:
        return place(inspect.getsourcefile(component) or "", inspect.getsourcelines(component)[1])
    except (OSError, TypeError):
        return component.__module__
