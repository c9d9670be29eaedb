"""Making sinks' digests when they are due: each of what came since the one before, once, whichever daemon makes it."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator, Sequence
from functools import partial
from itertools import islice

from stratumd.config import Config, PipelineSpec
from stratumd.config.digests import SignalDigest
from stratumd.observe.logs import logger
from stratumd.plugin import MINUTE, SECOND, Micros, Notice, Signal, iso
from stratumd.redaction import described
from stratumd.runtime.build import Outlet
from stratumd.runtime.core import Core, transaction
from stratumd.runtime.digest import last_due
from stratumd.runtime.jobs import answered
from stratumd.runtime.parts import Parts
from stratumd.runtime.signal_digest import Close, chosen, notice, tally
from stratumd.runtime.states import State

LOOK: Micros = 30 * SECOND
"""From one look to the next."""
SETTLED: Micros = MINUTE
"""So long after a digest is due all that was received before it is stored, or known to wait for the store; then its
signals are awaited."""
AT_ONCE = 200
"""So many signals a sink is asked about in one go."""
PATIENCE, IN_ALL = 5.0, 30.0
"""Seconds that a sink may take over one go, and over all of a digest, to say what it wants. The signals are read
meanwhile: PostgreSQL ends a transaction that stands still for ten seconds, or lasts for a minute."""
VALUES = "clv.values"
"""The report that a digest asks what signals were worth at the close, where its plugin is loaded."""

_log = logger("stratumd.digests")


class Digests:
    """Gives the sinks that have a `digest` theirs.

    The instant of one is where the next begins: what comes while the daemon or the sink is off is in the next one.
    """

    kind = "digests"
    name = "editor"

    def __init__(self, config: Callable[[], Config], parts: Parts, core: Core) -> None:
        self._config = config
        self._parts = parts
        self._core = core

    async def run(self) -> None:
        """Look now and then, until cancelled."""
        while True:
            await self.look()
            self._core.states.put(self.kind, self.name, State.OK)
            await self._core.timer.sleep(LOOK)

    async def look(self) -> None:
        """Make what is due. A sink that is off gets nothing that would wait for it, but more when it is on again."""
        running = [spec for spec in self._config().pipelines.values() if spec.runs]
        if not any(sink.digest for spec in running for sink in spec.sinks):
            return
        # At the start a worker does not know yet what the store remembers.
        listening = self._parts.courier.listening().difference(await transaction(self._core.store.disabled))
        for spec in running:
            for sink in spec.sinks:
                outlet = self._parts.outlets.get(sink.name)
                if outlet is not None and outlet.digest is not None and sink.name in listening:
                    await self._publish(spec, outlet, outlet.digest)

    async def _publish(self, spec: PipelineSpec, outlet: Outlet, options: SignalDigest) -> None:
        """Store the digest that is due, once, for its sink alone. The first instant only says where one begins."""
        store, sink = self._core.store, outlet.target.name
        schedule, due = f"digest/{sink}", last_due(self._core.timer.now() - SETTLED, options.time, options.day)
        newest = (await transaction(lambda: store.sharing.newest(schedule))).instant
        if newest is not None and newest >= due:
            return
        made = None
        if newest is not None:
            if self._storing(spec) or await transaction(partial(self._behind, spec, due)):
                _log.debug("a digest waits for its signals", sink=sink, due=iso(due))
                return
            made = await transaction(partial(self._made, spec, outlet, options, newest, due))
        if await transaction(lambda: store.alerts.publish(schedule, due, made, sink, newest)):
            said = "digest" if made is not None else "no digest: there was no signal"
            _log.info(said if newest is not None else "digests begin", sink=sink, due=iso(due))
            self._parts.courier.wake()

    def _storing(self, spec: PipelineSpec) -> bool:
        """Say whether something that a source received waits for the store: that may take the digest before it."""
        collectors = self._parts.collectors
        return any(collectors[source].storing for source in spec.sources if source in collectors)

    # ---- in a thread

    def _behind(self, spec: PipelineSpec, due: Micros) -> bool:
        """Say whether the pipeline has yet to process something that was received before `due`."""
        waiting = self._core.store.pending(spec.name, spec.sources, 1)
        return any(each.received_at < due for each in waiting)

    def _made(
        self, spec: PipelineSpec, outlet: Outlet, options: SignalDigest, since: Micros, until: Micros
    ) -> Notice | None:
        """Return the digest of [since, until); None where the sink wants no signal of then."""
        found = tally(self._wanted(spec, outlet, since, until), options.top)
        if not found.strongest:
            return None
        closes = {each.id: close for each in found.strongest if (close := self._close(spec, each)) is not None}
        return notice(outlet.target.name, options, since, until, found, closes)

    def _wanted(self, spec: PipelineSpec, outlet: Outlet, since: Micros, until: Micros) -> Iterator[Signal]:
        """Yield what the sink wants; all that it fails to say anything of, as when signals are delivered."""
        failed, left = False, IN_ALL
        signals = self._core.store.alerts.signals(spec.name, since, until)
        while some := list(islice(signals, AT_ONCE)):
            begun = time.monotonic()
            answers = _asked(outlet, some, min(PATIENCE, left)) if left > 0 else []
            left -= time.monotonic() - begun
            if len(answers) < len(some):
                left = 0.0
                answers += [TimeoutError("no answer in time")] * (len(some) - len(answers))
            for signal, answer in zip(some, answers, strict=True):
                if isinstance(answer, BaseException) and not failed:
                    failed = True
                    _log.warning("a sink cannot say what it wants", sink=outlet.target.name, error=described(answer))
                if answer is not False:
                    yield signal

    def _close(self, spec: PipelineSpec, signal: Signal) -> Close | None:
        config = self._config()
        if VALUES not in config.registry.reports:
            return None
        try:
            return chosen(answered(config, self._core.store.ledger, VALUES, {"signal": signal.id}, spec.name))
        except Exception as error:  # noqa: BLE001  # a plugin may raise anything; the digest comes without it
            _log.warning("the closing-line value cannot be told", signal=signal.id, error=described(error))
            return None


def _asked(outlet: Outlet, signals: Sequence[Signal], seconds: float) -> list[bool | BaseException]:
    """Return for each of `signals` whether the sink wants it, or what it raised; fewer where the time is over.

    It is asked in a thread of its own, which is left behind where it does not end in time.
    """
    answers: list[bool | BaseException] = []
    over = threading.Event()

    def ask() -> None:
        for signal in signals:
            if over.is_set():
                return
            try:
                answers.append(bool(outlet.wants(signal)))
            except BaseException as error:  # noqa: BLE001  # a plugin may raise anything
                answers.append(error)

    thread = threading.Thread(target=ask, name="digest", daemon=True)
    thread.start()
    thread.join(seconds)
    over.set()
    return answers[:]
