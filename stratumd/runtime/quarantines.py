"""Showing what the pipelines leave out, and what blocks: states, counters, the log."""

from __future__ import annotations

from stratumd.engine import Pipeline
from stratumd.engine.quarantine import Sentence
from stratumd.observe.logs import logger
from stratumd.plugin import SECOND, iso
from stratumd.runtime.core import Core
from stratumd.runtime.journal import Fault
from stratumd.runtime.states import State
from stratumd.runtime.watchdog import DEADLINE, Block

KIND = "component"
BEAT = SECOND // 10
_WAITS = "waits for "

_log = logger("stratumd.plugins")


class LeftOut:
    """What one pipeline leaves out, as it was shown last."""

    def __init__(self, pipeline: str, core: Core) -> None:
        self._pipeline = pipeline
        self._core = core
        self._shown: dict[str, Sentence] = {}

    def show(self, pipeline: Pipeline) -> None:
        """Show what is left out now. Nothing is done where nothing is, and nothing was."""
        out = pipeline.quarantine.out
        if not out and not self._shown:
            return
        for name in self._shown.keys() - out.keys():
            self._back(name)
        for name, sentence in out.items():
            if self._shown.get(name) != sentence:
                self._tell(name, sentence)

    def overdue(self, pipeline: Pipeline) -> None:
        """Leave out from now on what took longer in a step than it may."""
        for block in self._core.watchdog.overdue(self._pipeline):
            error = f"no answer within {DEADLINE:g} s ({block.seconds:.1f} s)"
            pipeline.quarantine.put(block.component, pipeline.now, error, block.where)

    def _tell(self, name: str, sentence: Sentence) -> None:
        self._shown[name] = sentence
        until = iso(sentence.until)
        reason = f"left out until {until}, by the time of observations: {sentence.error} ({sentence.where})"
        self._core.states.put(KIND, f"{self._pipeline}.{name}", State.RECOVERABLE_ERROR, reason)
        self._core.metrics.left_out.labels(self._pipeline, name).set(1)
        _log.error(
            "component left out",
            pipeline=self._pipeline,
            component=name,
            until=until,
            error=sentence.error,
            where=sentence.where,
        )

    def _back(self, name: str) -> None:
        del self._shown[name]
        self._core.states.drop(KIND, f"{self._pipeline}.{name}")
        self._core.metrics.left_out.labels(self._pipeline, name).set(0)
        _log.info("component is back", pipeline=self._pipeline, component=name)


async def watch(core: Core) -> None:
    """Let the watchdog watch the event loop and the steps, and show what it finds, until cancelled."""
    with core.watchdog.watching():
        while True:
            core.watchdog.beat()
            while core.watchdog.blocks:
                show_block(core, core.watchdog.blocks.popleft())
            await core.timer.sleep(BEAT)


def show_block(core: Core, block: Block) -> None:
    """Show one call that blocks, or that has ended."""
    if block.plugin:
        so_far = "" if block.ended else " so far"
        error = f"blocked the {_waiting(block)} for {block.seconds:.1f} s{so_far}"
        at = core.timer.now()
        core.journal.blame(Fault(block.component, block.plugin, block.version, error, block.where, at, block.ended))
        core.metrics.plugin_blocked.labels(block.plugin, block.component).inc(block.ended)
    if block.what == "event loop":
        return
    state = next((each for each in core.states if (each.kind, each.name) == ("pipeline", block.what)), None)
    if state is None:  # a reload took the pipeline away meanwhile
        return
    if not block.ended and block.seconds >= DEADLINE:
        owner = f"{block.plugin} {block.version}".strip()
        reason = f"{_WAITS}plugin {owner}, {block.component!r}, for {block.seconds:.0f} s at {block.where}"
        core.states.put("pipeline", block.what, State.RECOVERABLE_ERROR, reason)
    elif block.ended and state.reason.startswith(_WAITS):
        core.states.put("pipeline", block.what, State.OK)


def _waiting(block: Block) -> str:
    return block.what if block.what == "event loop" else f"pipeline {block.what}"
