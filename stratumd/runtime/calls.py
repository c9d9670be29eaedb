"""Calls of a plugin's code: whatever it raises is contained and named, and none takes longer than it may."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from math import inf
from typing import TypeVar

import anyio
import anyio.lowlevel

from stratumd.errors import ConfigError, PluginError, SourceError, StartupError, TransientError
from stratumd.plugin import Component
from stratumd.runtime.blame import blame

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Owner:
    """Whose code is called."""

    component: Component
    name: str
    """The component's name in the configuration."""
    plugin: str
    version: str
    """Of the plugin's distribution."""

    def blame(self, error: BaseException) -> PluginError:
        """Return the error that names the plugin and the line that failed."""
        kind = type(self.component)
        return blame(error, kind, name=self.name, plugin=self.plugin, version=self.version)


async def call(owner: Owner, code: Callable[[], Awaitable[T]], deadline: float) -> T:
    """Await code of a plugin for at most `deadline` seconds.

    The contract's own errors pass: `SourceError`, `StartupError`, `ConfigError`. A call that takes too long is a
    `TransientError`; everything else is a `PluginError`. Only a cancellation from outside goes through.
    """
    with anyio.move_on_after(deadline):
        try:
            return await code()
        except (SourceError, StartupError, ConfigError):
            raise
        except anyio.get_cancelled_exc_class() as error:
            if anyio.current_effective_deadline() == -inf:
                raise
            raise owner.blame(error) from error  # it awaited something that it had cancelled itself
        except BaseException as error:  # a plugin may raise anything, SystemExit too
            raise owner.blame(error) from error
    raise TransientError(f"no answer within {deadline:g} s", code="deadline")


async def sheltered(code: Callable[[], Awaitable[T]], grace: float, *, begun: bool = False) -> T:
    """Await `code`; a cancellation from outside reaches it only after `grace` seconds, in which it may still end.

    Where a stop was asked for already, nothing is begun; unless it is `begun` with what went before.
    """
    if not begun:
        await anyio.lowlevel.checkpoint()
    results: list[T] = []
    failures: list[Exception] = []
    async with anyio.create_task_group() as group:
        with anyio.CancelScope(shield=True) as shelter:
            group.start_soon(_end_later, shelter, grace)
            try:
                results.append(await code())
            except Exception as error:  # noqa: BLE001  # raised again below, outside of the group
                failures.append(error)
        group.cancel_scope.cancel()
    if failures:
        raise failures[0]
    if not results:
        await anyio.lowlevel.checkpoint()  # raises the cancellation that the shelter kept away
    return results[0]


async def _end_later(shelter: anyio.CancelScope, grace: float) -> None:
    try:
        await anyio.sleep_forever()
    finally:
        shelter.deadline = min(shelter.deadline, anyio.current_time() + grace)
