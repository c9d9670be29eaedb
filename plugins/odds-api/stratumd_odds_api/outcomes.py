"""One market's outcomes: provider's names and prices in, offers out."""

from __future__ import annotations

import re
from collections.abc import Mapping
from functools import lru_cache
from typing import NamedTuple

import msgspec

from stratumd.odds import Kind, PriceError, american_to_decimal, kind
from stratumd.plugin import Issue, Offer, Quote, Severity
from stratumd_odds_api.wire import UNREADABLE, is_name

HIGHEST_PRICE = 100_000.0
"""Decimal odds beyond which a price is taken for an error; the highest in two million markets was 1,001."""
WIDEST_LINE = 10_000.0
"""Points beyond which a line is taken for an error."""

_new = tuple.__new__  # a NamedTuple's own constructor costs twice as much
_WORDS = {"Over": "over", "Under": "under", "Yes": "yes", "No": "no", "Draw": "draw"}
_KEYS = re.compile(rb'"(name|price|point|description)"\s*:')
_RANKS = {"home": 0, "away": 1, "draw": 2, "over": 3, "under": 4, "yes": 5, "no": 6}


class WireOutcome(msgspec.Struct, gc=False):
    """One outcome; `description` names the player of a prop or the team of a team total."""

    name: str
    price: float
    point: float | None = None
    description: str | None = None


class Reading(NamedTuple):
    """What a market's outcomes say."""

    offers: tuple[Offer, ...]
    issues: tuple[Issue, ...] = ()
    readable: bool = True
    """False where nothing may be concluded, least of all that the market is empty."""


class Asking(NamedTuple):
    """Where outcomes are found, and how to read them."""

    event: str
    book: str
    market: str
    sides: Mapping[str, str]
    american: bool

    def issue(self, rule: str, detail: str, severity: Severity = Severity.WARNING) -> Issue:
        """Return an issue about this market."""
        return Issue(rule, detail, severity, self.event, self.book, self.market)


_OUTCOMES: msgspec.json.Decoder[list[WireOutcome]] = msgspec.json.Decoder(list[WireOutcome])


def sides_of(home: str, away: str) -> dict[str, str]:
    """Map the provider's outcome names to ours; they come alphabetically, so a position says nothing."""
    if not home or home == away:
        return dict(_WORDS)
    return {**_WORDS, home: "home", away: "away"}


def read_outcomes(raw: msgspec.Raw, asking: Asking) -> Reading:
    """Return the offers of one market: one, or one for each player."""
    try:
        outcomes = _OUTCOMES.decode(raw)
    except UNREADABLE:
        return _refused(asking.issue("malformed_market", "its outcomes are not as documented"))
    if _has_duplicate_keys(raw, outcomes):
        return _refused(asking.issue("duplicate_key", "an outcome gives its name, price or point twice"))
    offer = _two_sided(outcomes, asking)
    return _by_player(outcomes, asking) if offer is None else Reading((offer,))


def _two_sided(outcomes: list[WireOutcome], asking: Asking) -> Offer | None:
    """Return the offer of a market of two known sides and no flaw, which most are; None where it is any other."""
    if len(outcomes) != 2:
        return None
    first, second = _known_side(outcomes[0], asking), _known_side(outcomes[1], asking)
    if first is None or second is None or first.outcome == second.outcome:
        return None
    in_order = _RANKS[first.outcome] < _RANKS[second.outcome]
    return Offer(asking.book, asking.market, (first, second) if in_order else (second, first))


def _known_side(outcome: WireOutcome, asking: Asking) -> Quote | None:
    side, point = asking.sides.get(outcome.name), outcome.point
    if side is None or outcome.description:
        return None
    if point is not None:
        point += 0.0
        if not -WIDEST_LINE <= point <= WIDEST_LINE:
            return None
    try:
        return _new(Quote, (side, decimal_price(outcome.price, asking.american), point))
    except PriceError:
        return None


def _by_player(outcomes: list[WireOutcome], asking: Asking) -> Reading:
    """Read any market: of players, of many sides, or with flaws, which it names."""
    by_player: dict[str | None, list[Quote]] = {}
    strange: list[str] = []
    sides, american = asking.sides, asking.american
    for outcome in outcomes:
        name, point, player = outcome.name, outcome.point, outcome.description or None
        try:
            price = decimal_price(outcome.price, american)
        except PriceError as error:
            return _refused(asking.issue("price_range", str(error)))
        if point is not None:
            point += 0.0
            if not -WIDEST_LINE <= point <= WIDEST_LINE:
                return _refused(asking.issue("line_range", f"{point:g} points are no line"))
        side = sides.get(name)
        if side is None:
            side = name
            strange.append(name)
        if player not in by_player:
            by_player[player] = []
        by_player[player].append(Quote(side, price, point))
    if not all(map(is_name, strange)) or not all(is_name(player) for player in by_player if player):
        return _refused(asking.issue("malformed_market", "the name of an outcome or player is not printable"))
    return _offers(by_player, strange, asking)


@lru_cache(maxsize=4096)
def decimal_price(price: float, american: bool) -> float:
    """Return `price` as decimal odds; `PriceError` where no bookmaker can mean it."""
    decimal = american_to_decimal(price) if american else price
    if not 1.0 < decimal <= HIGHEST_PRICE:
        raise PriceError(f"{price:g} is no {'American' if american else 'decimal'} price")
    return decimal


def _offers(by_player: dict[str | None, list[Quote]], strange: list[str], asking: Asking) -> Reading:
    offers: list[Offer] = []
    issues: list[Issue] = []
    for player, quotes in by_player.items():
        unique = _in_order(quotes)
        if len(unique) < len(quotes):
            issues.append(asking.issue("duplicate_outcome", "an outcome comes twice at one line; the first counts"))
        offers.append(Offer(asking.book, asking.market, tuple(unique), player))
    if strange and _is_unknown(asking.market, len(strange), sum(map(len, by_player.values()))):
        issues.append(asking.issue("unknown_outcome", f"unknown outcome {min(strange)!r}", Severity.INFO))
    return Reading(tuple(offers), tuple(issues))


def _in_order(quotes: list[Quote]) -> list[Quote]:
    """Sort `quotes`, so that a new order in the answer is no change, and leave out repeated outcomes."""
    if len(quotes) == 2 and quotes[0].outcome != quotes[1].outcome:
        first, second = quotes
        return quotes if _side(first) < _side(second) else [second, first]
    unique: dict[tuple[str, float | None], Quote] = {}
    for quote in quotes:
        unique.setdefault((quote.outcome, quote.line), quote)
    return sorted(unique.values(), key=_rung)


def _side(quote: Quote) -> tuple[int, str]:
    return (_RANKS.get(quote.outcome, 9), quote.outcome)


def _rung(quote: Quote) -> tuple[int, str, bool, float]:
    return (*_side(quote), quote.line is not None, quote.line or 0.0)


def _is_unknown(market: str, strange: int, outcomes: int) -> bool:
    """Say whether outcomes with other names are an error here; where all outcomes are names, they are not."""
    return kind(market) is not Kind.OTHER or strange < outcomes


def _has_duplicate_keys(raw: msgspec.Raw, outcomes: list[WireOutcome]) -> bool:
    """Say whether an object has a key twice, of which decoders silently take the last."""
    text = bytes(raw)
    if text.count(b'"price"') == len(outcomes) == text.count(b'"name"') and text.count(b'"point"') <= len(outcomes):
        return False
    objects = msgspec.json.decode(raw, type=list[msgspec.Raw])
    return any(_repeats(bytes(one)) for one in objects)


def _repeats(one: bytes) -> bool:
    found = _KEYS.findall(one)
    return len(found) > len(set(found))


def _refused(issue: Issue) -> Reading:
    return Reading((), (issue,), readable=False)
