"""Options that a command changes: `path=value`, the value as YAML writes it."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any, TypeVar

from pydantic import ValidationError
from ruamel.yaml import YAML
from ruamel.yaml.error import YAMLError

from stratumd.config.messages import told
from stratumd.errors import ConfigError
from stratumd.plugin import PluginConfig
from stratumd.plugin.known import suggest
from stratumd.runtime.builds import plain

O = TypeVar("O", bound=PluginConfig)  # noqa: E741  # options


def changed_options(options: O, changes: Iterable[str], owner: str = "") -> O:
    """Return `options` with each `path=value` of `changes` in place. `ConfigError` where one is not understood.

    `owner`: what stood before each path, such as `steam.`, for the message.
    """
    for change in changes:
        path, equals, text = change.partition("=")
        told = owner + change
        if not equals:
            raise ConfigError(f"--set {told}: expected option=value")
        options = _under(options, path.split("."), read_value(told, text), told)
    return options


def read_value(change: str, text: str) -> Any:
    """Return the value that a text is in YAML."""
    try:
        return YAML(typ="safe").load(text)
    except YAMLError as error:
        raise ConfigError(f"--set {change}: {text!r} is no value that YAML knows") from error


def _under(options: O, path: Sequence[str], value: Any, change: str) -> O:
    whole = plain(options)
    inner = whole
    for key in path[:-1]:
        inner = inner.get(key) if isinstance(inner, dict) else None
    if not isinstance(inner, dict):
        raise ConfigError(f"--set {change}: there is no option {'.'.join(path)}")
    inner[path[-1]] = value
    try:
        return type(options).model_validate(whole)
    except ValidationError as error:
        mistake = told(error.errors(include_url=False)[0], None)
        known = [name for name in inner if name != path[-1]]
        hint = suggest(path[-1], known, listed="there are") if mistake.kind == "extra" else mistake.hint
        raise ConfigError(f"--set {change}: {mistake.text}{f'; {hint}' if hint else ''}") from error
