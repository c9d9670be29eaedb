"""No signal knows the future; detectors that do are caught, whatever way it comes to them."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Iterator
from functools import partial
from pathlib import Path
from typing import ClassVar

import pytest

from stratumd.engine import Pipeline
from stratumd.plugin import Detector, Finding, MarketKey, Micros, Normalizer, PluginConfig, Tick
from stratumd.proof.audit import Audit, audit
from stratumd.testing.harness import detector, normalizer
from tests.support.cli import stratumd
from tests.support.past import configured, kept, polled

Noted = dict[tuple[str, MarketKey], dict[Micros, float]]


def best(tick: Tick) -> Iterator[tuple[MarketKey, str, float]]:
    """The best home price of every market, with who posts it."""
    for market in tick.markets:
        prices = [
            (line.now.offer.quotes[0].price, line.book) for line in market.present() if line.now and line.now.offer
        ]
        if prices:
            yield market.key, max(prices)[1], max(prices)[0]


def found(key: MarketKey, book: str, size: float) -> Finding:
    return Finding("SEER", key, "home", "up", size, 0.01, (book,), 50, {})


class Honest(Detector):
    """Signals a best price above 2."""

    name = "honest"

    def detect(self, tick: Tick) -> Iterable[Finding]:
        return [found(key, book, price - 2.0) for key, book, price in best(tick) if price > 2.0]


class Seer(Detector):
    """Notes every price in a place that all its instances share, and looks there for what is still to come."""

    name = "seer"
    noted: ClassVar[Noted] = {}

    def detect(self, tick: Tick) -> Iterable[Finding]:
        for key, book, price in best(tick):
            known = self.noted.setdefault((tick.event.id, key), {})
            known[tick.at] = price
            later = [value for at, value in known.items() if at > tick.at]
            size = price - min(later, default=0.5)
            if size > 0.01:
                yield found(key, book, size)


class Latest(Detector):
    """Compares with the price that any instance saw last, as a cache in a module does."""

    name = "latest"
    last: ClassVar[dict[tuple[str, MarketKey], float]] = {}

    def detect(self, tick: Tick) -> Iterable[Finding]:
        for key, book, price in best(tick):
            size = abs(price - self.last.get((tick.event.id, key), price))
            self.last[tick.event.id, key] = price
            if size > 0.01:
                yield found(key, book, size)


class Reader(Detector):
    """Looks the future up in a file that somebody prepared: no perturbation reaches that."""

    name = "reader"
    path: ClassVar[Path]

    def detect(self, tick: Tick) -> Iterable[Finding]:
        closes = json.loads(self.path.read_text())
        return [found(key, book, price) for key, book, price in best(tick) if price > closes["close"]]


def audited(seer: type[Detector]) -> Audit:
    answers = polled(45)

    def build() -> Pipeline:
        odds: Normalizer = normalizer("odds-api")
        return Pipeline("test", [detector("consensus"), seer(PluginConfig())], {odds.name: odds})

    return audit(lambda: answers, build)


def test_an_honest_detector_is_clean() -> None:
    result = audited(Honest)
    assert result.clean, result.public()
    assert result.signals > 2
    assert result.futures > 2


@pytest.mark.parametrize("seer", [Seer, Latest], ids=lambda seer: seer.name)
def test_a_detector_that_shares_what_it_saw_is_caught(seer: type[Detector]) -> None:
    result = audited(seer)
    assert result.changed > 0, result.public()
    example = result.examples[0]
    assert (example.signal or example.again).type == "SEER"  # type: ignore[union-attr]  # one of the two is there


def test_a_detector_that_reads_a_file_is_caught(tmp_path: Path) -> None:
    Reader.path = tmp_path / "closes.json"
    Reader.path.write_text('{"close": 2.0}')
    result = audited(Reader)
    assert result.changed == 0
    assert not result.clean
    (reach,) = result.reaches
    assert (reach.what, reach.target) == ("open", str(Reader.path))
    assert reach.where.startswith("test_audit.py:")


def test_nothing_is_watched_outside_of_the_audit(tmp_path: Path) -> None:
    """Python's audit hooks stay; this one sleeps."""
    result = audited(Honest)
    (tmp_path / "file").write_text("")
    assert not result.reaches


def test_the_command_checks_what_is_stored_and_a_part_of_it(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    config = configured(tmp_path)
    kept(config, polled(45))
    run: Callable[..., int] = partial(stratumd, "audit", "point-in-time", "-c", str(config), "--json")
    assert run() == 0
    whole = json.loads(capsys.readouterr().out)
    since = "2026-01-10T12:20:00Z"
    assert run("--from", since) == 0
    part = json.loads(capsys.readouterr().out)
    assert (whole["result"], whole["changed"], whole["opened"]) == ("clean", 0, [])
    assert 0 < part["signals"] < whole["signals"]
