"""What a component must do, as numbered checks: the contract's MUSTs, which `stratumd plugins verify` runs.

The numbers never change their meaning; docs/plugin-authors/contract.md explains each.

```python
from stratumd.testing.conformance import verify_detector

assert [verdict for verdict in verify_detector(MyDetector, {}) if verdict.problem] == []
```
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from stratumd.plugin import Component, Detector, Normalizer, Sink
from stratumd.testing.conformance.detectors import DETECTOR, Detecting
from stratumd.testing.conformance.musts import COMMON, Verdict, judged
from stratumd.testing.conformance.normalizers import NORMALIZER
from stratumd.testing.conformance.sinks import SINK, Sinking

__all__ = ["Verdict", "musts", "verify_component", "verify_detector", "verify_normalizer", "verify_sink"]


def musts() -> dict[str, str]:
    """Return all MUSTs by number."""
    return {each.number: each.text for table in (COMMON, DETECTOR, NORMALIZER, SINK) for each in table}


def verify_component(component: type[Component]) -> list[Verdict]:
    """Check what holds for every component; of a source there is no more to check without its provider."""
    return judged(COMMON, component)


def verify_detector(
    component: type[Detector], options: Mapping[str, Any], *, before: Sequence[Detector] = ()
) -> list[Verdict]:
    """Check a detector. `before` are the detectors whose records it needs. `ConfigError` where options are missing."""
    detecting = Detecting(component, options, tuple(before))
    return [*verify_component(component), *judged(DETECTOR, detecting)]


def verify_normalizer(component: type[Normalizer], options: Mapping[str, Any]) -> list[Verdict]:
    """Check a normalizer."""

    def build() -> Normalizer:
        return component(component.config.model_validate(dict(options)))

    return [*verify_component(component), *judged(NORMALIZER, build)]


def verify_sink(component: type[Sink], options: Mapping[str, Any]) -> list[Verdict]:
    """Check a sink. It really delivers: let its options name something that may be written to.

    `ConfigError` where options are missing.
    """
    sinking = Sinking(component, options)
    return [*verify_component(component), *judged(SINK, sinking)]
