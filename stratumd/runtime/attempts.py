"""Calling a sink's code: whatever it raises is contained and named, and no call takes longer than it may."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from math import inf

import anyio

from stratumd.errors import ConfigError, DeliveryError, PluginError, StartupError
from stratumd.plugin import Sink
from stratumd.redaction import told
from stratumd.runtime.backoff import seconds
from stratumd.runtime.blame import blame

DEADLINE, CLOSING = 30.0, 1.0
"""Seconds that one call of a sink may take, and that it may take to close."""


@dataclass(frozen=True, slots=True)
class Target:
    """A sink and whose code it is."""

    name: str
    """The sink's name in the configuration, which the delivery rows carry."""
    sink: Sink
    plugin: str
    version: str = ""


class Misconfigured(DeliveryError):
    """A sink cannot work with the options it has: it is off until the next start, which may bring others."""


async def attempt(
    target: Target, call: Callable[[], Awaitable[object]], deadline: float = DEADLINE
) -> DeliveryError | PluginError | None:
    """Run code of a sink and return what went wrong, whatever it is; only a cancellation from outside passes."""
    with anyio.move_on_after(deadline):
        try:
            await call()
        except DeliveryError as error:
            return _read(target, error)
        except ConfigError as error:
            return Misconfigured(told(error), disable=True)
        except StartupError as error:
            return DeliveryError(told(error))
        except anyio.get_cancelled_exc_class() as error:
            if anyio.current_effective_deadline() == -inf:
                raise
            return _blame(target, error)  # the sink awaited something that it had cancelled itself
        except BaseException as error:  # noqa: BLE001  # a plugin may raise anything
            return _blame(target, error)
        return None
    return DeliveryError(f"no answer within {deadline:g} s")


def _read(target: Target, error: DeliveryError) -> DeliveryError | PluginError:
    """Return what the error says, read once and here: its class is the plugin's, and may compute it, or fail to."""
    try:
        permanent, disable = bool(error.permanent), bool(error.disable)
        return DeliveryError(told(error), permanent=permanent, disable=disable, retry_after=seconds(error.retry_after))
    except BaseException as failure:  # noqa: BLE001  # a plugin may raise anything
        return _blame(target, failure)


def _blame(target: Target, error: BaseException) -> PluginError:
    return blame(error, type(target.sink), name=target.name, plugin=target.plugin, version=target.version)
