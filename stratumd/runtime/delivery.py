"""Delivery: from the rows that were committed with the signals to the sinks.

Every sink has a worker of its own, so a slow or broken one delays nobody, with one lane or more. A lane claims in one
transaction, sends outside of any, and marks in a second one; whatever instant the process dies at, a
delivery is sent again rather than never. Deliveries of one event keep their order, because the queue lends
out only the oldest of them.
"""

from __future__ import annotations

import random
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, replace
from functools import partial
from math import isfinite
from typing import Protocol, TypeVar

import anyio
from anyio import to_thread

from stratumd import failpoints
from stratumd.errors import DeliveryError, PluginError, StratumError
from stratumd.plugin import HOUR, SECOND, Clock, Delivery, Log, Micros, Sink, iso
from stratumd.redaction import described, told
from stratumd.runtime.attempts import CLOSING, DEADLINE, Misconfigured, Target, attempt
from stratumd.runtime.backoff import FOR_STORE, USUAL, Retry
from stratumd.runtime.breaker import Breaker, Pace
from stratumd.runtime.disabling import KIND, Memory, Switch
from stratumd.runtime.posts import Turns
from stratumd.runtime.states import State, States
from stratumd.runtime.telling import Teller
from stratumd.store import Taker

T = TypeVar("T")

RECEIPT = 255
"""Characters of a receipt that are kept."""
LONGEST_WAIT = 86_400.0
"""Seconds. A receiver that asks for more is asked again after this."""
GIVEN_UP: Micros = 120 * HOUR
"""A sink to which nothing could be delivered for so long is disabled."""
SPREAD = 0.1
"""The share of itself by which a wait of a sink's own schedule grows at most: what failed at once comes back apart."""


class Queue(Memory, Protocol):
    """The delivery rows of the store, and which sinks are off. The calls block; they are made from worker threads."""

    def claim(self, sink: str, limit: int, now: Micros, *, fresh: bool = False) -> list[Delivery]:
        """Lend out what is due, in order; of one event only the oldest delivery that is still to be made.

        With `fresh`, what is past its `expires_at` expires before.
        """

    def delivered(self, ids: Sequence[str], now: Micros, receipt: str | None = None) -> None:
        """Mark as delivered."""

    def failed(self, id: str, now: Micros, error: str, retry_at: Micros | None) -> None:
        """Mark as failed, to be lent out again from `retry_at` on; None makes it a dead letter."""

    def expire(self, sink: str, now: Micros) -> object:
        """Mark what waits and whose signal is past its `expires_at`."""

    def release(self) -> object:
        """Take back everything that was lent to a process that is no more."""


@dataclass(frozen=True, slots=True)
class Rest:
    """What a worker does until its next step."""

    seconds: float = 0.0
    wakeable: bool = False
    """True where new deliveries end it early."""


class Worker:
    """Delivers to one sink."""

    def __init__(
        self,
        target: Target,
        queue: Queue,
        states: States,
        *,
        clock: Clock,
        log: Log,
        retry: Retry = USUAL,
        deadline: float = DEADLINE,
        poll: float = 1.0,
        chance: Callable[[], float] = random.random,
        teller: Teller | None = None,
    ) -> None:
        """One call of the sink may take `deadline` seconds; an idle worker looks every `poll` seconds.

        With a `teller` the sink gets notices too.
        """
        self.target = target
        self.turns = Turns()
        self._queue = queue
        self._states = states
        self._clock = clock
        self._log = log
        self._retry = retry
        self._patience = replace(retry, longest=min(FOR_STORE / SECOND, retry.longest))
        self._deadline = deadline
        self._idle = Rest(poll, wakeable=True)
        self._chance = chance
        self._teller = teller
        self._failures = 0
        self._breaker = Breaker()
        self._pace = Pace(target.sink.per_second)
        self._switch = Switch(target.name, target.sink, target.version, queue)
        self._switching = anyio.Lock()
        """Held while the store is told: what it says is old until then."""
        self._opened = self._disabled = False
        self._lasting = False
        """Whether the store remembers that the sink is disabled."""
        self._beats = type(target.sink).beat is not Sink.beat
        self._beat_at: Micros | None = None
        self._news = anyio.Event()

    @property
    def taker(self) -> Taker | None:
        """The sink as one that takes notices; None where it does not, or is off."""
        if self._teller is None or self._teller.least is None or self._disabled:
            return None
        return Taker(self.target.name, self.target.sink.addresses, self._teller.least)

    @property
    def listens(self) -> bool:
        """Whether a notice that is stored for this sink alone is sent: it has a lane for them, and is not off."""
        return self._teller is not None and not self._disabled

    @property
    def outage(self) -> bool:
        """Whether the receiver is left alone for now, or the sink is not open yet."""
        return not self._opened or self._breaker.outage is not None

    def wake(self) -> None:
        """Look for deliveries at once: some were committed."""
        self._news.set()

    def beat(self, at: Micros) -> None:
        """Tell the sink, where it wants to know, that quotes received at `at` were processed. The newest counts."""
        if self._beats:
            self._beat_at = at
            self.wake()

    async def run(self) -> None:
        """Deliver until cancelled."""
        self._put(State.STARTING)
        try:
            await self._start()
            async with anyio.create_task_group() as lanes:
                lanes.start_soon(self._repeat, self.step)
                for _ in range(1, self.target.sink.concurrency):
                    lanes.start_soon(self._repeat, self._next)
                if self._teller is not None:
                    lanes.start_soon(self._repeat, partial(self._tell, self._teller))
        finally:
            await self._close()

    async def _repeat(self, step: Callable[[], Awaitable[Rest]]) -> None:
        while True:
            with self.turns.turn():
                rest = await step()
            await self._take(rest)

    async def step(self) -> Rest:
        """Pass a beat on, claim and deliver one batch; return what to do until the next step."""
        if self._lasting:
            await self._look_again()
        if not self._disabled:
            await self._pass_beat()
        if self.target.sink.expires and (self._disabled or self._breaker.outage):  # nothing is claimed meanwhile
            await self._store(lambda: self._queue.expire(self.target.name, self._clock.now()))
        return await self._next()

    async def _next(self) -> Rest:
        """Claim and deliver one batch, unless the sink is to be left alone."""
        if self._disabled:
            return self._idle
        now = self._clock.now()
        wait = self._breaker.wait(now) or self._pace.wait(now)
        if wait:
            return Rest(wait)
        sink, name = self.target.sink, self.target.name
        limit = max(1, sink.batch)
        self._pace.took(now)
        with self._breaker.attempt():
            batch = await self._store(lambda: self._queue.claim(name, limit, self._clock.now(), fresh=sink.expires))
            return await self._deliver(batch) if batch else self._idle

    async def _tell(self, teller: Teller) -> Rest:
        """Send one notice, unless the sink is to be left alone."""
        if self._disabled:
            return self._idle
        wait = self._breaker.wait(self._clock.now())
        if wait:
            return Rest(wait)
        try:
            return Rest() if await teller.step(self._store) else self._idle
        except DeliveryError as error:
            return await self._disable([], error)

    async def _take(self, rest: Rest) -> None:
        if not rest.wakeable:
            await anyio.sleep(rest.seconds)
            return
        with anyio.move_on_after(rest.seconds):
            await self._news.wait()
        if self._news.is_set():  # another lane may have been faster
            self._news = anyio.Event()

    async def _pass_beat(self) -> None:
        at, self._beat_at = self._beat_at, None
        if at is None:
            return
        error = await attempt(self.target, lambda: self.target.sink.beat(at), self._deadline)
        if isinstance(error, DeliveryError) and error.disable:
            await self._disable([], error)
        elif error is not None:
            self._failures += 1
            self._put(State.RECOVERABLE_ERROR, told(error))
            self._log.warning("beat failed", sink=self.target.name, error=told(error))
        elif self._failures:
            self._failures = 0
            self._put(State.OK)

    # ---- one batch

    async def _deliver(self, batch: Sequence[Delivery]) -> Rest:
        receipt: str | None = None

        async def deliver() -> None:
            nonlocal receipt
            failpoints.reached("sink: sending")
            given: object = await self.target.sink.deliver(batch)
            failpoints.reached("sink: sent")
            receipt = given[:RECEIPT] if isinstance(given, str) else None

        error = await attempt(self.target, deliver, self._deadline)
        if error is None:
            return await self._succeeded(batch, receipt)
        if isinstance(error, DeliveryError) and error.disable:
            return await self._disable(batch, error)
        if isinstance(error, DeliveryError) and not error.permanent:
            return await self._back_off(batch, error)
        if len(batch) > 1:
            return await self._one_by_one(batch)
        return await self._set_aside(batch[0], error)

    async def _one_by_one(self, batch: Sequence[Delivery]) -> Rest:
        """Find the delivery that the sink cannot take; the others go on."""
        for at, delivery in enumerate(batch):
            rest = await self._deliver([delivery])
            if rest.seconds:
                await self._failed(batch[at + 1 :], "held back with the one before it", rest.seconds)
                return rest
        return Rest()

    async def _succeeded(self, batch: Sequence[Delivery], receipt: str | None) -> Rest:
        ids = [delivery.id for delivery in batch]
        await self._store(lambda: self._queue.delivered(ids, self._clock.now(), receipt))
        await self._mend()
        self._failures = 0
        self._put(State.OK)
        return Rest()

    async def _mend(self) -> None:
        if self._breaker.mend():
            await self._store(lambda: self._queue.mend(KIND, self.target.name))

    async def _back_off(self, batch: Sequence[Delivery], error: DeliveryError) -> Rest:
        """Leave the whole sink alone for a while: where one delivery failed, the next one would too."""
        self._failures += 1
        seconds = self._wait(error)
        self._put(State.RECOVERABLE_ERROR, told(error))
        self._log.warning("delivery failed", sink=self.target.name, error=told(error), retry_in=round(seconds, 3))
        await self._trip(told(error), seconds)
        await self._failed(batch, told(error), seconds)
        if self._breaker.lasts(self._clock.now()) >= GIVEN_UP:
            hours = GIVEN_UP // HOUR
            return await self._disable([], DeliveryError(f"nothing could be delivered for {hours} h: {told(error)}"))
        return Rest(seconds)

    async def _trip(self, reason: str, seconds: float) -> None:
        """Open the breaker. Its row is what keeps a restart from asking at once, and counts the hours."""
        now, failures = self._clock.now(), self._failures

        def trip() -> None:
            outage = self._breaker.trip(reason, failures, now, seconds, self._switch.mark)
            self._queue.trip(KIND, self.target.name, outage)

        await self._store(trip)

    async def _set_aside(self, delivery: Delivery, error: StratumError) -> Rest:
        """Put off or give up one delivery that the sink refuses or whose code breaks on it."""
        self._failures += 1
        again = isinstance(error, PluginError) and delivery.attempt < self._retry.faults
        self._put(State.RECOVERABLE_ERROR, told(error))
        self._log.error(
            "delivery put off" if again else "delivery given up",
            sink=self.target.name,
            delivery=delivery.id,
            signal=delivery.signal.id,
            error=told(error),
        )
        wait = self._retry.pause(delivery.attempt, self._chance()) if again else None
        await self._failed([delivery], told(error), wait)
        return Rest()

    async def _disable(self, batch: Sequence[Delivery], error: StratumError) -> Rest:
        self._failures += 1
        self._turn_off(error)
        self._log.error("sink disabled", sink=self.target.name, error=told(error))
        if self._lasting:
            async with self._switching:
                self._turn_off(error)  # again: meanwhile a lane may have found that somebody had enabled it before
                await self._store(lambda: self._switch.off(told(error), self._clock.now()))
        await self._failed(batch, told(error), None)
        return self._idle

    def _turn_off(self, error: StratumError) -> None:
        self._disabled = True
        self._lasting = not isinstance(error, Misconfigured)
        self._put(State.PERMANENT_ERROR, told(error))

    async def _start(self) -> None:
        """Open the sink, or stay off where the store remembers that it is disabled."""
        noted = await self._store(lambda: self._switch.at_start(self._clock.now()))
        if noted is None:
            await self._open()
            await self._go_on()
            return
        self._disabled = self._lasting = True
        self._put(State.PERMANENT_ERROR, noted.reason)
        self._log.error("sink is disabled", sink=self.target.name, error=noted.reason, since=iso(noted.since))

    async def _go_on(self) -> None:
        """Leave a receiver alone that failed before the restart, for as long as it was to be left alone."""
        outage = await self._store(self._switch.outage)
        self._breaker.load(outage, self._clock.now(), LONGEST_WAIT)
        if outage is not None and not self._disabled:
            self._failures = outage.failures
            self._put(State.RECOVERABLE_ERROR, outage.reason)

    async def _look_again(self) -> None:
        """Go on where somebody enabled the sink meanwhile."""
        async with self._switching:
            if await self._store(self._switch.noted) is not None:
                return
        self._disabled = self._lasting = False
        self._breaker.mend()
        self._failures = 0
        self._log.info("sink enabled again", sink=self.target.name)
        if self._opened:
            self._put(State.OK)
        else:
            await self._open()

    async def _failed(self, batch: Sequence[Delivery], error: str, seconds: float | None) -> None:
        now = self._clock.now()
        for delivery in batch:
            wait = None if seconds is None else self._again(delivery, seconds)
            retry_at = None if wait is None else now + round(wait * SECOND)
            await self._store(partial(self._queue.failed, delivery.id, now, error, retry_at))

    def _again(self, delivery: Delivery, seconds: float) -> float | None:
        """Return the wait of a delivery while its sink rests for `seconds`; None where it was tried often enough."""
        schedule = self.target.sink.retries
        if schedule is None:
            return None if delivery.attempt >= self._retry.attempts else seconds
        if delivery.attempt > len(schedule):
            return None
        # Never shorter: full jitter would give up one in ten deliveries before an outage of a day is over.
        return max(seconds, schedule[delivery.attempt - 1].total_seconds() * (1 + SPREAD * self._chance()))

    def _wait(self, error: DeliveryError) -> float:
        asked = error.retry_after
        if asked is not None and isfinite(asked) and asked >= 0:
            return min(asked, LONGEST_WAIT)
        return self._retry.pause(self._failures, self._chance())

    # ---- the sink's code and the store's

    async def _open(self) -> None:
        while (error := await attempt(self.target, self.target.sink.open, self._deadline)) is not None:
            if isinstance(error, DeliveryError) and error.disable:
                await self._disable([], error)
                return
            self._failures += 1
            seconds = self._retry.pause(self._failures, self._chance())
            self._put(State.RECOVERABLE_ERROR, told(error))
            self._log.warning("sink not ready", sink=self.target.name, error=told(error), retry_in=round(seconds, 3))
            await anyio.sleep(seconds)
        self._opened = True
        self._failures = 0
        self._put(State.OK)

    async def _close(self) -> None:
        self._put(State.STOPPING)
        with anyio.CancelScope(shield=True):
            error = await attempt(self.target, self.target.sink.close, CLOSING)
        self._put(State.STOPPED, told(error) if error else "")

    async def _store(self, call: Callable[[], T]) -> T:
        """Run a transaction until the store takes it: what was sent and never marked would be sent twice.

        A stop waits for the one at hand and starts no other.
        """
        failures = 0
        while True:
            try:
                with anyio.CancelScope(shield=True):
                    return await to_thread.run_sync(call)
            except Exception as error:  # noqa: BLE001  # whatever ails the store, its deliveries are not lost
                failures += 1
                reason = f"store: {described(error)}"
            self._put(State.RECOVERABLE_ERROR, reason)
            self._log.error("deliveries wait for the store", sink=self.target.name, error=reason)
            await anyio.sleep(self._patience.pause(failures, self._chance()))

    def _put(self, state: State, reason: str = "") -> None:
        self._states.put("sink", self.target.name, state, reason, self._failures)
