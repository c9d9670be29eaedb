"""A stranger's plugin that does wrong in every way, installed in a folder as pip would."""

from __future__ import annotations

from pathlib import Path

SOURCE = '''"""A detector and a sink that do what their option `act` says."""

from stratumd import hookimpl
from stratumd.plugin import Detector, Finding, PluginConfig, Record, Secret, Sink


class Final(BaseException):
    """What `except Exception` does not catch."""


class Mute(Exception):
    """Its text cannot be made."""

    def __str__(self):
        raise RuntimeError("no text")


class Noted(Record, frozen=True):
    """A record of anything."""

    kind = "noted"
    value: object = None


class Options(PluginConfig):
    """Options of both."""

    act: str = "signal"
    key: Secret


def act(options):
    """Raise what `act` says."""
    if options.act == "leak":
        raise ValueError(f"refused {options.key.reveal()}")
    if options.act == "end":
        raise Final(options.key.reveal())
    if options.act == "interrupt":
        raise KeyboardInterrupt
    if options.act == "mute":
        raise Mute
    if options.act == "surrogate":
        raise ValueError("\\ud800")


class HostileDetector(Detector):
    """Finds something in every market, unless it does wrong."""

    name, config = "hostile", Options

    def detect(self, tick):
        act(self.options)
        for market in tick.markets:
            if self.options.act == "record":
                yield Noted(market.key, object())
            outcome = None if self.options.act == "outcome" else "home"
            yield Finding("HOSTILE", market.key, outcome, "up", 1.0, 1.0, ("fanduel",), 50, {})

    @property
    def version(self):
        if self.options.act == "version":
            raise LookupError(self.options.key.reveal())
        return "1"


class HostileSink(Sink):
    """Takes everything, unless it does wrong."""

    name, config = "hostile", Options

    async def deliver(self, deliveries):
        act(self.options)


@hookimpl
def register_detectors():
    """Return the detector."""
    return [HostileDetector]


@hookimpl
def register_sinks():
    """Return the sink."""
    return [HostileSink]
'''


def install(folder: Path) -> Path:
    """Install the plugin `hostile` 1.0 into `folder` and return it."""
    metadata = folder / "stratumd_hostile-1.0.dist-info"
    metadata.mkdir(parents=True)
    (folder / "stratumd_hostile.py").write_text(SOURCE)
    (metadata / "METADATA").write_text("Metadata-Version: 2.1\nName: stratumd-hostile\nVersion: 1.0\n")
    (metadata / "entry_points.txt").write_text("[stratumd.plugins]\nhostile = stratumd_hostile\n")
    return folder
