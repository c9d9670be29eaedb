"""Signals: the first stops, the second ends at once, and nobody waits for ever."""

from __future__ import annotations

import os
import pty
import select
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import anyio
import pytest

from stratumd.runtime import stop
from stratumd.runtime.stop import Stop
from tests.support import ROOT

pytestmark = pytest.mark.anyio


@pytest.fixture(autouse=True)
def no_timer_outlives_its_test(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """In a daemon they end with the process; here they would still speak in the middle of another test."""
    made: list[threading.Timer] = []

    class Noted(threading.Timer):
        def start(self) -> None:
            made.append(self)
            super().start()

    monkeypatch.setattr("stratumd.runtime.stop.threading.Timer", Noted)
    yield
    for timer in made:
        timer.cancel()


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
async def test_a_signal_asks_to_stop(number: signal.Signals) -> None:
    deaths: list[int] = []
    asked = Stop(deaths.append)
    async with anyio.create_task_group() as group:
        await group.start(asked.watch)
        os.kill(os.getpid(), number)
        with anyio.fail_after(30):
            await asked.asked.wait()
        group.cancel_scope.cancel()
    assert deaths == []


async def test_the_second_signal_ends_at_once() -> None:
    died, deaths = anyio.Event(), []

    def die(code: int) -> None:
        deaths.append(code)
        died.set()

    asked = Stop(die)
    async with anyio.create_task_group() as group:
        await group.start(asked.watch)
        os.kill(os.getpid(), signal.SIGINT)
        await asked.asked.wait()
        os.kill(os.getpid(), signal.SIGTERM)
        with anyio.fail_after(30):
            await died.wait()
        group.cancel_scope.cancel()
    assert deaths == [128 + signal.SIGTERM]


async def test_a_part_that_does_not_stop_is_left_behind(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(stop.PATIENCE, signal.SIGINT, 0.01)
    deaths: list[int] = []
    asked = Stop(deaths.append)
    async with anyio.create_task_group() as group:
        await group.start(asked.watch)
        os.kill(os.getpid(), signal.SIGINT)
        with anyio.fail_after(30):
            while not deaths:  # noqa: ASYNC110  # a thread does it
                await anyio.sleep(0.005)
        group.cancel_scope.cancel()
    assert deaths == [1]


async def test_ctrl_c_is_less_patient_than_a_service_manager() -> None:
    assert stop.PATIENCE[signal.SIGINT] < 5 < stop.PATIENCE[signal.SIGTERM] < 30


async def test_sighup_asks_to_reload_and_not_to_stop() -> None:
    asked = Stop(list[int]().append)
    async with anyio.create_task_group() as group:
        await group.start(asked.watch)
        os.kill(os.getpid(), signal.SIGHUP)
        with anyio.fail_after(30):
            await asked.reload.wait()
        group.cancel_scope.cancel()
    assert not asked.asked.is_set()


async def test_a_stop_does_not_wait_behind_many_sighups() -> None:
    asked = Stop(list[int]().append)
    async with anyio.create_task_group() as group:
        await group.start(asked.watch)
        for _ in range(100):
            os.kill(os.getpid(), signal.SIGHUP)
            await anyio.lowlevel.checkpoint()
        os.kill(os.getpid(), signal.SIGTERM)
        with anyio.fail_after(2):
            await asked.asked.wait()
            await asked.reload.wait()
        group.cancel_scope.cancel()


async def test_sighup_of_a_terminal_that_was_closed_asks_to_stop() -> None:
    keyboard, screen = pty.openpty()
    deaths: list[int] = []
    asked = Stop(deaths.append, screen)
    async with anyio.create_task_group() as group:
        await group.start(asked.watch)
        os.close(keyboard)
        os.kill(os.getpid(), signal.SIGHUP)
        with anyio.fail_after(30):
            await asked.asked.wait()
        group.cancel_scope.cancel()
    os.close(screen)
    assert not asked.reload.is_set()


async def test_sighup_at_an_open_terminal_asks_to_reload() -> None:
    keyboard, screen = pty.openpty()
    asked = Stop(list[int]().append, screen)
    async with anyio.create_task_group() as group:
        await group.start(asked.watch)
        os.kill(os.getpid(), signal.SIGHUP)
        with anyio.fail_after(30):
            await asked.reload.wait()
        group.cancel_scope.cancel()
    os.close(keyboard)
    os.close(screen)


WATCHED = """
import os
import anyio
from stratumd.runtime.stop import Stop

async def main():
    asked = Stop()

    async def told(event, meaning):
        await event.wait()
        os.write(answer, meaning)
        group.cancel_scope.cancel()

    async with anyio.create_task_group() as group:
        await group.start(asked.watch)
        group.start_soon(told, asked.asked, b"stop")
        group.start_soon(told, asked.reload, b"reload")
        os.write(answer, b"%d\\n" % os.getpid())

answer = os.open(os.environ["ANSWER"], os.O_WRONLY)
anyio.run(main)
"""
"""Writes its process id and then what it was asked for."""

STARTING = """
import atexit, os, time
from stratumd.runtime.stop import exit_quietly

answer = os.open(os.environ["ANSWER"], os.O_WRONLY)
atexit.register(os.write, answer, b"ended")
exit_quietly()
os.write(answer, b"%d\\n" % os.getpid())
time.sleep(60)
"""
"""Writes its process id and then that it ended."""


@contextmanager
def in_a_shell(folder: Path, started: str = "", code: str = WATCHED) -> Iterator[tuple[int, int, int]]:
    """Start a program by hand, so to say. Yields the ids of shell and program, and where the program answers."""
    answers = folder / "answers"
    os.mkfifo(answers)
    keyboard, screen = pty.openpty()
    answer = os.open(answers, os.O_RDWR)
    # Interactive: the program is a job of its own, in the foreground. Not its last command: bash stays beside it.
    line = f'{started} "$PYTHON" -c "$CODE"; :'
    environment = {"PYTHON": sys.executable, "CODE": code, "ANSWER": str(answers), "PYTHONPATH": str(ROOT)}
    shell = subprocess.Popen(
        ["setsid", "--ctty", "bash", "--norc", "-ic", line],
        cwd=folder,  # where nohup leaves its file
        stdin=screen,
        stdout=screen,
        stderr=screen,
        env={**os.environ, **environment},
    )
    os.close(screen)
    program = 0
    try:
        program = int(said(answer))
        yield shell.pid, program, answer
    finally:
        for each in filter(None, (program, shell.pid)):
            with suppress(ProcessLookupError):
                os.kill(each, signal.SIGKILL)
        shell.wait(30)
        os.close(answer)
        os.close(keyboard)


def said(answer: int) -> str:
    ready, _, _ = select.select([answer], [], [], 30)
    assert ready, "nothing was said"
    return os.read(answer, 100).decode().strip()


def test_a_program_whose_shell_died_stops_while_the_terminal_is_still_open(tmp_path: Path) -> None:
    """Its window may stay open for long; nobody will ever see this program in it again."""
    with in_a_shell(tmp_path) as (shell, _, answer):
        os.kill(shell, signal.SIGKILL)
        assert said(answer) == "stop"


def test_a_program_whose_shell_died_before_it_had_begun_ends(tmp_path: Path) -> None:
    with in_a_shell(tmp_path, code=STARTING) as (shell, program, answer):
        os.kill(program, signal.SIGHUP)
        time.sleep(0.3)
        assert not select.select([answer], [], [], 0)[0], "beside a living shell it goes on"
        os.kill(shell, signal.SIGKILL)
        assert said(answer) == "ended"


@pytest.mark.parametrize("started", ["", "setsid --wait", "nohup"])
def test_sighup_beside_a_living_shell_asks_to_reload(tmp_path: Path, started: str) -> None:
    """Also without a controlling terminal, and where none is written to."""
    with in_a_shell(tmp_path, started) as (_, program, answer):
        os.kill(program, signal.SIGHUP)
        assert said(answer) == "reload"
