"""What a pipeline is built from, in words that are the same for the same build: kept beside what follows from it."""

from __future__ import annotations

import hashlib
import inspect
import sys
from collections.abc import Mapping
from datetime import timedelta
from functools import lru_cache
from pathlib import Path
from typing import Any

import msgspec
from pydantic import BaseModel

import stratumd
from stratumd.engine import Pipeline
from stratumd.engine.quality import Bounds
from stratumd.odds import MarginModel, Pricing
from stratumd.plugin import Component, format_duration

_CORE = ("engine", "odds", "plugin")
"""The rooms of core that decide what follows from an observation."""
_ENCODE = msgspec.json.Encoder(order="deterministic", enc_hook=str).encode


class PartBuild(msgspec.Struct, frozen=True):
    """A detector or normalizer."""

    name: str
    version: str
    code: str
    """A hash of its plugin's source files; empty where there are none."""
    hash: str = ""
    """Of a detector: what its results depend on besides the observations and the code; a part of its signals' ids."""
    options: dict[str, Any] = {}
    """As a file would hold them; `***` for a secret."""


class PricingBuild(msgspec.Struct, frozen=True):
    """How fair prices are made."""

    two_way: str
    three_way: str
    margins: dict[str, MarginModel] = {}

    def pricing(self) -> Pricing:
        """Return it as the engine takes it. `ValueError` where it names a method that is no more."""
        return Pricing(self.two_way, self.three_way, self.margins)  # type: ignore[arg-type]  # checked by Pricing


class Build(msgspec.Struct, frozen=True):
    """What a pipeline is built from."""

    stratumd: str
    core: str
    """A hash of core's own code that decides what follows from an observation."""
    detectors: list[PartBuild]
    normalizers: list[PartBuild]
    pricing: PricingBuild
    operators: dict[str, str]
    quality: Bounds | None = None
    """What counts as wrong in quotes; None where that was not judged."""

    def text(self) -> str:
        """Return it as JSON, the same text for the same build."""
        return _ENCODE(self).decode()

    def options(self) -> dict[str, Any]:
        """Return all that a configuration decides, by dotted path; detectors stand in their order."""
        found: dict[str, Any] = {"detectors": [each.name for each in self.detectors]}
        for each in self.detectors:
            found |= {f"{each.name}.{path}": value for path, value in _leaves(each.options)}
        found |= {f"pricing.{path}": value for path, value in _leaves(msgspec.to_builtins(self.pricing))}
        if self.quality is not None:
            found |= {f"quality.{path}": value for path, value in _leaves(msgspec.to_builtins(self.quality))}
        return found | {f"operators.{book}": operator for book, operator in self.operators.items()}


def build_of(pipeline: Pipeline) -> Build:
    """Return what `pipeline` is built from."""
    pricing = pipeline.pricing
    return Build(
        stratumd=stratumd.__version__,
        core=_digest(tuple(Path(stratumd.__file__).parent / room for room in _CORE)),
        detectors=[
            PartBuild(each.name, _version(each), code_of(type(each)), pipeline.hashes[each.name], plain(each.options))
            for each in pipeline.detectors
        ],
        normalizers=[
            PartBuild(name, _version(each), code_of(type(each))) for name, each in sorted(pipeline.normalizers.items())
        ],
        pricing=PricingBuild(pricing.two_way, pricing.three_way, dict(pricing.margins)),
        operators=dict(pipeline.operators),
        quality=pipeline.bounds,
    )


def _version(part: Component) -> str:
    """Return a component's version; one that cannot say it is named where it matters, in the step."""
    try:
        return part.version
    except BaseException:  # noqa: BLE001  # a plugin may raise anything
        return ""


def read_build(text: str) -> Build:
    """Read back what `Build.text` gave. `msgspec.DecodeError` where it is of another shape, an older program's."""
    return msgspec.json.decode(text, type=Build)


def plain(value: Any) -> Any:
    """Return options as a file would hold them, so that their model reads them back as they were."""
    if isinstance(value, BaseModel):
        return {name: plain(getattr(value, name)) for name in type(value).model_fields}
    if isinstance(value, timedelta):
        return format_duration(value)
    if isinstance(value, Mapping):
        return {str(key): plain(each) for key, each in value.items()}
    if isinstance(value, (set, frozenset)):
        return sorted(map(plain, value), key=_ENCODE)
    if isinstance(value, (list, tuple)):
        return [plain(each) for each in value]
    return value if isinstance(value, (str, int, float, bool, type(None))) else str(value)


def code_of(component: type[Component]) -> str:
    """Return a hash of the source files of the plugin that `component` belongs to; empty where there are none."""
    module = sys.modules.get(component.__module__.partition(".")[0])
    home = getattr(module, "__path__", None)
    if home is not None:
        return _digest(tuple(Path(folder) for folder in home))
    try:
        return _digest((Path(inspect.getfile(component)),))
    except (TypeError, OSError):
        return ""


@lru_cache(maxsize=256)
def _digest(places: tuple[Path, ...]) -> str:
    """Hash files, and the Python files below folders; once in a process, which goes on with what it has loaded."""
    digest = hashlib.sha256()
    for place in places:
        for file in sorted(place.rglob("*.py")) if place.is_dir() else [place]:
            if file.is_file():
                digest.update(f"{file.name}\n{file.stat().st_size}\n".encode())
                digest.update(file.read_bytes())
    return digest.hexdigest()[:16]


def _leaves(value: Any, prefix: str = "") -> list[tuple[str, Any]]:
    if isinstance(value, dict) and value:
        return [
            (f"{prefix}{name}{'.' if rest else ''}{rest}", leaf)
            for name, each in value.items()
            for rest, leaf in _leaves(each)
        ]
    return [(prefix, value)]
