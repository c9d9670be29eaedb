"""Jobs and reports over a real database that holds what a test fed to a pipeline, at the times that the test gives.

```python
with working(f"sqlite:///{tmp_path / 'test.db'}", detectors=[detector("move")], extra=[stratumd_tally]) as desk:
    desk.feed(observation(at, {game(starts=at + 6 * HOUR): {"fanduel": [spread(-3.5, 1.91, 1.91)]}}))
    desk.run("tally", at + HOUR, days=7)
    assert desk.ask("tally.counts", type="MOVE") == []
```
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from types import ModuleType
from typing import Any

from stratumd.config import PipelineSpec
from stratumd.engine import Pipeline, Step
from stratumd.errors import PluginError
from stratumd.plugin import Detector, Ledger, Micros, Normalizer, Observation, PluginConfig
from stratumd.registry import Registered, Registry, load, plugin_of
from stratumd.runtime.jobs import assigned
from stratumd.runtime.replaying import replay
from stratumd.store import Store, open_store, plugin_migrations
from stratumd.testing.harness import PlainNormalizer


class Working:
    """A pipeline whose steps are stored, and the jobs and reports that are loaded."""

    def __init__(self, pipeline: Pipeline, store: Store, registry: Registry) -> None:
        self._pipeline = pipeline
        self._store = store
        self._registry = registry
        self.ledger: Ledger = store.ledger(pipeline.name)
        """The store as a job of the pipeline sees it."""

    def feed(self, observation: Observation) -> Step:
        """Take one observation, store everything that follows from it, and return that. `PluginError` as a harness."""
        (step,) = replay([observation], [self._pipeline], self._store)
        for failure in step.failures:
            raise PluginError(failure.error, plugin=plugin_of(failure.component), where=failure.where)
        return step

    def run(self, job: str, at: Micros, **options: Any) -> str:
        """Run a job as if `at` were due, with options as the file gives them, and return what it says."""
        done = self._built(self._registry.jobs, job, options).run(at, self.ledger)
        return str(done)

    def ask(self, report: str, **question: Any) -> list[dict[str, Any]]:
        """Return the rows with which a report answers."""
        return [dict(row) for row in self._built(self._registry.reports, report, question).answer(self.ledger)]

    def _built(self, registered: dict[str, Registered], name: str, options: dict[str, Any]) -> Any:
        found = registered.get(name)
        if found is None:
            raise LookupError(f"{name!r} is not loaded; there are: {', '.join(registered) or 'none'}")
        return assigned(
            found, found.component.config.model_validate(options), PipelineSpec(self._pipeline.name, ()), name
        )


@contextmanager
def working(
    database_url: str,
    *,
    detectors: Sequence[Detector] = (),
    normalizers: Iterable[Normalizer] = (),
    plugins: Sequence[str] = (),
    extra: Iterable[ModuleType] = (),
    pipeline: str = "test",
) -> Iterator[Working]:
    """Open the database, with the tables of the plugins, for one pipeline.

    `plugins`: those to load, by name. `extra`: the modules of such as are not installed.
    """
    registry = load(plugins, extra=extra)
    for failure in registry.failures:
        raise failure
    by_format = {one.name: one for one in (PlainNormalizer(PluginConfig()), *normalizers)}
    store = open_store(
        database_url, plugins=plugin_migrations((each.plugin, each.component) for _, each in registry.components())
    )
    try:
        yield Working(Pipeline(pipeline, detectors, by_format), store, registry)
    finally:
        store.close()
