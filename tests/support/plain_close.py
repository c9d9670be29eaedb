"""Closing lines and what prices were worth there: a second reading of `plugins/clv/README.md`, beside `plain.py`.

It takes the polls of a recording and remembers them all. Every quote is read by `plain.py`; nothing is shared with
stratumd. A market has two sides here: draws are not for it, nor are ladders.
"""

from __future__ import annotations

import json
from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import datetime, timedelta
from math import log
from statistics import mean, median
from typing import Any, NamedTuple

from tests.support import plain
from tests.support.plain import HOUR, NORMAL, Books, Quote

MAX_AGE = PATIENCE = timedelta(minutes=15)
LEAST = 5
OFFSETS = (0, 60, 900)
"""Seconds after a signal."""
CONVENTIONS = ("last_before_actual", "last_before_scheduled", "last_before_in_play", "last_seen")


class Glance(NamedTuple):
    """A poll that had the event, and what it said of it."""

    at: datetime
    starts: datetime
    """As announced then."""
    markets: Mapping[str, Books]


class Close(NamedTuple):
    """What operators agree on. The line is of home, or the total."""

    market: str
    sigma: float | None
    operators: int
    line: float | None
    fair_line: float | None
    chances: dict[str, float]
    prices: dict[str, float]

    @property
    def quality(self) -> str:
        return "good" if self.operators >= LEAST else "low"

    def worth(self, side: str, price: float, line: float | None) -> float | None:
        """Return what a stake of one brings at `price`; None at lines that do not compare."""
        chance = self.chances[side]
        if line != self.line:
            if self.sigma is None or line is None or self.line is None:
                return None
            points = line - self.line if side in ("home", "under") else self.line - line
            chance = NORMAL.cdf(NORMAL.inv_cdf(chance) + points / self.sigma)
        return price * chance - 1


class Past:
    """What a recording says of its events."""

    def __init__(self, lines: Iterable[bytes]) -> None:
        self.events: dict[str, list[Glance]] = defaultdict(list)
        self.sigmas: dict[tuple[str, str], float | None] = {}
        self.polls: list[datetime] = []
        self._closes: dict[tuple[str, str, str], Close | None] = {}
        for line in lines:
            answer = json.loads(line)
            self.polls.append(datetime.fromisoformat(answer["received_at"]))
            for event in answer["body"]:
                starts = datetime.fromisoformat(event["commence_time"])
                self.events[event["id"]].append(Glance(self.polls[-1], starts, plain._read(event)))
                self.sigmas |= {(event["id"], market): plain._sigma(event, market) for market in plain.SIDES}

    def instant(self, event: str, convention: str) -> tuple[datetime, list[Glance]]:
        """Return the instant that ages are counted to, and what counts."""
        seen = self.events[event]
        instant = seen[-1].starts
        if convention == "last_before_scheduled":
            told = [glance.starts for glance in seen if glance.at <= glance.starts - HOUR]
            instant = told[-1] if told else seen[0].starts
        elif convention == "last_seen":
            return seen[-1].at, seen
        elif convention == "last_before_in_play":
            before = [glance.at < glance.starts for glance in seen]
            live = len(seen) - before[::-1].index(True) if True in before else 0  # for good: starts are put off
            if 0 < live < len(seen):
                return seen[live - 1].at, seen[:live]
        return instant, [glance for glance in seen if glance.at < instant]

    def close(self, event: str, market: str, convention: str = CONVENTIONS[0]) -> Close | None:
        """Return the close of a market; None without one."""
        place = event, market, convention
        if place not in self._closes:
            self._closes[place] = self._close(*place)
        return self._closes[place]

    def _close(self, event: str, market: str, convention: str) -> Close | None:
        instant, seen = self.instant(event, convention)
        last: dict[str, tuple[datetime, Quote]] = {}
        for glance in seen:
            for book, quote in glance.markets.get(market, {}).items():
                if quote.updated < instant or quote.updated == instant == glance.at:
                    last[book] = glance.at, quote
        fresh = {book: quote for book, (at, quote) in last.items() if instant - at <= MAX_AGE}
        return agree(market, self.sigmas[event, market], fresh)

    def records(self, signal: plain.Signal) -> Iterator[dict[str, Any]]:
        """Yield what the prices of a signal were worth: by reference and offset."""
        event, market, side = signal.event, signal.market, signal.outcome
        close = self.close(event, market)
        end, seen = self.instant(event, CONVENTIONS[0])
        books = next(glance.markets.get(market, {}) for glance in seen if glance.at == signal.observed_at)
        now = agree(market, self.sigmas[event, market], books)
        names = {"named": signal.books}
        if signal.type == "STEAM":
            names["stale"] = [each["book"] for each in signal.evidence["stale"]]
        for reference, named in names.items():
            best = min((_rank(now, side, books[book], book) for book in named if book in books), default=None)
            for offset in OFFSETS:
                record = {"reference": reference, "after_seconds": offset, "status": "no_price"}
                if best is not None:
                    quote = books[best[-1]]
                    then = self._still(seen, end, signal.observed_at, offset)
                    there = then and then.get(market, {}).get(best[-1])
                    if then is None:
                        record["status"] = "unobserved"
                    elif there is None or (there.line, there.prices[side]) != (quote.line, quote.prices[side]):
                        record["status"] = "gone"
                    else:
                        record |= {"book": best[-1]} | valued(close, side, quote.line, quote.prices)
                yield record
        for offset in OFFSETS:
            at = signal.observed_at + timedelta(seconds=offset)
            glance = [glance for glance in seen if glance.at <= at][-1]
            then_agreed = agree(market, self.sigmas[event, market], glance.markets.get(market, {}))
            record = {"reference": "consensus", "after_seconds": offset, "status": "no_price"}
            if then_agreed is not None and at < end:
                record |= {"book": None} | valued(close, side, then_agreed.line, then_agreed.prices)
            yield record

    def _still(self, seen: Sequence[Glance], end: datetime, at: datetime, offset: int) -> Mapping[str, Books] | None:
        """Return what the first poll from then on said; None where it came too late."""
        wanted = at + timedelta(seconds=offset)
        poll = next((poll for poll in self.polls if poll >= wanted), None)
        if poll is None or poll >= end or poll - wanted > PATIENCE:
            return None
        return next((glance.markets for glance in seen if glance.at == poll), {})


def agree(market: str, sigma: float | None, books: Books) -> Close | None:
    """Return what the operators of `books` agree on; None where there are not two of them."""
    quotes = [books[book] for book in plain._speakers(books).values()]
    fair_line, line, posting = None, None, quotes
    if quotes and sigma is not None:
        fair_line = median(quote.fair_line for quote in quotes if quote.fair_line is not None)
        posted = sorted(quote.line for quote in quotes if quote.line is not None)
        middle = posted[(len(posted) - 1) // 2], posted[len(posted) // 2]
        line = min(middle, key=lambda each: (abs(each - fair_line), each))
        posting = [quote for quote in quotes if quote.line == line]
    elif quotes and market != "h2h":
        counts = Counter(quote.line for quote in quotes)
        line = min(counts, key=lambda each: (-counts[each], each))
        quotes = posting = [quote for quote in quotes if quote.line == line]
    if len(quotes) < 2:
        return None
    chances = {side: median(quote.fair[side] for quote in posting) for side in posting[0].fair}
    prices = {side: 1 / median(1 / quote.prices[side] for quote in posting) for side in chances}
    total = sum(chances.values())
    fair = {side: chance / total for side, chance in chances.items()}
    return Close(market, sigma, len(quotes), line, fair_line, fair, prices)


def valued(close: Close | None, side: str, line: float | None, prices: Mapping[str, float]) -> dict[str, Any]:
    """Return what a quote is worth on a side."""
    if close is None:
        return {"status": "no_close"}
    worths = {each: close.worth(each, price, line) for each, price in prices.items()}
    worth = worths[side]
    if worth is None:
        return {"status": "not_comparable"}
    points = None
    if line is not None and close.line is not None:
        points = line - close.line if side in ("home", "under") else close.line - line
    found = {"status": "valued", "ev": worth, "points": points, "price": prices[side], "quality": close.quality}
    known = [each for each in worths.values() if each is not None]
    if worth > -1:  # a total of 3 among others of 160 is beyond what a plain normal curve says of its ends
        found["log"] = log(1 + worth)
    return found | {"baseline": mean(known)}


def _rank(now: Close | None, side: str, quote: Quote, book: str) -> tuple[float, float, str]:
    worth = now.worth(side, quote.prices[side], quote.line) if now is not None else None
    return -worth if worth is not None else 1.0, -quote.prices[side], book
