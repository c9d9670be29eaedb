"""A plugin's own tables, for routes and operations: read and written in whole transactions, and audited."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, ClassVar, Protocol, TypeVar

import msgspec

from stratumd.plugin.jobs import Row
from stratumd.plugin.times import Micros
from stratumd.plugin.views import DeliveryRow

R = TypeVar("R", bound=Row)
T = TypeVar("T")


class Act(msgspec.Struct, frozen=True, kw_only=True):
    """Who does what, and why: it is written down with what changes, in the same transaction."""

    actor: str
    """Such as `account:a1b2`, `service:deploy`, `console:root` or `system:billing`."""
    action: str
    """Such as `keys.revoke`: the operation's name."""
    target: str = ""
    """What it is done to, such as an account's id."""
    reason: str = ""
    request_id: str = ""


class AuditRow(Row, frozen=True):
    """One act. Rows are chained: each holds the hash of the one before, so that none can be changed or left out."""

    table: ClassVar[str] = "audit"
    key: ClassVar[tuple[str, ...]] = ("sequence",)

    sequence: int
    """From 1, without gaps, in the order of the commits."""
    at: Micros
    actor: str
    action: str
    target: str
    before: str
    """The rows that changed as they were, as JSON: a list of `{"table": …, "row": {…}}`, hidden fields as `***`."""
    after: str
    """The same as they are now; a row that is gone is left out."""
    reason: str
    request_id: str
    previous: str
    """`hash` of the row before; empty in the first."""
    hash: str
    """SHA-256, in hex, of all the other fields as a JSON list."""


class Reading(Protocol):
    """One transaction's view. Calls block and are made inside of `Desk.read` or `Desk.write` alone."""

    def get(self, kind: type[R], /, **key: Any) -> R | None:
        """Return the row with this key, None where there is none."""

    def find(
        self,
        kind: type[R],
        /,
        *,
        since: tuple[str, Any] | None = None,
        until: tuple[str, Any] | None = None,
        order: tuple[str, ...] = (),
        newest: bool = False,
        limit: int | None = None,
        **equal: Any,
    ) -> list[R]:
        """Return rows whose fields have these values.

        `since`, `until`: a field and a value: at least that, and less than that. `order`: fields to sort by, the key
        where none are given; `newest` turns it round.
        """

    def count(self, kind: type[Row], /, **equal: Any) -> int:
        """Return how many rows there are whose fields have these values."""


class Writing(Reading, Protocol):
    """One transaction that may change rows of the plugin's own tables, and those of a plugin that offers to."""

    at: Micros
    """When it began, by the daemon's clock."""

    def put(self, *rows: Row) -> None:
        """Write rows; each replaces the one before of the same key."""

    def insert(self, row: Row) -> bool:
        """Write a row unless there is one of that key. Returns whether it was written."""

    def add(self, row: Row, *fields: str) -> None:
        """Write a row, or add its `fields` to those of the row that is there: a counter."""

    def drop(self, kind: type[Row], /, **equal: Any) -> int:
        """Delete the rows whose fields have these values, at least one of them. Returns how many."""

    def resend(
        self,
        *,
        sink: str | None = None,
        states: Sequence[str] = (),
        since: Micros | None = None,
        event: str | None = None,
        ids: Sequence[str] = (),
        limit: int,
    ) -> list[DeliveryRow]:
        """Let deliveries to sinks that have ended wait again: the newest `limit`, and return what they were.

        `sink`: `nba.discord`, or `discord` in any pipeline. `states`: some of `dead`, `expired`, `delivered`; dead
        letters where none are named. `since`: by when the signal was observed. `event`, `ids`: or how they begin;
        `LookupError` says that there is none, or several. They keep their ids, begin anew with the first attempt
        and do not expire.
        """


class Desk(Protocol):
    """Where routes and operations keep what is theirs. Work runs in a thread; it must not wait for anything else."""

    async def read(self, work: Callable[[Reading], T]) -> T:
        """Return what `work` returns: everything that it sees is of one moment."""

    async def write(self, work: Callable[[Writing], T], act: Act | None = None) -> T:
        """Return what `work` returns, when it is committed: all of it or nothing.

        `work` may be called again from the start where two such transactions met: it must have no other effect.
        With `act`, what it changed is written to the audit in the same transaction; where it changed nothing, nothing.
        """
