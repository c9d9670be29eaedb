"""Whose code a frame runs: the plugin, its component, and the line."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from pathlib import PurePath
from types import FrameType
from typing import NamedTuple

from stratumd.errors import place
from stratumd.registry import Registry

_ENGINE = str(PurePath(__file__).parent.parent / "engine") + "/"
_CORE = str(PurePath(__file__).parent.parent) + "/"


class Running(NamedTuple):
    """Code of a plugin that a thread is running."""

    call: FrameType
    """The frame of the plugin that core called: the same one for as long as the call lasts."""
    plugin: str
    version: str
    component: str
    where: str
    """`file:line`, the innermost of the plugin's own."""
    in_engine: bool
    """Whether it is a detector or a normalizer that is being asked: these can be left out."""


class PluginCode:
    """Finds the plugins' code in stacks. `registry` returns the plugins that are loaded now."""

    def __init__(self, registry: Callable[[], Registry]) -> None:
        self._registry = registry
        self._known: Registry | None = None
        self._homes: list[tuple[str, str, str]] = []

    def running(self, frame: FrameType | None) -> Running | None:
        """Return what of a plugin runs in a thread whose innermost frame is `frame`; None where it is none."""
        call, own, caller = None, None, None
        while frame is not None:
            if self.owner(frame.f_code.co_filename) is not None:
                own, call, caller = own or frame, frame, frame.f_back
            frame = frame.f_back
        if call is None or own is None:
            return None
        owner = self.owner(call.f_code.co_filename)
        assert owner is not None, "it was found by it"
        where = place(own.f_code.co_filename, own.f_lineno)
        in_engine = _is_engine(caller)
        return Running(call, *owner, self._component(call, caller, owner[0]), where, in_engine)

    def owner(self, file: str) -> tuple[str, str] | None:
        """Return the plugin whose file it is, and its version."""
        for home, plugin, version in self._places():
            if file.startswith(home):
                return plugin, version
        return None

    def _places(self) -> list[tuple[str, str, str]]:
        registry = self._registry()
        if registry is not self._known:
            self._homes = [*dict.fromkeys(_homes(registry))]
            self._known = registry
        return self._homes

    def _component(self, call: FrameType, caller: FrameType | None, plugin: str) -> str:
        """Name the component: the one that core's own frame calls, else the one whose class the code belongs to."""
        if caller is not None and caller.f_code.co_filename.startswith(_CORE):
            for name in ("detector", "normalizer"):
                found = getattr(caller.f_locals.get(name), "name", None)
                if isinstance(found, str):
                    return found
        kind = call.f_code.co_qualname.partition(".")[0]
        mine = [each.component for _, each in self._registry().components() if each.plugin == plugin]
        return next((each.name for each in mine if each.__name__ == kind), plugin)


def _homes(registry: Registry) -> Iterator[tuple[str, str, str]]:
    """Yield how the files of a plugin begin: its package's folder, or its only file."""
    for _, each in registry.components():
        module = sys.modules.get(each.component.__module__.partition(".")[0])
        file = getattr(module, "__file__", None)
        if file and not file.startswith(_CORE):
            path = PurePath(file)
            yield (f"{path.parent}/" if path.name == "__init__.py" else file), each.plugin, each.version


def _is_engine(frame: FrameType | None) -> bool:
    while frame is not None:
        if frame.f_code.co_filename.startswith(_ENGINE):
            return True
        frame = frame.f_back
    return False
