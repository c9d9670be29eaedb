"""A component that was left out while the daemon lived is left out of a replay of that life, and of no other."""

from __future__ import annotations

from pathlib import Path

from stratumd.config import load_config
from stratumd.engine import Step
from stratumd.plugin import Poll
from stratumd.proof.past import Past
from stratumd.runtime.build import build_pipeline
from stratumd.store import Commit, open_reader, open_store
from tests.support.past import configured, polled


def signals(steps: list[Step]) -> list[str]:
    return [signal.id for step in steps for signal in step.signals]


def test_a_replay_obeys_the_rows(tmp_path: Path) -> None:
    config = load_config(configured(tmp_path))
    spec, url = config.pipelines["main"], config.database.connect_url()
    pipeline, lived = build_pipeline(spec, config.registry), []
    store = open_store(url)
    for number, seen in enumerate(polled(40)):
        for _ in range(4 if number in (5, 20) else 0):  # each time for twice as long
            pipeline.quarantine.put("move", pipeline.now, "no answer within 5 s", "move.py:7")
        lived.append(pipeline.step(seen))
        store.observe([(seen.source, Poll(seen.request, seen.received_at, 1, seen))])
        store.commit([Commit(lived[-1])])
    store.close()

    reader = open_reader(url)
    try:
        past = Past(reader, spec, config.registry)
        assert past.poisoned == frozenset()
        assert len(past.unrepeatable) > 5
        again = [*past.steps(past.as_taken(), lambda era: build_pipeline(spec, config.registry))]
        otherwise = [*past.steps(past.as_taken())]
    finally:
        reader.close()
    assert signals(again) == signals(lived)
    assert [step.failures for step in again] == [step.failures for step in lived]
    assert len(signals(otherwise)) > len(signals(lived))
