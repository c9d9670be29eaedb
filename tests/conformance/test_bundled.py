"""The bundled plugins keep the contract, as a stranger's must."""

from typing import Any

import pytest

from stratumd.plugin import Detector
from stratumd.registry import Registry, discover, load
from stratumd.testing.conformance import (
    Verdict,
    verify_component,
    verify_detector,
    verify_normalizer,
    verify_sink,
)
from stratumd.testing.conformance.detectors import Detecting


@pytest.fixture(scope="session")
def registry() -> Registry:
    bundled = [name for name, found in discover().items() if found.distribution == "stratumd"]
    loaded = load(bundled)
    assert loaded.failures == []
    return loaded


def problems(verdicts: list[Verdict]) -> list[Verdict]:
    assert verdicts
    return [verdict for verdict in verdicts if verdict.problem]


def needed(registry: Registry, component: type[Detector]) -> list[Detector]:
    """Return detectors that provide the records which `component` needs."""
    found = [each.component for each in registry.detectors.values() if {*each.component.provides} & {*component.needs}]
    return [each(each.config()) for each in found]


FIRES = {
    "consensus": set(),
    "dislocation": {"DISLOCATION"},
    "live-shock": {"LIVE_SHOCK"},
    "move": {"MOVE", "MULTIBOOK_SYNC"},
    "regime": set(),
    "context": set(),
    "projection": set(),  # it hears nothing here; its own tests run the contract with something to hear
    "steam": {"STEAM"},
    "value": {"POSITIVE_EV", "MIDDLE"},
}


@pytest.mark.parametrize("name", FIRES)
def test_a_bundled_detector_conforms(registry: Registry, name: str) -> None:
    component = registry.detectors[name].component
    before = needed(registry, component)
    subject = Detecting(component, {}, tuple(before))
    assert {finding.type for _, finding in subject.findings()} >= FIRES[name], "the script tries nothing"
    assert problems(verify_detector(component, {}, before=before)) == []


def test_every_bundled_detector_is_tried(registry: Registry) -> None:
    assert registry.detectors.keys() == FIRES.keys()


def test_bundled_normalizers_conform(registry: Registry) -> None:
    for each in registry.normalizers.values():
        assert problems(verify_normalizer(each.component, {})) == []


def test_bundled_sources_conform(registry: Registry) -> None:
    for each in registry.sources.values():
        assert problems(verify_component(each.component)) == []


@pytest.mark.parametrize("name", ["file", "log"])
def test_a_bundled_sink_conforms(registry: Registry, name: str, tmp_path: Any) -> None:
    options = {"path": str(tmp_path / "signals.jsonl")} if name == "file" else {}
    assert problems(verify_sink(registry.sinks[name].component, options)) == []
