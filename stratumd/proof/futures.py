"""Another future: what might have been observed next, had the market gone elsewhere."""

from __future__ import annotations

from collections.abc import Sequence
from math import exp
from random import Random

import msgspec

from stratumd.engine import Pipeline
from stratumd.plugin import MINUTE, Listing, Normalizer, Observation, Offer, Offered, Quote, Scope, Snapshot

_PRICE_SHARE = 0.2
"""The standard deviation of how a price is changed: of the logarithm of its profit."""
_HALVES = 4
"""The most half points by which a line is moved."""
_GONE = 0.1
"""The share of quotes that are withdrawn."""
_START = 30
"""The most minutes by which a start is moved."""


class Perturbed(Normalizer):
    """Another normalizer, of which a few events are heard, each in another future."""

    def __init__(self, inner: Normalizer) -> None:
        super().__init__(inner.options)
        self.name = inner.name  # type: ignore[misc]  # it stands in for the other
        self._inner = inner
        self._read: dict[str, Snapshot] = {}
        self.events: frozenset[str] = frozenset()

    def normalize(self, observation: Observation) -> Snapshot:
        """Return what `observation` might have said of the events."""
        found = self._understood(observation)
        draw = Random(observation.id)  # noqa: S311  # no secret: the same perturbation for the same observation
        listings = [_elsewhere(each, draw) for each in found.listings if each.event.id in self.events]
        scope = found.scope and msgspec.structs.replace(found.scope, events=self._asked(found.scope))
        return msgspec.structs.replace(found, scope=scope, listings=listings)

    def tells(self, observation: Observation) -> bool:
        """Say whether `observation` lists one of the events."""
        return any(listing.event.id in self.events for listing in self._understood(observation).listings)

    def forget(self, observation: str) -> None:
        """Let go of an observation that is past."""
        self._read.pop(observation, None)

    def _understood(self, observation: Observation) -> Snapshot:
        found = self._read.get(observation.id)
        if found is None:
            found = self._read[observation.id] = self._inner.normalize(observation)
        return found

    def _asked(self, scope: Scope) -> frozenset[str]:
        return self.events if scope.events is None else scope.events & self.events


class Elsewhere:
    """A pipeline of the same detectors that lives through other futures."""

    def __init__(self, pipeline: Pipeline) -> None:
        self._pipeline = pipeline
        self._normalizers = {name: Perturbed(each) for name, each in pipeline.normalizers.items()}
        pipeline.normalizers = dict(self._normalizers)

    def live(self, now: Observation, ahead: Sequence[Observation], events: frozenset[str]) -> int:
        """Live through another future of `events` right after `now`, and return how many observations that took.

        It is the first of the observations `ahead` that lists one of them, perturbed, or else the present one.
        """
        normalizer = self._normalizers.get(now.format)
        if normalizer is None:
            return 0
        for each in self._normalizers.values():
            each.events = events
        telling = (each for each in ahead if each.format == now.format and normalizer.tells(each))
        future = next(telling, None) or msgspec.structs.replace(now, received_at=now.received_at + MINUTE, id="")
        self._pipeline.step(future)
        return 1

    def forget(self, observation: str) -> None:
        """Let go of an observation that is past."""
        for each in self._normalizers.values():
            each.forget(observation)


def _elsewhere(listing: Listing, draw: Random) -> Listing:
    event = listing.event
    moved = event.commence_at + draw.randint(-_START, _START) * MINUTE
    offers = [_changed(offered, draw) for offered in listing.offers if draw.random() >= _GONE]
    return msgspec.structs.replace(listing, event=msgspec.structs.replace(event, commence_at=moved), offers=offers)


def _changed(offered: Offered, draw: Random) -> Offered:
    offer, last_update = offered
    points = draw.randint(-_HALVES, _HALVES) / 2
    opposite = len(offer.quotes) == 2 and offer.quotes[0].line == _minus(offer.quotes[1].line)
    signs = (1.0, -1.0) if opposite else (1.0,) * len(offer.quotes)
    quotes = [_quote(quote, sign * points, draw) for quote, sign in zip(offer.quotes, signs, strict=True)]
    return Offer(offer.book, offer.market, tuple(quotes), offer.player), last_update


def _quote(quote: Quote, points: float, draw: Random) -> Quote:
    price = 1.0 + max(0.01, (quote.price - 1.0) * exp(draw.gauss(0.0, _PRICE_SHARE)))
    return Quote(quote.outcome, price, None if quote.line is None else quote.line + points + 0.0)


def _minus(line: float | None) -> float | None:
    return None if line is None else -line
