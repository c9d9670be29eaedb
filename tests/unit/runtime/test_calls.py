"""Calls of a plugin's code, and shelter from a stop."""

from __future__ import annotations

import asyncio

import anyio
import pytest

from stratumd.errors import ConfigError, PluginError, StratumError, TransientError
from stratumd.runtime.calls import call, sheltered
from tests.unit.runtime.bench import ScriptedSource

pytestmark = pytest.mark.anyio

OWNER = ScriptedSource().feed.owner


async def raising(error: BaseException) -> None:
    raise error


async def test_the_result_comes_back() -> None:
    async def code() -> int:
        return 3

    assert await call(OWNER, code, 1.0) == 3


@pytest.mark.parametrize("error", [TransientError("down"), ConfigError("no key")])
async def test_errors_of_the_contract_pass(error: StratumError) -> None:
    with pytest.raises(type(error)) as caught:
        await call(OWNER, lambda: raising(error), 1.0)
    assert caught.value is error


@pytest.mark.parametrize("error", [ValueError("oops"), SystemExit(1), GeneratorExit(), MemoryError()])
async def test_everything_else_is_named(error: BaseException) -> None:
    with pytest.raises(PluginError, match=r"scripted 1\.2"):
        await call(OWNER, lambda: raising(error), 1.0)


async def test_a_cancellation_of_its_own_making_is_its_fault() -> None:
    async def code() -> None:
        task = asyncio.ensure_future(anyio.sleep_forever())
        asyncio.get_running_loop().call_soon(task.cancel)
        await task

    with pytest.raises(PluginError, match="CancelledError"):
        await call(OWNER, code, 1.0)


async def test_a_cancellation_from_outside_goes_through() -> None:
    with anyio.move_on_after(0.01) as scope:
        await call(OWNER, anyio.sleep_forever, 60.0)
    assert scope.cancelled_caught


async def test_a_call_that_takes_too_long() -> None:
    with pytest.raises(TransientError, match="no answer within"):
        await call(OWNER, anyio.sleep_forever, 0.01)


async def test_shelter_gives_the_result() -> None:
    async def code() -> int:
        return 3

    assert await sheltered(code, 1.0) == 3


async def test_shelter_raises_what_is_raised_and_no_group_of_it() -> None:
    with pytest.raises(ValueError, match="oops"):
        await sheltered(lambda: raising(ValueError("oops")), 1.0)


async def test_shelter_outlasts_a_cancellation() -> None:
    ended = []

    async def code() -> None:
        scope.cancel()
        await anyio.sleep(0.02)
        ended.append(True)

    with anyio.CancelScope() as scope:
        await sheltered(code, 60.0)
        await anyio.sleep_forever()
    assert ended == [True]


async def test_shelter_lasts_no_longer_than_the_grace() -> None:
    with anyio.fail_after(30), anyio.move_on_after(0.001) as scope:
        await sheltered(anyio.sleep_forever, 0.01)
    assert scope.cancelled_caught
