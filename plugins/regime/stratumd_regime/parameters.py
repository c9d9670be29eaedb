"""The parameters of the models, by sport and market: a versioned file that is read once, when the detector is built."""

from __future__ import annotations

from collections.abc import Mapping
from importlib import resources
from pathlib import Path

import msgspec

from stratumd.errors import ConfigError
from stratumd.odds import RegimeParameters
from stratumd.plugin import PluginConfig


class Options(PluginConfig):
    """Options of `regime`."""

    parameters: Path | None = None
    """A file of parameters of your own, as `stratumd regime fit` writes it; those that ship with the plugin without."""


class Model(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The parameters of one sport and market, and what they were fitted to."""

    a: float
    """Per hour: stable turns unstable."""
    b: float
    """Per hour: unstable turns stable."""
    rates: tuple[float, float]
    """Changes per hour, stable and unstable."""
    scales: tuple[float, float]
    """Root mean square of a change, in `unit`."""
    unit: str
    """`points` or `probability`."""
    events: int
    steps: int
    changes: int

    @property
    def parameters(self) -> RegimeParameters:
        """The parameters as the mathematics takes them. `ValueError` where they cannot be."""
        return RegimeParameters(self.a, self.b, self.rates, self.scales)


class Fitted(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A file of models."""

    version: str
    made_from: str
    models: dict[str, dict[str, Model]]
    """By sport, by market."""


def load(path: Path | None) -> Mapping[tuple[str, str], RegimeParameters]:
    """Return the parameters by sport and market: of the file at `path`, or those that ship with the plugin."""
    shipped = resources.files("stratumd_regime").joinpath("parameters.json")
    try:
        body = shipped.read_bytes() if path is None else path.read_bytes()
        found = msgspec.json.decode(body, type=Fitted)
        return {
            (sport, market): model.parameters
            for sport, markets in found.models.items()
            for market, model in markets.items()
        }
    except (OSError, msgspec.DecodeError, ValueError) as error:
        raise ConfigError(f"regime: {path}: {error}") from error
