"""What the service manager hears, read from a real socket as systemd reads it."""

from __future__ import annotations

import os
import socket
import time
from collections.abc import Awaitable, Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import cast

import anyio
import anyio.lowlevel
import pytest

from stratumd.plugin import SECOND, Micros
from stratumd.runtime.core import Core
from stratumd.runtime.journal import Journal
from stratumd.runtime.notify import BEAT, EXTENSION, LONGEST, Notifier, attend, extending
from stratumd.runtime.states import State, States
from stratumd.store import Store
from tests.unit.runtime.virtual import VirtualTimer

WATCHDOG = 20 * SECOND
NO_STORE = cast(Store, None)
"""Attending asks the store nothing."""
CHECKPOINTS = 5
"""How often the loop turns in a beat: more often than a task needs to wake and to wait again."""


@dataclass
class Manager:
    """A service manager's end of the socket."""

    address: str
    _socket: socket.socket = field(default_factory=lambda: socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM))

    def listen(self) -> None:
        self._socket.bind("\0" + self.address[1:] if self.address.startswith("@") else self.address)
        self._socket.setblocking(False)

    def heard(self) -> list[str]:
        """Return the datagrams that arrived since the last call."""
        found = []
        while True:
            try:
                found.append(self._socket.recv(4096).decode())
            except BlockingIOError:
                return found

    def close(self) -> None:
        self._socket.close()


@pytest.fixture(params=["path", "abstract"])
def manager(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Manager]:
    made = Manager(str(tmp_path / "notify") if request.param == "path" else f"@stratumd-test-{tmp_path}")
    made.listen()
    yield made
    made.close()


@pytest.fixture
def lonely(tmp_path: Path) -> Iterator[Manager]:
    """A manager that does not listen at its address."""
    made = Manager(str(tmp_path / "nobody"))
    yield made
    made.close()


# The datagrams


@pytest.mark.parametrize(
    ("say", "datagram"),
    [
        (Notifier.ready, "READY=1"),
        (Notifier.stopping, "STOPPING=1"),
        (Notifier.alive, "WATCHDOG=1"),
        (lambda notifier: notifier.extend(30 * SECOND), "EXTEND_TIMEOUT_USEC=30000000"),
        (lambda notifier: notifier.status("OK"), "STATUS=OK"),
    ],
)
def test_says_it_in_the_protocols_words(manager: Manager, say: Callable[[Notifier], bool], datagram: str) -> None:
    assert say(Notifier(manager.address))
    assert manager.heard() == [datagram]


def test_a_reload_is_told_with_its_time_in_one_datagram(manager: Manager) -> None:
    """systemd orders the reload and the READY that ends it by CLOCK_MONOTONIC."""
    before = time.clock_gettime_ns(time.CLOCK_MONOTONIC) // 1_000
    assert Notifier(manager.address).reloading()
    (datagram,) = manager.heard()
    first, _, usec = datagram.partition("\nMONOTONIC_USEC=")
    assert first == "RELOADING=1"
    assert before <= int(usec) <= time.clock_gettime_ns(time.CLOCK_MONOTONIC) // 1_000


def test_a_status_is_one_line_that_fits(manager: Manager) -> None:
    """What a provider's error says cannot smuggle in another word of the protocol."""
    Notifier(manager.address).status("down\nWATCHDOG=1 " + "x" * 5_000)
    (datagram,) = manager.heard()
    assert datagram.startswith("STATUS=down WATCHDOG=1 x")
    assert len(datagram) == len("STATUS=") + LONGEST


def test_a_status_is_said_once(manager: Manager) -> None:
    notifier = Notifier(manager.address)
    assert [notifier.status(text) for text in ("OK", "OK", "down", "OK")] == [True] * 4
    assert manager.heard() == ["STATUS=OK", "STATUS=down", "STATUS=OK"]


# Who listens


def test_without_a_manager_everything_is_heard_by_nobody() -> None:
    notifier = Notifier.from_environment({"WATCHDOG_USEC": "1000"})
    assert notifier.ready()
    assert notifier.reloading()
    assert notifier.status("OK")
    assert (notifier.listening, notifier.watchdog) == (False, None)


def test_a_status_that_was_not_heard_is_said_again(lonely: Manager) -> None:
    """A manager that is away for a moment does not stop the daemon."""
    notifier = Notifier(lonely.address)
    assert not notifier.status("OK")
    lonely.listen()
    assert notifier.status("OK")
    assert lonely.heard() == ["STATUS=OK"]


def test_a_manager_that_does_not_keep_up_is_not_waited_for(manager: Manager) -> None:
    notifier = Notifier(manager.address)
    assert not all(notifier.alive() for _ in range(100_000))


@pytest.mark.parametrize(
    ("pid", "watchdog"),
    [(None, WATCHDOG), (str(os.getpid()), WATCHDOG), (str(os.getpid() + 1), None)],
    ids=["anyone", "this process", "another process"],
)
def test_the_watchdog_may_be_meant_for_another_process(pid: str | None, watchdog: Micros | None) -> None:
    environ = {"NOTIFY_SOCKET": "/run/notify", "WATCHDOG_USEC": str(WATCHDOG)}
    assert Notifier.from_environment(environ | ({"WATCHDOG_PID": pid} if pid else {})).watchdog == watchdog


# Attending


class SharedTimer(VirtualTimer):
    """A clock that several tasks wait on together; the test lets its time pass."""

    async def sleep(self, length: Micros) -> None:
        due = self.running + length
        while self.running < due:
            await anyio.lowlevel.checkpoint()


@dataclass
class Attended:
    """A daemon whose components the test moves, and the time that passes for it."""

    core: Core
    timer: SharedTimer
    manager: Manager

    def put(self, kind: str, state: State, name: str = "nba", reason: str = "") -> None:
        self.core.states.put(kind, name, state, reason)

    async def after(self, length: Micros) -> list[str]:
        """Let time pass, and return what was heard meanwhile."""
        end = self.timer.running + length
        heard: list[str] = []
        while self.timer.running < end:
            self.timer.pass_by(BEAT)
            for _ in range(CHECKPOINTS):
                await anyio.lowlevel.checkpoint()
            heard += self.manager.heard()
        return heard


Story = Callable[[Attended], Awaitable[None]]


@pytest.fixture
def attended(manager: Manager) -> Callable[[Story], None]:
    """Runs a story while a daemon with the pipelines `nba` and `nfl` is attended to."""

    def run(story: Story) -> None:
        anyio.run(_attend, manager, story)

    return run


async def _attend(manager: Manager, story: Story) -> None:
    timer = SharedTimer()
    core = Core(NO_STORE, States(timer.now), Journal(), timer=timer)
    async with anyio.create_task_group() as group:
        group.start_soon(attend, Notifier(manager.address, WATCHDOG), core, ["nba", "nfl"])
        await story(Attended(core, timer, manager))
        group.cancel_scope.cancel()


def test_is_ready_when_the_last_pipeline_stands(attended: Callable[[Story], None]) -> None:
    """Until then the start's deadline is put off, again and again."""

    async def story(daemon: Attended) -> None:
        daemon.put("pipeline", State.OK, "nba")
        daemon.put("pipeline", State.STARTING, "nfl")
        before = await daemon.after(4 * EXTENSION)
        assert "READY=1" not in before
        assert before.count(f"EXTEND_TIMEOUT_USEC={EXTENSION}") > 2
        assert "STATUS=pipeline nfl: Starting" in before
        daemon.put("pipeline", State.OK, "nfl")
        after = await daemon.after(4 * EXTENSION)
        assert after.count("READY=1") == 1
        assert f"EXTEND_TIMEOUT_USEC={EXTENSION}" not in after[after.index("READY=1") :]

    attended(story)


def test_a_pipeline_that_cannot_stand_does_not_hold_the_others_back(attended: Callable[[Story], None]) -> None:
    async def story(daemon: Attended) -> None:
        daemon.put("pipeline", State.OK, "nba")
        daemon.put("pipeline", State.RECOVERABLE_ERROR, "nfl", "no such line")
        heard = await daemon.after(4 * BEAT)
        assert heard.count("READY=1") == 1
        assert "STATUS=pipeline nfl: RecoverableError (no such line)" in heard

    attended(story)


def test_the_status_is_the_worst_component(attended: Callable[[Story], None]) -> None:
    async def story(daemon: Attended) -> None:
        for kind in ("store", "source"):
            daemon.put(kind, State.OK)
        assert "STATUS=OK" in await daemon.after(4 * BEAT)
        daemon.put("sink", State.RECOVERABLE_ERROR, "chat", "HTTP 503")
        assert "STATUS=sink chat: RecoverableError (HTTP 503)" in await daemon.after(4 * BEAT)
        daemon.put("sink", State.OK, "chat")
        assert "STATUS=OK" in await daemon.after(4 * BEAT)

    attended(story)


def test_lives_at_half_of_the_watchdogs_time(attended: Callable[[Story], None]) -> None:
    async def story(daemon: Attended) -> None:
        daemon.put("source", State.OK)
        assert "WATCHDOG=1" in await daemon.after(BEAT)
        assert (await daemon.after(10 * WATCHDOG)).count("WATCHDOG=1") in (19, 20, 21)

    attended(story)


@pytest.mark.parametrize("kind", ["store", "source", "pipeline"])
@pytest.mark.parametrize("state", [State.PERMANENT_ERROR, State.FATAL_ERROR])
def test_gives_no_sign_of_life_when_what_is_required_failed(
    attended: Callable[[Story], None], kind: str, state: State
) -> None:
    async def story(daemon: Attended) -> None:
        daemon.put(kind, state)
        assert "WATCHDOG=1" not in await daemon.after(10 * WATCHDOG)
        daemon.put(kind, State.OK)
        assert "WATCHDOG=1" in await daemon.after(2 * WATCHDOG)

    attended(story)


@pytest.mark.parametrize(
    ("kind", "name", "state"),
    [
        ("sink", "chat", State.PERMANENT_ERROR),
        ("source", "nba", State.RECOVERABLE_ERROR),
        ("source", "nba", State.PERMANENT_ERROR),
    ],
)
def test_lives_while_something_of_every_kind_works(
    attended: Callable[[Story], None], kind: str, name: str, state: State
) -> None:
    """Where one source of two has a wrong key, a restart would only disturb the other."""

    async def story(daemon: Attended) -> None:
        daemon.put("source", State.OK, "nfl")
        daemon.put(kind, state, name)
        assert "WATCHDOG=1" in await daemon.after(2 * WATCHDOG)

    attended(story)


def test_the_deadline_is_put_off_while_the_block_lasts(manager: Manager) -> None:
    async def migrate() -> None:
        daemon = Attended(Core(NO_STORE, States(lambda: 0), Journal()), timer := SharedTimer(), manager)
        async with extending(Notifier(manager.address), timer):
            assert len(await daemon.after(3 * EXTENSION)) >= 6
        await anyio.lowlevel.checkpoint()
        assert manager.heard() == []

    anyio.run(migrate)
