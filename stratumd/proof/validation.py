"""How good the quotes of a pipeline are: rates by rule, book, market and day, coverage by event, unknown books.

One tally, filled from what a store holds or from a recording that is stepped through without a detector.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Iterable, Mapping
from typing import Any

from stratumd.engine import Pipeline, Step
from stratumd.odds import BOOKS
from stratumd.plugin import DAY, Event, Micros, Observation, iso
from stratumd.store import Reader

_Place = tuple[str, str, str]  # book, market, day


class Validation:
    """What was judged, and what was wrong with it."""

    def __init__(self, pipeline: str, operators: Mapping[str, str]) -> None:
        self.pipeline = pipeline
        self._known: Collection[str] = BOOKS.keys() | operators.keys() | set(operators.values())
        self.answers = 0
        self._issues: Counter[tuple[str, str, _Place]] = Counter()
        self._examples: dict[str, str] = {}
        self._changed: Counter[_Place] = Counter()
        self._events: dict[str, Event] = {}
        self._offered: dict[str, set[tuple[str, str]]] = {}
        self._first: dict[str, Micros] = {}

    def step(self, step: Step) -> None:
        """Take in what follows from one observation."""
        self.answers += 1
        day = _day(step.at // DAY)
        for issue in step.issues:
            self._issues[issue.rule, str(issue.severity), (issue.book or "", issue.market or "", day)] += 1
            self._examples.setdefault(issue.rule, issue.detail)
        for event in step.events:
            self._events[event.id] = event
        for change in step.changes:
            self._changed[change.book, change.market, day] += 1
            self._offered.setdefault(change.event, set()).add((change.book, change.market))
            self._first.setdefault(change.book, step.at)

    def read(self, reader: Reader, since: Micros | None, until: Micros | None) -> None:
        """Take in what a store holds of the range."""
        for count in reader.issue_counts(self.pipeline, since=since, until=until):
            place = (count.book or "", count.market or "", _day(count.day))
            self._issues[count.rule, count.severity, place] += count.number
            self._examples.setdefault(count.rule, count.example)
        for change in reader.change_counts(self.pipeline, since=since, until=until):
            self._changed[change.book, change.market, _day(change.day)] += change.number
        for each in reader.offerings(self.pipeline, since=since, until=until):
            self._events[each.event] = Event(each.event, each.sport, each.home, each.away, each.commence_at)
            self._offered.setdefault(each.event, set()).add((each.book, each.market))
        self._first |= {book.key: book.first_seen for book in reader.books()}

    def by_rule(self) -> list[dict[str, Any]]:
        """Return a row per rule: the most frequent first."""
        counts: Counter[tuple[str, str]] = Counter()
        books: dict[str, set[str]] = {}
        for (rule, severity, (book, _, _)), number in self._issues.items():
            counts[rule, severity] += number
            books.setdefault(rule, set()).update([book] if book else [])
        changed = sum(self._changed.values())
        return [
            {
                "by": "rule", "rule": rule, "severity": severity, "issues": number, "rate": _rate(number, changed),
                "books": len(books[rule]), "example": self._examples[rule],
            }
            for (rule, severity), number in _falling(counts)
        ]  # fmt: skip

    def by_book(self) -> list[dict[str, Any]]:
        """Return a row per book with changed quotes or issues."""
        return self._by("book", 0)

    def by_market(self) -> list[dict[str, Any]]:
        """Return a row per market."""
        return self._by("market", 1)

    def by_day(self) -> list[dict[str, Any]]:
        """Return a row per day, in order: the trend."""
        return sorted(self._by("day", 2), key=lambda row: str(row["day"]))

    def unknown_books(self) -> list[dict[str, Any]]:
        """Return the books that neither the table of books nor the configuration knows."""
        return [
            {"by": "unknown book", "book": book, "first_seen": iso(at)}
            for book, at in sorted(self._first.items())
            if book not in self._known
        ]

    def coverage(self) -> list[dict[str, Any]]:
        """Return a row per event by its start: how many of its sport's books and markets were ever offered on it."""
        offered = {event: pairs for event, pairs in self._offered.items() if event in self._events}
        wanted: dict[str, tuple[set[str], set[str]]] = {}
        for event, pairs in offered.items():
            books, markets = wanted.setdefault(self._events[event].sport, (set(), set()))
            books.update(book for book, _ in pairs)
            markets.update(market for _, market in pairs)
        return [
            self._covered(self._events[event], pairs, *wanted[self._events[event].sport])
            for event, pairs in sorted(offered.items(), key=lambda each: (self._events[each[0]].commence_at, each[0]))
        ]

    def _covered(self, event: Event, pairs: set[tuple[str, str]], books: set[str], markets: set[str]) -> dict[str, Any]:
        there = {book for book, _ in pairs}
        return {
            "by": "event", "event": event.id, "start": iso(event.commence_at),
            "game": f"{event.away} at {event.home}" if event.home else event.sport,
            "books": len(there), "markets": len({market for _, market in pairs}),
            "coverage": round(len(pairs) / (len(books) * len(markets)), 3), "missing": sorted(books - there),
        }  # fmt: skip

    def _by(self, name: str, part: int) -> list[dict[str, Any]]:
        issues: Counter[str] = Counter()
        changed: Counter[str] = Counter()
        worst: dict[str, Counter[str]] = {}
        for (rule, _, place), number in self._issues.items():
            if place[part]:
                issues[place[part]] += number
                worst.setdefault(place[part], Counter())[rule] += number
        for place, number in self._changed.items():
            changed[place[part]] += number
        rows = Counter({key: issues[key] for key in {*issues, *changed}})
        return [
            {
                "by": name, name: key, "issues": number, "changes": changed[key],
                "rate": _rate(number, changed[key]), "rules": dict(_falling(worst.get(key, Counter()))),
            }
            for key, number in _falling(rows)
        ]  # fmt: skip


def judged(pipeline: Pipeline, observations: Iterable[Observation], validation: Validation) -> None:
    """Step a recording through `pipeline` and take in what follows."""
    for observation in observations:
        validation.step(pipeline.step(observation))


def _falling(counts: Counter[Any]) -> list[tuple[Any, int]]:
    return sorted(counts.items(), key=lambda each: (-each[1], each[0]))


def _rate(issues: int, changes: int) -> float | None:
    """Return issues per thousand changed quotes."""
    return round(1000 * issues / changes, 2) if changes else None


def _day(number: int) -> str:
    return iso(number * DAY)[:10]
