"""What is left after the faults, against a plain replay of what was stored."""

from __future__ import annotations

from collections import Counter
from dataclasses import astuple, dataclass, fields

from sqlalchemy import text

from stratumd.plugin import Signal, delivery_id
from stratumd.runtime.build import build_pipeline
from stratumd.store import open_reader, open_store
from tests.faults import story
from tests.faults.life import Stage
from tests.faults.story import RECEIVERS, Ledger, sink_name


@dataclass
class Figures:
    """What was counted; those of several runs add up."""

    observations: int = 0
    signals: int = 0
    deliveries: int = 0
    received: int = 0
    repeated: int = 0
    """Deliveries that arrived again, under the id they had."""
    unanswered: int = 0
    """Those of them whose receiver had not answered: it would have asked for them without any kill."""

    def __add__(self, other: Figures) -> Figures:
        return Figures(*(a + b for a, b in zip(astuple(self), astuple(other), strict=True)))

    def __str__(self) -> str:
        return ", ".join(f"{getattr(self, each.name)} {each.name}" for each in fields(self))


def check(stage: Stage) -> Figures:
    """Compare; `AssertionError` says what is lost or doubled."""
    store = open_store(stage.url)
    try:
        stored = store.pending("as if new", [story.SOURCE], 10**6)
        assert store.pending(story.PIPELINE, [story.SOURCE], 10) == [], "an observation was never processed"
        _rows(store._readers, len(stored))
        states = _states(store._readers)
    finally:
        store.close()
    _observations([each.id for each in stored], stage.acknowledged)
    replayed = _replayed(stage, stored)
    _signals(stage, replayed)
    arrived = [_deliveries(stage, kind, replayed, states) for kind in RECEIVERS]
    repeats = [len(each) - len(set(each)) for each in arrived]
    unanswered = repeats[RECEIVERS.index(story.Fragile)]
    return Figures(len(stored), len(replayed), len(states), sum(map(len, arrived)), sum(repeats), unanswered)


def _observations(stored: list[str], acknowledged: Ledger) -> None:
    assert len(set(stored)) == len(stored), "an observation is stored twice"
    lost = set(acknowledged.lines()) - set(stored)
    assert not lost, f"{len(lost)} acknowledged observations are lost"
    told = {each.id for each in story.STORY}
    assert set(stored) <= told, "an observation is stored that was never made"


def _replayed(stage: Stage, stored: list[story.Observation]) -> list[Signal]:
    fresh = build_pipeline(story.spec(stage.known), stage.known)
    return [signal for each in stored for signal in fresh.step(each).signals]


def _signals(stage: Stage, replayed: list[Signal]) -> None:
    reader = open_reader(stage.url)
    try:
        signals = reader.signals()
    finally:
        reader.close()
    expected = [signal.to_json() for signal in story.in_order(replayed)]
    found = [signal.to_json() for signal in signals]
    lost, strange = set(expected) - set(found), set(found) - set(expected)
    assert found == expected, f"no replay's signals: {len(lost)} lost, {len(strange)} strange; {lost or strange}"


def _rows(engine, stored: int) -> None:
    """No position is given twice or left out, whatever was committed how often."""
    with engine.begin() as connection:
        (mine,) = connection.execute(text("SELECT value FROM counters WHERE name = 'processed/main'")).one()
        positions = connection.execute(text("SELECT position FROM processed ORDER BY position")).scalars().all()
        failed = connection.execute(text("SELECT component, error FROM failures")).all()
        pairs = connection.execute(text("SELECT signal, sink FROM deliveries")).all()
    assert failed == [], f"components were skipped: {failed}"
    assert positions == list(range(1, stored + 1)), "an observation was processed twice or never"
    assert mine == stored
    assert len(set(pairs)) == len(pairs), "a delivery is there twice"


def _states(engine) -> dict[str, str]:
    with engine.begin() as connection:
        return dict(connection.execute(text("SELECT id, state FROM deliveries")).all())


def _deliveries(stage: Stage, kind: type[story.Receiver], replayed: list[Signal], states: dict[str, str]) -> list[str]:
    ledger = Ledger(stage.folder / f"{kind.name}.arrived")
    receiver = kind(ledger)
    ids = {delivery_id(signal.id, sink_name(kind)): signal for signal in story.in_order(replayed)}
    assert ids.keys() <= states.keys(), "a delivery was lost with its signal"
    assert {states[id] for id in ids} <= story.ENDS[kind.name], Counter(states[id] for id in ids)
    lines = ledger.lines()
    arrived = [line.split(" ")[0] for line in lines]
    expected = {id for id in ids if receiver.takes(id)}
    assert set(arrived) == expected, f"{len(expected - set(arrived))} never arrived at {kind.name}"
    order: dict[str, list[str]] = {}
    for id, signal in ids.items():
        if id in expected:
            order.setdefault(signal.event, []).append(id)
    assert story.by_event(lines) == order, f"the order of an event was not kept at {kind.name}"
    return arrived
