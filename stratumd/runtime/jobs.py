"""A pipeline's jobs: each runs in a thread when it is due, and one run never meets another of its own."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import partial
from typing import Any, TypeVar

import anyio
from anyio import to_thread
from pydantic import ValidationError

from stratumd.config import Config, JobSpec, PipelineSpec
from stratumd.errors import ConfigError, PluginError, StratumError
from stratumd.observe.logs import logger
from stratumd.odds import Pricing, operator_of
from stratumd.plugin import Component, Job, Ledger, Log, Micros
from stratumd.registry import Registered, Registry
from stratumd.runtime.blame import blame
from stratumd.runtime.core import Core
from stratumd.runtime.gauges import look_for_pauses
from stratumd.runtime.instants import StoredInstants
from stratumd.runtime.posts import Turns
from stratumd.runtime.states import State
from stratumd.runtime.ticks import ticks

KIND = "job"

C = TypeVar("C", bound=Component)


class Assigned:
    """What core lends to a job or a report: the `JobContext` of the contract."""

    def __init__(self, spec: PipelineSpec, name: str) -> None:
        self.pipeline = spec.name
        self.pricing: Pricing = spec.pricing
        self.log: Log = logger("stratumd.plugin", component=name)
        self._operators: Mapping[str, str] = spec.operators

    def operator(self, book: str) -> str:
        """Return whom a book belongs to."""
        return self._operators.get(book) or operator_of(book)


def assigned(registered: Registered, options: Any, spec: PipelineSpec, name: str) -> Any:
    """Build a job or a report. `PluginError` where its code fails."""
    try:
        return registered.component(options, Assigned(spec, name))
    except StratumError:
        raise
    except BaseException as error:  # a plugin may raise anything
        raise _blamed(registered, name, error) from error


def answered(
    config: Config, ledger: Callable[[str], Ledger], name: str, question: Mapping[str, Any], pipeline: str
) -> list[dict[str, Any]]:
    """Return the rows with which the report `name` answers.

    `LookupError` where it or the pipeline is not there, `PluginError` where its code fails or gives what is no row.
    """
    registered, spec = config.registry.reports.get(name), config.pipelines.get(pipeline)
    if registered is None or spec is None:
        raise LookupError(f"no report {name!r} is loaded for the pipeline {pipeline!r}")
    try:
        options = registered.component.config.model_validate(dict(question))
    except ValidationError as error:
        first = error.errors(include_url=False)[0]
        raise ConfigError(f"{'.'.join(map(str, first['loc']))}: {first['msg']}") from None
    report = assigned(registered, options, spec, name)
    try:
        return [_row(row) for row in report.answer(ledger(pipeline))]
    except StratumError:
        raise
    except Exception as error:  # a plugin may raise anything
        raise _blamed(registered, name, error) from error


def _row(row: object) -> dict[str, Any]:
    if not isinstance(row, Mapping):
        raise TypeError(f"answered with a {type(row).__name__}; a report yields mappings")
    return dict(row)


class JobWorker:
    """Runs one job. `run` returns where it is to run only once, and raises what a restart may help against."""

    kind = KIND

    def __init__(self, spec: JobSpec, pipeline: PipelineSpec, registry: Registry, core: Core, once: bool):
        """`once`: it runs at once, and then ends."""
        self.name = spec.name
        self.turns = Turns()
        self._registered = registry.jobs[spec.use]
        self._job: Job = assigned(self._registered, spec.options, pipeline, spec.name)
        self._ledger = core.store.ledger(pipeline.name)
        self._core = core
        stored = StoredInstants(KIND, spec.name, core)
        self._ticks = None if once else ticks(spec.schedule.schedule(), spec.name, core.timer, stored)
        self._log = logger("stratumd.job", job=spec.name)

    async def run(self) -> None:
        """Run at every due instant that no other daemon takes, and at none while a person paused it."""
        await look_for_pauses(self._core)
        if self._ticks is None:
            await self._once(self._core.timer.now())
            return
        self._core.states.put(KIND, self.name, State.OK)
        while True:
            due = await self._ticks.wait()
            if due is not None:
                with self.turns.turn():
                    await self._once(due.instant)

    async def _once(self, at: Micros) -> None:
        paused = self._core.journal.pause(self.name, self._core.timer.now())
        if paused is not None:
            self._core.states.put(KIND, self.name, State.OK)
            self._log.warning("not run: a person paused the job", reason=paused.reason)
            return
        started = self._core.timer.monotonic()
        # A stop waits for the thread, which ends at its next call of the ledger.
        done = await to_thread.run_sync(partial(self._attempt, at))
        if isinstance(done, BaseException):
            raise done
        if done is not None:
            self._core.states.put(KIND, self.name, State.OK)
            seconds = round((self._core.timer.monotonic() - started) / 1e6, 3)
            self._log.info("done", result=done, seconds=seconds)

    def _attempt(self, at: Micros) -> str | BaseException | None:
        """Return what the job says, or what it failed with; None where it was stopped."""
        try:
            return str(self._job.run(at, _Stoppable(self._ledger)))
        except _Stopped:
            return None
        except StratumError as error:
            return error
        except BaseException as error:  # noqa: BLE001  # a plugin may raise anything, SystemExit too
            return _blamed(self._registered, self.name, error)


class _Stopped(BaseException):
    """The daemon stops: the job is not to go on."""


class _Stoppable:
    """A ledger that lets a stop through between two calls: everything that is written is whole."""

    def __init__(self, ledger: Ledger) -> None:
        self._ledger = ledger

    def __getattr__(self, name: str) -> Any:
        try:
            anyio.from_thread.check_cancelled()
        except BaseException as error:
            raise _Stopped from error
        return getattr(self._ledger, name)


def _blamed(registered: Registered, name: str, error: BaseException) -> PluginError:
    return blame(error, registered.component, name=name, plugin=registered.plugin, version=registered.version)
