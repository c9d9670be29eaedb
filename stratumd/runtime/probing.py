"""Asking everything that a configuration needs whether it is there, without changing, sending or paying anything."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterator
from functools import partial
from typing import NamedTuple

import anyio
from anyio import to_thread

from stratumd.config import Config
from stratumd.errors import DeliveryError, StartupError, StratumError
from stratumd.plugin import Sink, Source
from stratumd.plugin.components import NOTHING_TO_PROBE
from stratumd.redaction import shown, told
from stratumd.runtime.build import Feed, Outlet, build_sink, build_source
from stratumd.runtime.calls import call
from stratumd.runtime.clock import SystemTimer
from stratumd.store import is_made, may_make_tables, plugin_migrations, schema

DEADLINE, CLOSING = 15.0, 1.0
"""Seconds that one answer may take, and that closing may take afterwards."""


class Probed(NamedTuple):
    """What one part answered."""

    kind: str
    """`database`, `source` or `sink`."""
    name: str
    up: bool | None
    """None where nothing was asked, because there is nothing to ask."""
    found: str
    """What is there, or what is wrong."""


async def probe(config: Config) -> list[Probed]:
    """Ask the database, and every source and sink that is enabled, all at the same time."""
    questions = [*_questions(config)]
    answers = [Probed(each.kind, each.name, False, "not asked") for each in questions]

    async def ask(number: int) -> None:
        answers[number] = await _answer(questions[number])

    async with anyio.create_task_group() as group:
        for number in range(len(questions)):
            group.start_soon(ask, number)
    return answers


class _Question(NamedTuple):
    kind: str
    name: str
    ask: Callable[[], Awaitable[str]]


def _questions(config: Config) -> Iterator[_Question]:
    timer, registry = SystemTimer(), config.registry
    yield _Question("database", config.database.shown_url(), partial(to_thread.run_sync, _database, config))
    for source in config.enabled_sources().values():
        yield _Question("source", source.name, partial(_component, partial(build_source, source, registry, timer)))
    for sink in (each for pipeline in config.pipelines.values() if pipeline.runs for each in pipeline.sinks):
        if sink.enabled:
            yield _Question("sink", sink.name, partial(_component, partial(build_sink, sink, registry, timer)))


async def _answer(question: _Question) -> Probed:
    try:
        found = await question.ask()
    except StratumError as error:
        return Probed(question.kind, question.name, False, shown(told(error)))
    return Probed(question.kind, question.name, None if found == NOTHING_TO_PROBE else True, shown(found))


async def _component(build: Callable[[], Feed | Outlet]) -> str:
    """Build a component, ask it, and close it again."""
    owner = build().owner
    component = owner.component
    assert isinstance(component, Source | Sink), "nothing else meets the outside"

    async def probe() -> str:
        try:
            return str(await component.probe())
        except DeliveryError as error:
            raise StartupError(told(error)) from error

    try:
        return await call(owner, probe, DEADLINE)
    finally:
        await call(owner, component.close, CLOSING)


def _database(config: Config) -> str:
    url = config.database.connect_url()
    if not is_made(url):
        return "not there yet; the first run creates it"
    migrations = plugin_migrations((each.plugin, each.component) for _, each in config.registry.components())
    old = [each.owner for each in schema(url, migrations) if not each.fresh]
    if not old:
        return "there"
    if not may_make_tables(url):
        raise StartupError("there, but this user may make no tables there: ALTER DATABASE … OWNER TO it")
    return f"there; the next run brings the schema of {', '.join(old)} up to date"
