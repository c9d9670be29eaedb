"""What all of the file's own sections have in common."""

from __future__ import annotations

from stratumd.plugin import PluginConfig


class Section(PluginConfig):
    """Base of the file's own sections: unknown keys are errors, nothing changes after the start."""


class Hinted(ValueError):
    """A wrong value, with what to write instead."""

    def __init__(self, message: str, hint: str | None) -> None:
        super().__init__(message)
        self.hint = hint
