"""What is wrong now, and who was told of it: a row for each alert, changed together with the notice that tells of it.

Several daemons on one database look at the same facts; they decide one after the other, so each change is told once.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import NamedTuple, Protocol, TypeVar

from sqlalchemy import Connection, Engine, delete, select

from stratumd.plugin import Micros, Notice, Severity, Signal
from stratumd.plugin.views import AlertRow
from stratumd.store import counters, facts, figures, instants, notices, overview, writes
from stratumd.store.errors import mapped
from stratumd.store.facts import Facts, Question
from stratumd.store.figures import Figures
from stratumd.store.tables import alerts
from stratumd.store.text import clean, optional
from stratumd.store.writes import Bulk

T = TypeVar("T")

_TURN = "alerts"
"""The counter that lets one daemon after the other decide."""


class Alert(NamedTuple):
    """Something that is wrong, or was until `clear_since`."""

    key: str
    """The kind, a slash, the subject."""
    kind: str
    subject: str
    severity: Severity
    """The greatest that it had."""
    title: str
    text: str
    since: Micros
    said_at: Micros | None
    """When a notice told of it last; None where no sink takes it."""
    clear_since: Micros | None
    """Since when it seems to be over."""
    owner: str | None
    """The only daemon that can know; None where it is the store's word."""
    seen_at: Micros
    """When its owner said last that it is so."""


class Change(NamedTuple):
    """What becomes of an alert."""

    alert: Alert
    over: bool = False
    """Whether its row goes."""
    notice: Notice | None = None
    """What tells of it."""
    about: str = ""
    """The sink that does not get the notice."""
    unheard: bool = False
    """Whether there is something to tell, and no sink that takes it."""


Decide = Callable[[Sequence[Alert]], Sequence[Change]]


class _Write(Protocol):
    def __call__(self, name: str, work: Callable[[Connection, Bulk], T], /) -> T: ...


class Alerts:
    """The alerts of one database. The methods block, and may be called from any thread."""

    def __init__(self, write: _Write, readers: Engine, owner: str) -> None:
        self._write = write
        self._readers = readers
        self._owner = owner

    def open(self) -> list[Alert]:
        """Return what is wrong, by key."""
        return self._read(_open)

    def shown(self) -> list[AlertRow]:
        """Return the same as it is shown, the oldest first."""
        return self._read(overview.open_alerts)

    def facts(self, question: Question) -> Facts:
        """Return what is to be judged."""
        return self._read(lambda connection: facts.gather(connection, question))

    def figures(self, since: Micros, until: Micros) -> Figures:
        """Return the figures of a report over [since, until)."""
        return self._read(lambda connection: figures.gather(connection, since, until))

    def change(self, decide: Decide) -> Sequence[Change]:
        """Do what `decide` says of the alerts that are open, with its notices, in one transaction; return it.

        Nothing is written where it has nothing to say of what can be read without a lock.
        """
        if not decide(self.open()):
            return ()

        def write(connection: Connection, bulk: Bulk) -> Sequence[Change]:
            counters.advance(connection, _TURN)  # whoever comes at the same time waits here
            found = decide(_open(connection))
            for change in found:
                _apply(connection, bulk, change)
            return found

        return self._write("alerts", write)

    def signals(self, pipeline: str, since: Micros, until: Micros) -> Iterator[Signal]:
        """Yield the signals of a pipeline that were observed in [since, until), by time; a few are held at once."""
        with mapped(), self._readers.begin() as connection:
            yield from figures.signals_of(connection, pipeline, since, until)

    def publish(
        self,
        schedule: str,
        instant: Micros,
        notice: Notice | None,
        sink: str | None = None,
        since: Micros | None = None,
    ) -> bool:
        """Take a due instant, and store the notice that is due then with it. False where it was taken already.

        With `sink` the notice goes to that one alone, whether it takes others or not. With `since` it is of what came
        since that instant: False, and nothing changes, where that is not the newest any more.
        """

        def write(connection: Connection, bulk: Bulk) -> bool:
            if since is not None and instants.held(connection, schedule).instant != since:
                return False
            taken = instants.take(connection, schedule, instant, 0, self._owner)
            if notice is None or not taken.mine:
                return taken.mine
            added = notices.add(connection, bulk, notice)
            if added and sink is not None:
                notices.give(connection, bulk, notice, sink)
            return added

        return self._write("publish", write)

    def _read(self, query: Callable[[Connection], T]) -> T:
        with mapped(), self._readers.begin() as connection:
            return query(connection)


def _open(connection: Connection) -> list[Alert]:
    found = connection.execute(select(alerts).order_by(alerts.c.key))
    return [Alert(**{**row._mapping, "severity": Severity(row.severity)}) for row in found]


def _apply(connection: Connection, bulk: Bulk, change: Change) -> None:
    alert = change.alert
    if change.over:
        connection.execute(delete(alerts).where(alerts.c.key == clean(alert.key)))
    else:
        texts = clean(alert.key), alert.kind, clean(alert.subject), str(alert.severity), clean(alert.title)
        times = alert.since, alert.said_at, alert.clear_since, optional(alert.owner), alert.seen_at
        bulk(writes.ALERTS, [(*texts, clean(alert.text), *times)])
    if change.notice is not None:
        notices.add(connection, bulk, change.notice, change.about)
