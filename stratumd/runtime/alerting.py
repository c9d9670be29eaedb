"""From what is wrong now to what is told: once for each change, again after a while, and when it is over.

An alert is raised when a condition has lasted for `after`, or at once where it is of a kind that does not come and go.
It is told again when it gets worse, and each `remind` while it lasts. It is over when the condition was away for
`after`: then whoever was told is told that, too. What was raised and told is in the store: a restart changes nothing.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import timedelta

from stratumd.plugin import MINUTE, SECOND, Micros, Notice, Severity, format_duration, iso
from stratumd.store import Alert, Change

KIND = "alert"
SEEN = MINUTE
"""How often a daemon says of what it alone can know that it is still so."""
SILENT = 5 * SEEN
"""After so long without such a word the other daemons decide."""


@dataclass(frozen=True, slots=True)
class Condition:
    """Something that is wrong now."""

    kind: str
    subject: str
    severity: Severity
    title: str
    """What is wrong, in one line."""
    text: str
    """Why, and what to do."""
    since: Micros
    at_once: bool = False
    """Whether it counts without having lasted."""
    owner: str | None = None
    """The daemon that alone can know; None where it is the store's word."""
    keeps: bool = False
    """Whether it is too little to raise an alert, but enough for one that is there to stay."""

    @property
    def key(self) -> str:
        """What tells it from others."""
        return f"{self.kind}/{self.subject}"


@dataclass(frozen=True, slots=True)
class Rules:
    """By what it is decided what to tell."""

    now: Micros
    after: Micros
    remind: Micros
    me: str
    """This daemon, as the owner of a condition."""
    alone: bool
    """Whether there is no other daemon."""
    takes: Callable[[Severity, str], bool]
    """Whether a sink takes notices of a severity, other than the one named."""


def judged(conditions: Sequence[Condition], alerts: Sequence[Alert], rules: Rules) -> list[Change]:
    """Return what is to be changed. Pure; nothing where everything stands as it stood."""
    there = {condition.key: condition for condition in conditions}
    known = {alert.key: alert for alert in alerts}
    found = [_present(condition, known.get(key), rules) for key, condition in sorted(there.items())]
    found += [_absent(alert, rules) for key, alert in sorted(known.items()) if key not in there]
    return [change for change in found if change is not None]


def _present(condition: Condition, alert: Alert | None, rules: Rules) -> Change | None:
    if alert is None:
        lasted = condition.at_once or rules.now - condition.since >= rules.after
        return _raised(condition, _new(condition, rules), rules) if lasted and not condition.keeps else None
    if _anothers(alert, rules):
        return None
    worse = not alert.severity.reaches(condition.severity)
    fresh = alert._replace(clear_since=None, owner=condition.owner)
    if condition.owner is not None and rules.now - alert.seen_at >= SEEN:
        fresh = fresh._replace(seen_at=rules.now)
    if worse:
        fresh = fresh._replace(severity=condition.severity)
    if worse or alert.said_at is None or rules.now - alert.said_at >= rules.remind:
        return _raised(condition, fresh, rules, alert)
    return Change(fresh) if fresh != alert else None


def _new(condition: Condition, rules: Rules) -> Alert:
    names = condition.key, condition.kind, condition.subject, condition.severity, condition.title, condition.text
    return Alert(*names, condition.since, None, None, condition.owner, rules.now)


def _raised(condition: Condition, alert: Alert, rules: Rules, before: Alert | None = None) -> Change | None:
    """Tell of an alert, where a sink takes it; without one it is only kept, and told as soon as there is one."""
    about = about_sink(alert)
    if not rules.takes(alert.severity, about):
        worse = before is None or before.severity is not alert.severity
        return Change(alert, unheard=worse) if alert != before else None
    told = alert._replace(title=condition.title, text=condition.text, said_at=rules.now)
    again = alert.said_at is not None
    since = f"It is so since {iso(alert.since // SECOND * SECOND)}.\n" if again else ""
    id = f"{KIND}/{alert.key}/{alert.since}" + (f"/{rules.now}" if again else "")
    notice = _notice(id, told, told.title, since + told.text, rules.now)
    return Change(told, notice=notice, about=about)


def _absent(alert: Alert, rules: Rules) -> Change | None:
    if _anothers(alert, rules):
        return None
    if alert.clear_since is None:
        return Change(alert._replace(clear_since=rules.now))
    if rules.now - alert.clear_since < rules.after:
        return None
    if alert.said_at is None:
        return Change(alert, over=True)
    length = format_duration(timedelta(seconds=round((alert.clear_since - alert.since) / SECOND)))
    lasted = f"It lasted {length}, until {iso(alert.clear_since // SECOND * SECOND)}.\nIt was: {alert.text}"
    id = f"{KIND}/{alert.key}/{alert.since}/over"
    return Change(alert, over=True, notice=_notice(id, alert, f"Over: {alert.title}", lasted, rules.now, over=True))


def _anothers(alert: Alert, rules: Rules) -> bool:
    """Whether another daemon is to say what becomes of an alert."""
    if rules.alone or alert.owner in (None, rules.me):
        return False
    return rules.now - alert.seen_at < SILENT


def about_sink(alert: Alert) -> str:
    """Return the sink that cannot be told, as it is the one that fails; empty where there is none."""
    kind, _, name = alert.subject.partition(" ")
    return name if alert.kind == "component" and kind == "sink" else ""


def _notice(id: str, alert: Alert, title: str, text: str, now: Micros, *, over: bool = False) -> Notice:
    figures = {"kind": alert.kind, "subject": alert.subject, "since": iso(alert.since)}
    return Notice(id, KIND, title, text, now, severity=alert.severity, resolved=over, figures=figures)
