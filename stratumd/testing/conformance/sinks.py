"""What a sink must do. It really delivers: to a file in a test, to a fake on loopback, or to what its user names."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any

import anyio

from stratumd.plugin import Clock, Delivery, Log, Purse, Signal, Sink, delivery_id
from stratumd.testing import samples, scenario
from stratumd.testing.clock import VirtualClock
from stratumd.testing.conformance.musts import Must, accepted, must
from stratumd.testing.purse import OpenPurse

SINK: list[Must[Sinking]] = []


class Sinking:
    """A sink under test, and signals for it."""

    def __init__(self, component: type[Sink], options: Mapping[str, Any]) -> None:
        self.component = component
        self._options = accepted(component, options)

    def build(self) -> Sink:
        """Return a fresh sink."""
        return self.component(self._options, Lent(self.component.name))

    def deliver(self, *batches: Sequence[Delivery]) -> None:
        """Open a fresh sink, deliver the batches one after the other, close it."""

        async def run() -> None:
            sink = self.build()
            try:
                await sink.open()
                for batch in batches:
                    with anyio.fail_after(30):
                        await sink.deliver(batch)
            finally:
                await sink.close()

        anyio.run(run)


class Lent:
    """The context that a sink under test gets: a clock that stands still, and a log that nobody reads."""

    def __init__(self, name: str) -> None:
        self.name = name
        self.clock: Clock = VirtualClock(scenario.START)
        self.log: Log = _Quiet()
        self.purse: Purse = OpenPurse()

    def source(self, use: str, options: Mapping[str, Any]) -> Any:
        """Lend no source: a sink has no use for one."""
        raise LookupError("a sink is lent no source")

    def is_over(self, event: str) -> bool:
        """Know of no event that is over."""
        return False


class _Quiet:
    def debug(self, event: str, **fields: Any) -> None:
        """Say nothing."""

    info = warning = error = debug


def sample(number: int = 0) -> Signal:
    """Return a signal such as a detector gives, for trying out a sink."""
    return samples.signal(id=f"{number:032x}", pipeline="verify", observed_at=scenario.START + number)


def delivery(number: int = 0, attempt: int = 1) -> Delivery:
    """Return a delivery of `sample(number)`."""
    signal = sample(number)
    return Delivery(delivery_id(signal.id, "verify"), signal, attempt)


@must(SINK, "S1", "`wants` MUST be pure: the same answer for the same signal, from any instance.")
def _wants(subject: Sinking) -> Iterator[str]:
    sink = subject.build()
    answers = {sink.wants(sample()), sink.wants(sample()), subject.build().wants(sample())}
    if len(answers) > 1 or not answers <= {True, False}:
        yield f"wants() answered {answers}"


@must(SINK, "S2", "`deliver` MUST take the same delivery again: after a crash nobody knows whether it arrived.")
def _again(subject: Sinking) -> Iterable[str]:
    subject.deliver([delivery()], [delivery(attempt=2)])
    return ()


@must(SINK, "S3", "`batch` MUST be at least 1, and `deliver` MUST take as many deliveries at once.")
def _batches(subject: Sinking) -> Iterator[str]:
    batch = subject.build().batch
    if batch < 1:
        yield f"batch is {batch}"
    else:
        subject.deliver([delivery(number) for number in range(batch)])


@must(SINK, "S4", "`close` MUST work after `open` failed or was never called.")
def _closes(subject: Sinking) -> Iterable[str]:
    anyio.run(subject.build().close)
    return ()


@must(SINK, "S5", "A sink MUST work again after it was closed and built anew: restarts are ordinary.")
def _restarts(subject: Sinking) -> Iterable[str]:
    subject.deliver([delivery(1)])
    subject.deliver([delivery(1, attempt=2), delivery(2)][: max(1, subject.build().batch)])
    return ()
