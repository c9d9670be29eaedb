"""The child: builds one component and does what the parent asks, one thing after the other, until the parent is gone.

`python -m stratumd.runtime.isolation.child CHANNEL LIFELINE` with the numbers of two descriptors. The second is never
written to: its end says that the parent has ended, however it ended.
"""

from __future__ import annotations

import os
import resource
import signal
import socket
import sys
import threading
import traceback
from collections.abc import Callable
from contextlib import suppress
from importlib import import_module
from pathlib import PurePath
from typing import Any

import msgspec

from stratumd.errors import ConfigError, DeliveryError, StartupError, described, place
from stratumd.odds import Pricing
from stratumd.plugin import Detector, Finding, Normalizer, Record, Sink
from stratumd.runtime.isolation.frames import (
    Beat,
    Deliver,
    Detect,
    Do,
    Done,
    Failed,
    Normalize,
    Request,
    Start,
    Started,
    Tell,
    Understood,
    Wants,
    WireFinding,
    Yielded,
    encode,
    read_request,
    receive,
    send,
)
from stratumd.runtime.isolation.ticks import packed_record, unpacked

FILES = 256
NICE = 10
"""What else runs on the machine, the daemon above all, comes first."""
_PAGE = os.sysconf("SC_PAGE_SIZE")
_PACK = msgspec.msgpack.Encoder().encode
_HERE = f"{PurePath(__file__).parent.parent.parent}/"


def main(channel: socket.socket, lifeline: int) -> None:
    """Answer until the parent is gone."""
    threading.Thread(target=_end_with, args=(lifeline,), daemon=True).start()
    start = read_request(receive(channel))
    assert isinstance(start, Start), "it comes first"
    _limit(start.memory)
    if start.kind != "sink":
        _serve(channel, start, _no_call)
        return
    from anyio.from_thread import start_blocking_portal  # takes a while; nothing else needs it

    with start_blocking_portal("asyncio") as portal:
        _serve(channel, start, portal.call)


def _no_call(*called: Any) -> Any:
    raise LookupError("nothing here is asynchronous")


def _serve(channel: socket.socket, start: Start, call: Callable[..., Any]) -> None:
    component = None
    try:
        component = _built(start)
        body = encode(_started(component))
    except BaseException as error:  # noqa: BLE001  # a plugin may raise anything
        body = encode(_failed(error))
    send(channel, body)
    pricing = Pricing(start.two_way, start.three_way)  # type: ignore[arg-type]  # the parent's are methods
    while True:
        request = read_request(receive(channel))
        try:
            answer = _answer(component, request, pricing, call)
            answer.resident = _resident()
            body = encode(answer)
        except BaseException as error:  # noqa: BLE001  # the same
            body = encode(_failed(error))
        send(channel, body)


def _end_with(lifeline: int) -> None:
    with suppress(OSError):
        os.read(lifeline, 1)
    os.killpg(0, signal.SIGKILL)  # all that it started, too: it has a session of its own


def _limit(memory: int) -> None:
    os.nice(NICE)
    resource.setrlimit(resource.RLIMIT_AS, (memory, memory))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    most = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
    files = FILES if most == resource.RLIM_INFINITY else min(FILES, most)
    resource.setrlimit(resource.RLIMIT_NOFILE, (files, files))


class _Context:
    """What is lent to a sink in a child: a clock and a log, which the parent reads line by line."""

    def __init__(self, name: str) -> None:
        from stratumd.observe.logs import logger
        from stratumd.runtime.clock import SystemTimer

        self.name = name
        self.clock = SystemTimer()
        self.log: Any = logger("stratumd.plugin", component=name)

    def source(self, use: str, options: Any) -> Any:
        raise LookupError("a sink is lent no source")

    def is_over(self, event: str) -> bool:
        return False


def _built(start: Start) -> Any:
    found: Any = import_module(start.module)
    for name in start.qualname.split("."):
        found = getattr(found, name)
    options = found.config.model_validate(start.options)
    return found(options, _Context(start.name)) if start.kind == "sink" else found(options)


def _started(component: Any) -> Started:
    if isinstance(component, Detector):
        return Started(lookback=component.lookback)
    if isinstance(component, Sink):
        retries = None if component.retries is None else list(component.retries)
        shadow, rate = sorted(component.shadow), component.per_second
        return Started(0, component.batch, component.expires, retries, shadow, rate)
    return Started()


Answered = Yielded | Understood | Done


def _answer(component: Any, request: Request, pricing: Pricing, call: Callable[..., Any]) -> Answered:
    if isinstance(request, Detect):
        return _detected(component, request, pricing)
    if isinstance(request, Normalize):
        normalizer: Normalizer = component
        return Understood(_PACK(normalizer.normalize(request.observation)))
    if isinstance(request, Wants):
        return Done(verdict=bool(component.wants(request.signal)))
    if isinstance(request, Deliver):
        said = call(component.deliver, request.deliveries)
    elif isinstance(request, Tell):
        said = call(component.notify, request.notice)
    elif isinstance(request, Beat):
        said = call(component.beat, request.at)
    else:
        assert isinstance(request, Do), "nothing else is asked"
        said = call(getattr(component, request.what))
    return Done(said if isinstance(said, str) else None)


def _detected(detector: Detector, request: Detect, pricing: Pricing) -> Yielded:
    tick = unpacked(request, detector.state, pricing)
    found = Yielded([], [], None)
    for each in detector.detect(tick):
        if isinstance(each, Record):
            found.records.append(packed_record(each))
        elif isinstance(each, Finding):
            found.findings.append(_finding(each, detector))
        elif detector.state is not None and isinstance(each, detector.state):
            found.state = _PACK(each)
        else:
            raise TypeError(f"yielded a {type(each).__name__}; a detector yields findings, records and its state")
    return found


def _finding(each: Finding, detector: Detector) -> WireFinding:
    evidence = each.evidence() if callable(each.evidence) else each.evidence
    named = (each.type, each.key, each.outcome, each.direction, each.magnitude, each.threshold)
    cooldown, per_hour, lifetime = detector.limits(each.type)
    limits = (cooldown, per_hour, lifetime)
    return WireFinding(*named, each.books, each.strength, evidence, each.operator, limits)


def _failed(error: BaseException) -> Failed:
    text, line = described(error), where(error)
    if isinstance(error, DeliveryError):
        return Failed("delivery", str(error), line, error.permanent, error.disable, error.retry_after)
    if isinstance(error, StartupError):
        return Failed("startup", str(error), line)
    if isinstance(error, ConfigError):
        return Failed("config", str(error), line)
    return Failed("plugin", text, line)


def where(error: BaseException) -> str:
    """Return the line of the innermost frame outside of core, else of the innermost."""
    frames = traceback.extract_tb(error.__traceback__)
    own = [frame for frame in frames if not frame.filename.startswith(_HERE)]
    frame = (own or list(frames))[-1]
    return place(frame.filename, frame.lineno or 0)


def _resident() -> int:
    with open("/proc/self/statm", "rb") as statistics:
        return int(statistics.read().split()[1]) * _PAGE


if __name__ == "__main__":
    try:
        main(socket.socket(fileno=int(sys.argv[1])), int(sys.argv[2]))
    except (EOFError, OSError):
        os._exit(0)
