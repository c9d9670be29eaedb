"""A sink whose receiver is gone stays off across restarts, until its options change or somebody enables it."""

from __future__ import annotations

import threading
from collections.abc import Sequence
from datetime import timedelta
from typing import Any

import anyio
import pytest

from stratumd.errors import ConfigError, DeliveryError
from stratumd.plugin import Delivery, PluginConfig, Secret
from stratumd.runtime.attempts import Target
from stratumd.runtime.delivery import Worker
from stratumd.runtime.disabling import fingerprint
from tests.unit.runtime.delivery_fakes import START, Bench, Scripted, make_signal

pytestmark = pytest.mark.anyio

CANARY = "canary-passw0rd"


class Inner(PluginConfig):
    user: str = "me"
    password: Secret


class Options(PluginConfig):
    webhook: Secret
    inner: Inner
    headers: dict[str, Secret]
    teams: tuple[str, ...] = ("a", "b")
    tags: frozenset[str] = frozenset({"x", "y", "z"})
    wait: timedelta = timedelta(seconds=1)


def gone(batch: Sequence[Delivery]) -> None:
    raise DeliveryError("the webhook was deleted", disable=True)


def sink(answer: Any = gone, **options: Any) -> Scripted:
    made = Scripted(answer)
    secret = Secret(CANARY)
    made.options = Options(
        **{"webhook": secret, "inner": Inner(password=secret), "headers": {"token": secret}} | options
    )
    return made


async def disabled() -> Bench:
    """Return a bench whose sink was told that its receiver is gone, with one more delivery waiting."""
    bench = Bench(sink(), make_signal("s1"), make_signal("s2"))
    await bench.run(3)
    assert bench.state == ("PermanentError", "the webhook was deleted", 1)
    return bench


async def restarted(bench: Bench, again: Scripted, version: str = "2.0") -> Worker:
    """Return the worker of the next run, started."""
    bench.sink, bench.worker = again, _worker(bench, again, version)
    await bench.worker._start()
    return bench.worker


def _worker(bench: Bench, again: Scripted, version: str) -> Worker:
    target = Target("chat", again, "scripted", version)
    return Worker(target, bench.queue, bench.states, clock=bench.clock, log=bench.log, chance=lambda: 1.0)


async def test_what_is_just_being_noted_is_not_taken_for_somebodys_word(monkeypatch: pytest.MonkeyPatch) -> None:
    """A sink has several lanes: one notes that it is off while another looks whether somebody has enabled it."""
    bench = Bench(sink(), make_signal("s1"), make_signal("s2"))
    noting, looked, note = threading.Event(), threading.Event(), bench.queue.disable

    def slowly(*told: Any) -> None:
        noting.set()
        looked.wait(0.2)
        note(*told)

    monkeypatch.setattr(bench.queue, "disable", slowly)
    await bench.worker._start()
    async with anyio.create_task_group() as lanes:
        lanes.start_soon(bench.worker.step)
        await anyio.to_thread.run_sync(noting.wait)
        await bench.worker.step()
        looked.set()
    assert bench.state[:2] == ("PermanentError", "the webhook was deleted")
    assert "sink enabled again" not in bench.log.events


async def test_a_sink_that_is_refused_while_somebody_enables_it_is_off_again(monkeypatch: pytest.MonkeyPatch) -> None:
    """What a lane sent before comes back just when another one finds the sink enabled."""
    bench = await disabled()
    looking, refused, look = threading.Event(), threading.Event(), bench.queue.disabled
    bench.queue.off.clear()

    def slowly() -> Any:
        looking.set()
        refused.wait(0.2)
        return look()

    monkeypatch.setattr(bench.queue, "disabled", slowly)
    async with anyio.create_task_group() as lanes:
        lanes.start_soon(bench.worker._look_again)
        await anyio.to_thread.run_sync(looking.wait)
        lanes.start_soon(bench.worker._disable, [], DeliveryError("the webhook was deleted", disable=True))
        await anyio.sleep(0.02)
        refused.set()
    assert bench.state[:2] == ("PermanentError", "the webhook was deleted")
    assert "chat" in bench.queue.off
    assert not bench.worker.listens
    assert bench.worker._disabled, "the store says so, too"


async def test_it_stays_off_after_a_restart() -> None:
    """It is not even opened; what waits goes on waiting."""
    bench = await disabled()
    bench.clock.advance(60)
    await restarted(bench, again := sink())
    await bench.run(100)
    assert (again.opened, again.calls, bench.queue.states()) == (0, [], ["dead", "pending"])
    assert bench.state[:2] == ("PermanentError", "the webhook was deleted")
    assert bench.queue.off["chat"].since == START


@pytest.mark.parametrize(
    "changed",
    [
        {"webhook": Secret("another")},
        {"inner": Inner(password=Secret("another"))},
        {"headers": {"token": Secret("another")}},
        {"teams": ("b", "a")},
        {"tags": frozenset({"x"})},
        {"wait": timedelta(seconds=2)},
    ],
)
async def test_other_options_give_it_another_chance(changed: dict[str, Any]) -> None:
    bench = await disabled()
    await restarted(bench, again := sink(lambda batch: None, **changed))
    await bench.run(1)
    assert (again.opened, again.taken, bench.queue.off) == (1, ["s2"], {})
    assert bench.state == ("OK", "", 0)


async def test_so_does_another_version_of_the_plugin() -> None:
    bench = await disabled()
    await restarted(bench, again := sink(lambda batch: None), version="2.1")
    await bench.run(1)
    assert again.taken == ["s2"]


@pytest.mark.parametrize("after_a_restart", [False, True])
async def test_somebody_enables_it_while_the_daemon_runs(after_a_restart: bool) -> None:
    """It is opened once only, however it came to be off."""
    bench = await disabled() if after_a_restart else Bench(sink(), make_signal("s1"), make_signal("s2"))
    if after_a_restart:
        await restarted(bench, sink())
    else:
        await bench.worker._start()
    await bench.run(3)
    bench.sink.answer = lambda batch: None
    bench.queue.enable("chat")
    await bench.run(3)
    assert (bench.sink.opened, bench.sink.taken) == (1, ["s2"])
    assert bench.state == ("OK", "", 0)
    assert "sink enabled again" in bench.log.events


async def test_a_receiver_that_is_gone_after_all_disables_it_again() -> None:
    bench = await disabled()
    bench.queue.enable("chat")
    await bench.run(3)
    assert bench.queue.states() == ["dead", "dead"]
    assert list(bench.queue.off) == ["chat"]


async def test_a_mistake_in_the_options_is_looked_at_anew_after_a_restart() -> None:
    """What the options name, such as a folder, may be there by then."""

    def misconfigured(batch: Sequence[Delivery]) -> None:
        raise ConfigError("no such folder")

    bench = Bench(sink(misconfigured), make_signal("s1"), make_signal("s2"))
    await bench.run(100)
    assert (bench.sink.calls, bench.queue.off) == ([["s1"]], {})
    assert bench.state == ("PermanentError", "no such folder", 1)
    await restarted(bench, again := sink(lambda batch: None))
    await bench.run(1)
    assert again.taken == ["s2"]


def test_the_fingerprint_is_salted_and_shows_nothing() -> None:
    marks = {fingerprint(sink(), "1", salt) for salt in ("a", "b")}
    assert len(marks) == 2
    assert fingerprint(sink(), "1", "a") in marks
    assert CANARY not in "".join(marks)


async def test_a_store_that_is_down_is_asked_until_it_has_it() -> None:
    def gone_with_the_store(batch: Sequence[Delivery]) -> None:
        bench.queue.broken = [OSError("gone")] * 3
        gone(batch)

    bench = Bench(sink(gone_with_the_store), make_signal("s1"), chance=lambda: 0.0)
    await bench.run(2)
    assert (list(bench.queue.off), bench.queue.states(), bench.queue.broken) == (["chat"], ["dead"], [])
