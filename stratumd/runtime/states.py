"""In which state every component of the daemon is: what `/status`, `/readyz` and the metrics show."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from enum import Enum

from stratumd.plugin import Micros
from stratumd.redaction import shown


class State(Enum):
    """The states of a component, from the least to the most alarming."""

    OK = "OK"
    STARTING = "Starting"
    STOPPING = "Stopping"
    STOPPED = "Stopped"
    RECOVERABLE_ERROR = "RecoverableError"
    """It failed and is tried again."""
    PERMANENT_ERROR = "PermanentError"
    """It failed and stays off until a person changes something; the rest goes on."""
    FATAL_ERROR = "FatalError"
    """It failed and the daemon cannot go on without it."""


_ALARM = {state: rank for rank, state in enumerate(State)}


@dataclass(frozen=True, slots=True)
class ComponentState:
    """One component's state at present."""

    name: str
    kind: str
    """`source`, `pipeline`, `sink`, `store`, …"""
    state: State
    reason: str
    """Why, in one line for a person; empty where there is nothing to say."""
    since: Micros
    """When it came into this state; a new reason or attempt does not change it."""
    attempts: int
    """Failures in a row."""

    def __str__(self) -> str:
        return f"{self.kind} {self.name}: {self.state.value}" + (f" ({self.reason})" if self.reason else "")


def _nobody(state: ComponentState) -> None:
    """Listen to nothing."""


class States:
    """The newest state of every component. `changed` is called whenever one comes into another state."""

    def __init__(self, now: Callable[[], Micros], changed: Callable[[ComponentState], None] = _nobody) -> None:
        self._now = now
        self._changed = changed
        self._states: dict[tuple[str, str], ComponentState] = {}

    def put(self, kind: str, name: str, state: State, reason: str = "", attempts: int = 0) -> None:
        """Say in which state a component is now. The `reason` may be anybody's words; it is made fit to be shown."""
        last = self._states.get((kind, name))
        same = last is not None and last.state is state
        since = last.since if last is not None and same else self._now()
        new = self._states[kind, name] = ComponentState(name, kind, state, shown(reason), since, attempts)
        if not same:
            self._changed(new)

    def drop(self, kind: str, name: str) -> None:
        """Forget a component that is there no more."""
        self._states.pop((kind, name), None)

    def get(self, kind: str, name: str) -> ComponentState:
        """Return a component's state. `KeyError` where it never had one."""
        return self._states[kind, name]

    def __iter__(self) -> Iterator[ComponentState]:
        """Yield the states by kind and name."""
        return iter([self._states[key] for key in sorted(self._states)])

    def worst(self) -> ComponentState | None:
        """Return the most alarming state, or None where there is no component."""
        return max(self, key=lambda each: _ALARM[each.state], default=None)
