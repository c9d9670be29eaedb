"""The written rules as a plain script: a second reading of `docs/explanation/numbers.md`, and a yardstick.

It parses a recording with the standard library and works MOVE, MULTIBOOK_SYNC, DISLOCATION and STEAM out as the page
has them, under the options of `config/examples/replay.yaml`. Every quote of every poll is read and every market of
every poll looked at anew; nothing is remembered but the polls of the longest window and what the gate needs. It shares
nothing with stratumd but the table of whose books are whose: what both say was read twice from the same page.

It takes a recording for whole, well-formed answers of The Odds API to one question or several, in American odds.
"""

from __future__ import annotations

import json
from collections import Counter, defaultdict
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from datetime import datetime, timedelta
from statistics import NormalDist, median
from typing import Any, NamedTuple, TypeAlias

from stratumd.odds import operator_of

HOUR, MINUTE = timedelta(hours=1), timedelta(minutes=1)
NORMAL = NormalDist()
TINY = 1e-9
"""What the last bits of a sum may be short of a threshold by."""

SIGMAS = {
    "basketball_nba": {"spreads": 11.2, "totals": 16.1},
    "basketball_wnba": {"spreads": 10.5, "totals": 14.5},
    "basketball_ncaab": {"spreads": 10.5, "totals": 14.5},
    "americanfootball_nfl": {"spreads": 11.9, "totals": 11.9},
    "americanfootball_ncaaf": {"spreads": 15.5, "totals": 15.0},
}
SIDES = {"h2h": ("home", "draw", "away"), "spreads": ("home", "away"), "totals": ("over", "under")}
LINE_WAYS = {"spreads": [("away", "up"), ("home", "down")], "totals": [("over", "up"), ("under", "down")]}
"""The side that a fair line points to as it goes up or down."""
OPPOSITE = {"home": "away", "away": "home", "over": "under", "under": "over"}

LOOKBACK = 10 * MINUTE
MOVE_WINDOW, SYNC_WINDOW, STEAM_WINDOW = 40 * MINUTE, 40 * MINUTE, 30 * MINUTE
LONGEST = max(MOVE_WINDOW, SYNC_WINDOW, STEAM_WINDOW)
MOVED = {"spreads": 0.5, "totals": 1.0, "probability": 0.03}
APART = {"spreads": 1.0, "totals": 2.0, "probability": 0.03}
STEAMED = {"spreads": 0.5, "totals": 1.0, "probability": 0.02}
SYNC_OPERATORS, OTHERS, STEAM_OPERATORS, STEAM_PRESENT = 3, 5, 4, 6
MIN_AGE, QUIET = 30 * MINUTE, 5 * MINUTE
LIMITS = {
    "MOVE": (10 * MINUTE, 12),
    "MULTIBOOK_SYNC": (10 * MINUTE, 12),
    "DISLOCATION": (15 * MINUTE, 6),
    "STEAM": (15 * MINUTE, 4),
}
"""By type: the cooldown, and the most signals of one event in a rolling hour."""

Way: TypeAlias = tuple[str, str]
"""An outcome and a direction."""


class Signal(NamedTuple):
    """What fired. `evidence` has those fields of the metadata that are worked out here, under their own names."""

    type: str
    event: str
    market: str
    outcome: str
    direction: str
    operator: str | None
    observed_at: datetime
    books: list[str]
    magnitude: float
    threshold: float
    strength: int
    evidence: dict[str, Any]


class Quote(NamedTuple):
    """What a book offers in a market, and what that says."""

    updated: datetime
    """The book's own word for when it last confirmed it."""
    prices: dict[str, float]
    """Decimal odds by side."""
    line: float | None
    """Of home, or the total."""
    hold: float
    fair: dict[str, float]
    """Probabilities by side, which add up to one."""
    fair_line: float | None
    """None where there is no margin model."""


Books: TypeAlias = dict[str, Quote]
"""What each book offers in a market at one poll."""
Ends: TypeAlias = dict[str, tuple[Quote, Quote]]
"""What each book offered at the start of a window, and offers now."""
Glance: TypeAlias = tuple[datetime, Books]
"""A poll and what it said of one market."""


class Market(NamedTuple):
    """A market of an event before its start, as far back as the longest window."""

    event: str
    key: str
    sigma: float | None
    starts: datetime
    first_seen: datetime
    glances: list[Glance]
    """Oldest first. The last is now."""

    @property
    def at(self) -> datetime:
        return self.glances[-1][0]

    @property
    def books(self) -> Books:
        return self.glances[-1][1]

    @property
    def ways(self) -> list[Way]:
        """Where a compared value can go. Of two chances it is the one that rose; of three each by itself."""
        if self.sigma is not None:
            return LINE_WAYS[self.key]
        if any("draw" in quote.fair for quote in self.books.values()):
            return [(side, direction) for side in SIDES[self.key] for direction in ("up", "down")]
        return [(side, "up") for side in SIDES[self.key] if side != "draw"]

    def threshold(self, thresholds: Mapping[str, float]) -> float:
        return thresholds["probability" if self.sigma is None else self.key]

    def since(self, window: timedelta) -> list[Glance]:
        """Return the polls from the first in the window with anything on offer; none where not two of them had."""
        inside = [glance for glance in self.glances if glance[0] >= self.at - window]
        while not inside[0][1]:
            del inside[0]
        return inside if sum(bool(books) for _, books in inside) > 1 else []


def signals(lines: Iterable[bytes]) -> list[Signal]:
    """Return the signals of a recording, poll by poll."""
    questions: dict[str, _Question] = defaultdict(_Question)
    found: list[Signal] = []
    for line in lines:
        answer = json.loads(line)
        if answer.get("status", 200) == 200:
            question = questions[json.dumps(answer["request"], sort_keys=True)]
            found += question.step(datetime.fromisoformat(answer["received_at"]), answer["body"])
    return found


class _Question:
    """What the answers to one question have said. Who is missing from an answer offers nothing at that time."""

    def __init__(self) -> None:
        self.polls: list[tuple[datetime, dict[tuple[str, str], Books]]] = []
        self.first_seen: dict[tuple[str, str], datetime] = {}
        self.held: dict[object, float] = {}
        """What has fired and was true ever since, with its magnitude then."""
        self.fired: dict[object, datetime] = {}
        self.hours: dict[tuple[str, str], list[datetime]] = defaultdict(list)

    def step(self, at: datetime, events: list[dict[str, Any]]) -> list[Signal]:
        now = {(event["id"], key): books for event in events for key, books in _read(event).items()}
        self.polls = [poll for poll in self.polls if poll[0] >= at - LONGEST] + [(at, now)]
        self.first_seen = {place: self.first_seen.get(place, at) for place in now}
        findings = [finding for event in events for market in self._markets(at, event) for finding in _detect(market)]
        return self._gate(at, findings)

    def _markets(self, at: datetime, event: dict[str, Any]) -> Iterator[Market]:
        starts = datetime.fromisoformat(event["commence_time"])
        for key in SIDES:
            place = (event["id"], key)
            if at < starts and place in self.first_seen:
                glances = [(then, books.get(place, {})) for then, books in self.polls]
                yield Market(*place, _sigma(event, key), starts, self.first_seen[place], glances)

    def _gate(self, at: datetime, findings: list[Signal]) -> list[Signal]:
        """Return what is new, not too soon after the last, and not too much in an hour: the strongest first."""
        passed: list[Signal] = []
        held: dict[object, float] = {}
        for finding in sorted(findings, key=_rank):
            identity = finding[:6]
            hour = self.hours[finding.type, finding.event]
            cooldown, most = LIMITS[finding.type]
            if identity in self.held:
                held[identity] = self.held[identity]
                if finding.magnitude < held[identity] + finding.threshold - TINY:
                    continue
            if identity in self.fired and at - self.fired[identity] < cooldown:
                continue
            if sum(at - then < HOUR for then in hour) >= most:
                continue
            hour.append(at)
            held[identity], self.fired[identity] = finding.magnitude, at
            passed.append(finding)
        self.held = held
        return passed


def _rank(finding: Signal) -> tuple[Any, ...]:
    return -finding.strength, -round(finding.magnitude, 9), finding[2:5], finding.operator or ""


def _sigma(event: Mapping[str, Any], market: str) -> float | None:
    return SIGMAS.get(event["sport_key"], {}).get(market)


def _read(event: Mapping[str, Any]) -> dict[str, Books]:
    """Return the complete quotes of an event by market and book."""
    side = {event["home_team"]: "home", event["away_team"]: "away", "Draw": "draw", "Over": "over", "Under": "under"}
    markets: dict[str, Books] = defaultdict(dict)
    for book in event["bookmakers"]:
        for market in book["markets"]:
            if market["key"] in SIDES:
                outcomes = {side[outcome["name"]]: outcome for outcome in market["outcomes"]}
                updated = datetime.fromisoformat(market.get("last_update") or book["last_update"])
                quote = _quote(market["key"], outcomes, updated, _sigma(event, market["key"]))
                if quote is not None:
                    markets[market["key"]][book["key"]] = quote
    return markets


def _quote(market: str, outcomes: Mapping[str, Any], updated: datetime, sigma: float | None) -> Quote | None:
    """Return what the outcomes say together; None where one is missing, or their lines do not belong together."""
    sides = [side for side in SIDES[market] if side in outcomes]
    if len(sides) < 2:
        return None
    line = None
    if market != "h2h":
        line, other = outcomes[sides[0]]["point"], outcomes[sides[1]]["point"]
        if other != (-line if market == "spreads" else line):
            return None
    prices = {side: _decimal(outcomes[side]["price"]) for side in sides}
    implied = {side: 1 / price for side, price in prices.items()}
    total = sum(implied.values())
    if len(sides) > 2 and total > 1:
        power = _power(implied.values())
        fair = {side: chance**power for side, chance in implied.items()}
    else:
        fair = {side: chance / total for side, chance in implied.items()}
    fair_line = None
    if sigma is not None and line is not None:
        shift = sigma * NORMAL.inv_cdf(fair[sides[0]])
        fair_line = line - shift if market == "spreads" else line + shift
    return Quote(updated, prices, line, 1 - 1 / total, fair, fair_line)


def _decimal(american: float) -> float:
    return 1 + (american / 100 if american > 0 else 100 / -american)


def _power(implied: Collection[float]) -> float:
    """Return the power that makes them add up to one."""
    low, high = 1.0, 100.0
    for _ in range(60):
        middle = (low + high) / 2
        if sum(chance**middle for chance in implied) > 1:
            low = middle
        else:
            high = middle
    return low


def _stayed(glances: Sequence[Glance]) -> Ends:
    """Return the quotes at both ends of the books that were there all the time."""
    if not glances:
        return {}
    first, last = glances[0][1], glances[-1][1]
    there = set(last).intersection(*[books for _, books in glances])
    return {book: (first[book], last[book]) for book in there}


def _went(way: Way, before: Quote, after: Quote) -> float | None:
    """Return how far the compared value went that way, less than nothing for the other; None at lines that differ."""
    outcome, direction = way
    if before.fair_line is not None and after.fair_line is not None:
        change = after.fair_line - before.fair_line
    elif before.line != after.line or before.fair.keys() != after.fair.keys() or outcome not in after.fair:
        return None
    else:
        change = after.fair[outcome] - before.fair[outcome]
    return change if direction == "up" else -change


def _posted(way: Way, before: Quote, after: Quote) -> float | None:
    """Return the same of the posted line, where there is a margin model."""
    if after.fair_line is None or before.line is None or after.line is None:
        return _went(way, before, after)
    return after.line - before.line if way[1] == "up" else before.line - after.line


def _detect(market: Market) -> Iterator[Signal]:
    """Yield what holds now."""
    least = market.threshold(MOVED)
    yield from _together("MOVE", market, MOVE_WINDOW, _posted, least, 1)
    yield from _together("MULTIBOOK_SYNC", market, SYNC_WINDOW, _went, least / 2, SYNC_OPERATORS)
    yield from _dislocation(market)
    yield from _steam(market)


def _together(
    type_: str,
    market: Market,
    window: timedelta,
    measure: Callable[[Way, Quote, Quote], float | None],
    threshold: float,
    operators: int,
) -> Iterator[Signal]:
    """Yield the ways in which books of enough operators moved, each book held against itself."""
    ends = _stayed(market.since(window))
    for way in market.ways:
        sizes = {book: measure(way, *quotes) for book, quotes in ends.items()}
        movers = {book: size for book, size in sizes.items() if size is not None and size >= threshold - TINY}
        count = len({operator_of(book) for book in movers})
        if count >= operators:
            yield _signal(type_, market, way, movers, max(movers.values()), threshold, [_breadth(count, operators)])


def _dislocation(market: Market) -> Iterator[Signal]:
    """Yield the operators that stand apart from the median of all others."""
    fresh = {book: quote for book, quote in market.books.items() if market.at - quote.updated <= LOOKBACK}
    speakers = _speakers(fresh)
    if market.sigma is None:
        usual = _usual(fresh[book] for book in speakers.values())
        speakers = {operator: book for operator, book in speakers.items() if _terms(fresh[book]) == usual}
    threshold = market.threshold(APART)
    for operator, book in speakers.items():
        own, others = fresh[book], [fresh[other] for other in speakers.values() if other != book]
        if len(others) >= OTHERS:
            way, value, consensus = _apart(market, own, others)
            if abs(value - consensus) >= threshold - TINY:
                books = [each for each in fresh if operator_of(each) == operator]
                breadth = _breadth(len(others), OTHERS)
                evidence = {"value": value, "consensus": consensus, "others": len(others), "line": own.line}
                magnitude = abs(value - consensus)
                yield _signal("DISLOCATION", market, way, books, magnitude, threshold, [breadth], evidence, operator)


def _terms(quote: Quote) -> tuple[int, float, tuple[str, ...]]:
    """Return what has to be equal where probabilities are compared: the sides, and their line."""
    return -len(quote.fair), quote.line or 0.0, tuple(quote.fair)


def _usual(quotes: Iterable[Quote]) -> tuple[int, float, tuple[str, ...]] | None:
    """Return the terms that most post; at a tie the most sides, then the lowest line."""
    counts = Counter(_terms(quote) for quote in quotes)
    return min(counts, key=lambda terms: (-counts[terms], terms), default=None)


def _apart(market: Market, own: Quote, others: Sequence[Quote]) -> tuple[Way, float, float]:
    """Return the side that is cheap at `own` and how its value deviates, the value, and the others' median."""
    if own.fair_line is not None:
        consensus = median(other.fair_line for other in others if other.fair_line is not None)
        dear, direction = LINE_WAYS[market.key][0 if own.fair_line > consensus else 1]
        return (OPPOSITE[dear], direction), own.fair_line, consensus
    medians = {side: median(other.fair[side] for other in others) for side in own.fair}
    chances = {side: chance / sum(medians.values()) for side, chance in medians.items()}
    cheap = min(chances, key=lambda side: own.fair[side] - chances[side])
    return (cheap, "down"), own.fair[cheap], chances[cheap]


def _steam(market: Market) -> Iterator[Signal]:
    """Yield the ways in which enough operators moved, and who was left behind."""
    glances = market.since(STEAM_WINDOW)
    ends = _stayed(glances)
    speakers = _speakers({book: after for book, (_, after) in ends.items()})
    too_young = market.at - market.first_seen < MIN_AGE
    if len(speakers) < STEAM_PRESENT or too_young or market.starts - market.at < QUIET:
        return
    threshold = market.threshold(STEAMED)
    for way in market.ways:
        sizes = {book: size for book in speakers.values() if (size := _went(way, *ends[book])) is not None}
        movers = {book: size for book, size in sizes.items() if size >= threshold - TINY}
        if len(movers) >= STEAM_OPERATORS and (market.sigma is not None or way[1] == "up"):
            changes = [_reached(way, book, threshold, glances) for book in movers]
            polls = [at for at, books in glances if books]
            minutes = max(max(changes) - min(changes), polls[-1] - polls[-2]) / MINUTE
            magnitude = median(movers.values())
            left = {book: size for book, size in sizes.items() if abs(size) < threshold / 2}
            prices = [ends[book][1] for book in movers]
            evidence = {
                "movers": [_moved(way, book, size, ends) for book, size in movers.items()],
                "stale": [_stale(market, way, book, size, ends, prices) for book, size in left.items()],
                "present": len(speakers),
                "minutes": minutes,
                "velocity": magnitude / minutes,
            }
            parts = [(0.3, min(1.0, magnitude / minutes / threshold)), _breadth(len(movers), STEAM_OPERATORS)]
            yield _signal("STEAM", market, way, movers, magnitude, threshold, parts, evidence)


def _reached(way: Way, book: str, threshold: float, glances: Sequence[Glance]) -> datetime:
    """Return when a book was first seen to have moved so far."""
    before = glances[0][1][book]
    sizes = ((at, _went(way, before, books[book])) for at, books in glances)
    return next(at for at, size in sizes if size is not None and size >= threshold - TINY)


def _moved(way: Way, book: str, size: float, ends: Ends) -> dict[str, Any]:
    return {"operator": operator_of(book), "book": book, "move": size if way[1] == "up" else -size}


def _stale(market: Market, way: Way, book: str, size: float, ends: Ends, movers: Sequence[Quote]) -> dict[str, Any]:
    quote = ends[book][1]
    worth = _worth(market, way[0], quote, movers)
    terms = {"line": quote.line, "price": quote.prices[way[0]], "ev_percent": worth}
    return _moved(way, book, size, ends) | terms


def _worth(market: Market, outcome: str, quote: Quote, movers: Sequence[Quote]) -> float | None:
    """Return what a stake on `quote` is worth by the movers' median, percent of it; None where nothing compares."""
    price, refund = quote.prices[outcome], 0.0
    if market.sigma is None or quote.line is None:
        chances = [mover.fair[outcome] for mover in movers if mover.line == quote.line]
        if not chances:
            return None
        chance = median(chances)
    else:
        centre = median(mover.fair_line for mover in movers if mover.fair_line is not None)
        gap = (quote.line - centre) / market.sigma
        chance = NORMAL.cdf(gap if outcome in ("home", "under") else -gap)
        if quote.line == int(quote.line):
            half = 0.5 / market.sigma
            refund = NORMAL.cdf(gap + half) - NORMAL.cdf(gap - half)
    return 100 * (1 - refund) * (chance * price - 1)


def _speakers(quotes: Mapping[str, Quote]) -> dict[str, str]:
    """Return the book that speaks for each operator, the one with the lowest hold, in the order of operators."""
    speakers: dict[str, str] = {}
    for book in sorted(quotes, key=lambda book: (operator_of(book), quotes[book].hold, book)):
        speakers.setdefault(operator_of(book), book)
    return speakers


def _breadth(operators: int, least: int) -> tuple[float, float]:
    return 0.2, min(1.0, operators / (2 * least))


def _signal(
    type_: str,
    market: Market,
    way: Way,
    books: Iterable[str],
    magnitude: float,
    threshold: float,
    parts: Iterable[tuple[float, float]],
    evidence: dict[str, Any] | None = None,
    operator: str | None = None,
) -> Signal:
    """Return what the gate may let through. `parts` of its strength, besides the magnitude, are weights and values."""
    weighed = [(0.5, 1 - 2 ** (-magnitude / threshold)), *parts]
    share = sum(weight * value for weight, value in weighed) / sum(weight for weight, _ in weighed)
    strength = min(100, max(1, round(100 * share)))
    place = (type_, market.event, market.key, *way, operator, market.at)
    return Signal(*place, sorted(books), magnitude, threshold, strength, evidence or {})
