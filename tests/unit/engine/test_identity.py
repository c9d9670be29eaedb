"""Equal configurations give equal ids, in every process; different ones give different ids."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterable, Mapping
from datetime import timedelta
from typing import Any, ClassVar

import pytest

from stratumd.engine.identity import hashes
from stratumd.odds import MARGIN_MODELS, Pricing
from stratumd.plugin import Detector, PluginConfig, Secret, Tick
from stratumd.plugin.components import Yield
from tests.support import ROOT


class Side(PluginConfig):
    name: str


class Options(PluginConfig):
    sides: frozenset[Side] = frozenset({Side(name="home"), Side(name="away"), Side(name="draw")})
    books: frozenset[str] = frozenset({"fanduel", "betmgm", "pinnacle", "draftkings", "bovada"})
    nested: frozenset[tuple[str, int]] = frozenset({("a", 1), ("b", 2), ("c", 3)})
    weights: Mapping[str, float] = {}
    window: timedelta = timedelta(minutes=3)
    key: Secret = Secret("first")


class Base(Detector):
    name, config = "base", Options
    provides: ClassVar[tuple[str, ...]] = ("average",)

    def detect(self, tick: Tick) -> Iterable[Yield]:
        return ()


class Middle(Base):
    name, needs, provides = "middle", ("average",), ("gap",)


class Top(Base):
    name, needs, provides = "top", ("gap",), ()


class Alone(Base):
    name, provides = "alone", ()


def found(base: Mapping[str, Any], **core: Any) -> dict[str, str]:
    detectors = [Base(Options(**base)), *(kind(Options()) for kind in (Middle, Top, Alone))]
    return hashes(detectors, core.get("pricing", Pricing()), core.get("operators", {}))


PLAIN = found({})


def test_a_process_of_another_hash_seed_finds_the_same() -> None:
    code = "from tests.unit.engine.test_identity import PLAIN; print(PLAIN)"
    said = {
        subprocess.run(
            [sys.executable, "-c", code],
            env={**os.environ, "PYTHONHASHSEED": str(seed), "PYTHONPATH": str(ROOT)},
            check=True,
            capture_output=True,
            text=True,
        ).stdout
        for seed in range(4)
    }
    assert said == {f"{PLAIN}\n"}


def test_whoever_needs_a_detectors_records_depends_on_its_options() -> None:
    other = found({"window": timedelta(minutes=4)})
    assert {name for name in PLAIN if PLAIN[name] != other[name]} == {"base", "middle", "top"}


def test_whoever_needs_a_detectors_records_depends_on_its_version(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Base, "version", "2")
    assert found({})["middle"] != PLAIN["middle"]


def test_the_order_of_a_file_does_not_matter() -> None:
    one, other = {"weights": {"a": 1.0, "b": 2.0}}, {"weights": {"b": 2.0, "a": 1.0}}
    assert found(one) == found(other)
    assert found({}, operators={"a": "x", "b": "y"}) == found({}, operators={"b": "y", "a": "x"})


def test_what_core_is_told_matters_to_all() -> None:
    margins = {"basketball_nba": MARGIN_MODELS["basketball_wnba"]}
    cases: list[dict[str, Any]] = [
        {"operators": {"a": "x"}},
        {"pricing": Pricing(two_way="power")},
        {"pricing": Pricing(three_way="multiplicative")},
        {"pricing": Pricing(margins=margins)},
    ]
    for case in cases:
        other = found({}, **case)
        assert all(PLAIN[name] != other[name] for name in PLAIN)


def test_a_secret_is_no_part_of_it() -> None:
    assert found({"key": Secret("second")}) == PLAIN
