"""What a detector's results depend on besides the observations, as a hash that is a part of every signal's id."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from typing import Any

import msgspec
from pydantic import BaseModel

from stratumd.engine.quality import Bounds
from stratumd.odds import Pricing
from stratumd.plugin import Detector

_ENCODE = msgspec.json.Encoder(order="deterministic", enc_hook=str).encode


def hashes(
    detectors: Sequence[Detector], pricing: Pricing, operators: Mapping[str, str], quality: Bounds | None = None
) -> dict[str, str]:
    """Return the hash of each detector by name: of its options, of core's, and of those whose records it needs.

    It is the same in every process, and in whatever order the file names things.
    """
    found: dict[str, str] = {}
    margins = {sport: repr(model) for sport, model in pricing.margins.items()}
    shared: tuple[Any, ...] = (pricing.two_way, pricing.three_way, margins, operators)
    if quality is not None and quality.reject_invalid:  # else it decides nothing that detectors see
        shared = (*shared, quality)
    for position, detector in enumerate(detectors):
        providers = [
            (provider.name, provider.version, found[provider.name])
            for provider in detectors[:position]
            if not set(provider.provides).isdisjoint(detector.needs)
        ]
        parts = (_plain(detector.options), shared, providers)
        found[detector.name] = hashlib.sha256(_ENCODE(parts)).hexdigest()[:16]
    return found


def _plain(value: Any) -> Any:
    """Return options as JSON knows them; a set, which has an order of its own in every process, sorted."""
    if isinstance(value, BaseModel):
        return {name: _plain(getattr(value, name)) for name in type(value).model_fields}
    if isinstance(value, Mapping):
        return {str(key): _plain(each) for key, each in value.items()}
    if isinstance(value, (set, frozenset)):
        return sorted(map(_plain, value), key=_ENCODE)
    if isinstance(value, (list, tuple)):
        return [_plain(each) for each in value]
    return value
