"""The values that flow through a pipeline, in the order in which they come to be."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterable
from enum import StrEnum
from typing import Any, ClassVar, NamedTuple

import msgspec
from msgspec.structs import force_setattr

from stratumd.plugin.times import Micros, iso

_FRAMES = msgspec.json.Encoder(order="deterministic")


class Request(msgspec.Struct, frozen=True):
    """What was asked of a provider, without any secret."""

    path: str
    params: dict[str, str] = {}


class Observation(msgspec.Struct, frozen=True):
    """One answer of a source, as it was received. The log of these is the truth that everything is derived from.

    `id` is a hash of the rest, so the same answer has the same id after a restart, on another machine, in replay.
    """

    source: str
    """The name of the source in the configuration, or in the recording."""
    format: str
    """The name of the normalizer that reads it, such as `odds-api`."""
    received_at: Micros
    request: Request
    status: int
    body: bytes
    headers: dict[str, str] = {}
    """Lower-case names; only what is worth keeping (credits, dates, content type)."""
    origin: str = "live"
    """`live`, `historical` or `rebuilt`."""
    id: str = ""

    def __post_init__(self) -> None:
        if not self.id:
            force_setattr(self, "id", self._identity())

    def under(self, source: str) -> Observation:
        """Return the same answer as one of another source: an observation of its own, with its own id."""
        return msgspec.structs.replace(self, source=source, id="")

    def _identity(self) -> str:
        params = sorted(self.request.params.items())
        frame = (self.source, self.format, self.received_at, self.request.path, params, self.status)
        digest = hashlib.sha256(_FRAMES.encode(frame))
        digest.update(self.body)
        return digest.hexdigest()[:32]


class Past(msgspec.Struct, frozen=True):
    """What is asked of a source that remembers: how something was at a time gone by."""

    sport: str
    at: Micros
    markets: tuple[str, ...] = ()
    """Markets whose quotes are wanted; none where only the list of events is."""
    events: tuple[str, ...] = ()
    """Ids of the only events that are wanted; all where none is given."""
    singly: bool = False
    """Ask for the one event by itself: dearer, and any market can be asked for."""


class Credits(msgspec.Struct, frozen=True):
    """What a provider says of its quota, in its own credits; None where it does not say."""

    remaining: int | None = None
    used: int | None = None
    last: int | None = None
    """The cost of the answer that said so."""


class Fixture(NamedTuple):
    """An event that a source knows of, for the schedule: which one, and when it starts by the newest word."""

    id: str
    sport: str
    commence_at: Micros
    home: str = ""
    away: str = ""


class Poll(msgspec.Struct, frozen=True):
    """One exchange with a provider, answered or not: what the poll log keeps."""

    request: Request
    started_at: Micros
    elapsed: Micros
    observation: Observation | None = None
    error: Exception | None = None
    """A `stratumd.errors.SourceError`: its class says how the daemon reacts."""
    credits: Credits = Credits()
    feature: str = "base"
    """The budget that it is paid from: `base`, `live`, `historical` or `props`."""
    price: int | None = None
    """What this answer costs by the source's own model, to be held against the provider's word; None without one."""
    charged: int | None = None
    """The credits that it is counted with, where these are not just the provider's word: failed attempts before it may
    have cost some, too."""
    events: tuple[str, ...] = ()
    """Ids of the only events that were asked for; none where all were."""
    tier: str = ""
    """The band of the cadence that made it due. Core fills it in."""

    @property
    def cost(self) -> int:
        """The credits that it counts in the budgets."""
        return (self.credits.last or 0) if self.charged is None else self.charged


class Quote(NamedTuple):
    """One outcome's price."""

    outcome: str
    """`home`, `away`, `draw`, `over`, `under`, `yes`, `no`, or the provider's own name where none of these fits."""
    price: float
    """Decimal odds."""
    line: float | None = None
    """The handicap or total in points, from the bettor's side; None where the market has none. Zero is a line."""


class Offer(msgspec.Struct, frozen=True, gc=False):
    """All quotes of one book in one market (and for one player) at one moment."""

    book: str
    market: str
    quotes: tuple[Quote, ...]
    player: str | None = None


class Event(msgspec.Struct, frozen=True, gc=False):
    """A fixture. Its start moves, so `commence_at` is what was announced at one observation."""

    id: str
    sport: str
    home: str
    away: str
    commence_at: Micros


Offered = tuple[Offer, Micros | None]
"""An offer with the book's own `last_update`: when the book last confirmed it, by the book's clock."""


class Place(NamedTuple):
    """Where in an event something is; None means all of them."""

    book: str | None = None
    market: str | None = None


class Listing(msgspec.Struct, frozen=True, gc=False):
    """What one snapshot says of one event."""

    event: Event
    offers: list[Offered]
    unreadable: tuple[Place, ...] = ()
    """Parts that were there but malformed: nothing is concluded about them, least of all that they are gone."""


class Scope(msgspec.Struct, frozen=True):
    """What was asked for. Absence is concluded only inside it."""

    sport: str
    lane: str
    """Names the set of books that were asked for, such as `regions=us`. A book that is missing is gone only if it was
    last seen in the same lane: a poll of European books says nothing about American ones."""
    events: frozenset[str] | None = None
    """Event ids; None where every event of the sport was asked for."""
    markets: frozenset[str] | None = None
    """Market keys; None where every market was asked for."""
    books: frozenset[str] | None = None
    """Book keys; None where no book was asked for by name."""


class Severity(StrEnum):
    """How much something matters: a quality issue, a notice. From the least to the most."""

    INFO = "info"
    WARNING = "warning"
    ERROR = "error"

    def reaches(self, least: Severity) -> bool:
        """Say whether it is `least` or more."""
        order = [*Severity]
        return order.index(self) >= order.index(least)


class Issue(msgspec.Struct, frozen=True):
    """Something about the quality of an observation. Issues are logged and flagged; they reject nothing."""

    rule: str
    """A short name such as `price_range`, the same for every occurrence."""
    detail: str
    severity: Severity = Severity.WARNING
    event: str | None = None
    book: str | None = None
    market: str | None = None


class Phase(StrEnum):
    """Where an event is in its life."""

    SCHEDULED = "scheduled"
    LIVE = "live"
    FINAL = "final"
    CANCELLED = "cancelled"
    POSTPONED = "postponed"

    @property
    def over(self) -> bool:
        """Whether nothing more is to be played or offered: final or cancelled. What is postponed may come back."""
        return self in (Phase.FINAL, Phase.CANCELLED)


class Result(msgspec.Struct, frozen=True):
    """What a provider of scores says of one game. Core finds the event that it belongs to, or refuses to guess."""

    game: str
    """The provider's own id of the game."""
    sport: str
    """The sport's key as the odds have it, such as `basketball_nba`."""
    home: str
    """The team's whole name, such as `Los Angeles Clippers`; `stratumd.odds.team_of` knows other spellings."""
    away: str
    commence_at: Micros
    phase: Phase
    home_score: int | None = None
    away_score: int | None = None
    clock: str = ""
    """Where in the game it is, in the provider's words, such as `Q2 07:15`."""
    event: str | None = None
    """The event's id, where scores and odds come from one provider and share their ids."""


class News(msgspec.Struct, frozen=True):
    """What a provider says of a sport's teams besides their odds: context of signals, never a quote.

    It stands in place of whatever was said before of the same sport and topic.
    """

    sport: str
    topic: str
    """Such as `injuries`."""
    source: str
    """Whose word it is, such as `sportsdataio`."""
    teams: dict[str, list[dict[str, Any]]]
    """By team, as `stratumd.odds.canonical_team` spells it, JSON values; of a team that is missing there is nothing."""


class Told(NamedTuple):
    """News, and when it was received."""

    at: Micros
    news: News


class Snapshot(msgspec.Struct, frozen=True, gc=False):
    """An observation, understood."""

    scope: Scope | None
    """None where nothing may be concluded, as from an error page."""
    listings: list[Listing]
    issues: list[Issue]
    complete: bool = True
    """False where an event was there but could not even be named: then no event is concluded to be gone."""
    results: list[Result] = []
    """Scores. A game that is missing here is not cancelled: only a word of the provider is."""
    news: list[News] = []
    """What is said of teams besides their odds."""


class Change(NamedTuple):
    """One quote that appeared, changed or disappeared: what the history keeps."""

    event: str
    book: str
    market: str
    player: str | None
    outcome: str
    rung: float | None
    """The line as part of the identity, where a book shows several lines for one outcome (a ladder); else None."""
    line: float | None
    price: float | None
    """Decimal odds; None where the quote disappeared."""
    last_update: Micros | None = None


class MarketKey(NamedTuple):
    """A market of one event; `player` is None for team markets."""

    market: str
    player: str | None = None

    def __str__(self) -> str:
        return self.market if self.player is None else f"{self.market}/{self.player}"


class Record(msgspec.Struct, frozen=True):
    """Something a detector computed that later detectors and the history may use, but that is no signal."""

    kind: ClassVar[str]
    """The name under which later detectors ask for it."""
    key: MarketKey

    def same(self, other: Record) -> bool:
        """Say whether the history need not keep this record after `other`, the one before it."""
        return self == other


class Contributor(NamedTuple):
    """One operator's part in a consensus."""

    operator: str
    book: str
    """The operator's book with the lowest hold, which speaks for it."""
    weight: float
    values: tuple[float, ...]
    """The compared values: the fair line, or the fair probabilities in the order of the point's `outcomes`."""
    line: float | None
    books: tuple[str, ...]
    """All books of the operator whose quotes were usable."""


class ConsensusPoint(Record, frozen=True):
    """The consensus of an event's market at one observation, or the reason why there is none.

    Definitions: docs/explanation/numbers.md. Lines are the reference side's: home for spreads, the total for totals.
    """

    kind: ClassVar[str] = "consensus"
    outcomes: tuple[str, ...] = ()
    line: float | None = None
    """Points; the weighted median of the posted lines, one that somebody posts."""
    fair_line: float | None = None
    """Points; the weighted median of the fair lines; None in markets without a margin model."""
    probabilities: tuple[float, ...] = ()
    """Fair probabilities of `outcomes`, at `line`."""
    prices: tuple[float, ...] = ()
    """Decimal odds of `outcomes`, at `line`; the median in probability of the operators that post it."""
    dispersion: float | None = None
    """1.4826 times the weighted median absolute deviation of the compared value: points, or probability."""
    books: int = 0
    operators: int = 0
    contributors: tuple[Contributor, ...] = ()
    reason: str | None = None
    """Why there is no consensus: `too_few_operators`, …; None where there is one."""

    def same(self, other: Record) -> bool:
        """Compare everything but the contributors: they move with every quote, the consensus does not."""
        return isinstance(other, ConsensusPoint) and self._figures() == other._figures()

    def _figures(self) -> tuple[object, ...]:
        return (
            self.fair_line,
            self.line,
            self.dispersion,
            self.probabilities,
            self.prices,
            self.books,
            self.operators,
            self.reason,
            self.outcomes,
        )


class Finding(msgspec.Struct, frozen=True):
    """A condition that holds now. Core's gate decides whether it becomes a signal."""

    type: str
    key: MarketKey
    outcome: str
    """The side the finding points to."""
    direction: str
    """`up` or `down`: how the compared value moved or deviates (home line, total, or the outcome's probability)."""
    magnitude: float
    """In the unit of the compared value: points or probability; never negative."""
    threshold: float
    """What `magnitude` had to reach; growth by as much again may fire again."""
    books: tuple[str, ...]
    strength: int
    """1 to 100; a ranking, not a probability."""
    evidence: dict[str, Any] | Callable[[], dict[str, Any]]
    """What made it: quotes, thresholds, components. JSON values only, documented per signal type. A function is called
    at this very tick, and only if the finding becomes a signal: most do not, and evidence is dear."""
    operator: str | None = None
    """Where the condition is about one operator: each operator has its own edge and cooldown."""


class Limits(NamedTuple):
    """How often one type of signal may fire."""

    cooldown: Micros = 0
    """Between two signals of one (type, event, market, outcome, direction, operator)."""
    per_hour: int | None = None
    """For one type and event in a rolling hour, strongest first; None where there is no cap."""
    lifetime: Micros | None = None
    """How long a signal is worth acting on; None where it does not grow stale."""


class Signal(msgspec.Struct, frozen=True):
    """A finding that passed the gate."""

    id: str
    type: str
    pipeline: str
    detector: str
    detector_version: str
    sport: str
    event: str
    home: str
    away: str
    commence_at: Micros
    market: str
    player: str | None
    outcome: str
    direction: str
    operator: str | None
    books: tuple[str, ...]
    magnitude: float
    threshold: float
    strength: int
    observed_at: Micros
    expires_at: Micros | None
    observation: str
    metadata: dict[str, Any]

    def public(self) -> dict[str, Any]:
        """Return the JSON object that every surface shows: times as ISO 8601 in UTC, the same everywhere."""
        fields: dict[str, Any] = msgspec.to_builtins(self)
        for name in ("commence_at", "observed_at", "expires_at"):
            if fields[name] is not None:
                fields[name] = iso(fields[name])
        return fields

    def to_json(self) -> bytes:
        """Return `public()` as one line of JSON, byte for byte the same for the same signal."""
        return msgspec.json.encode(self.public())


class Delivery(msgspec.Struct, frozen=True):
    """One signal on its way to one sink."""

    id: str
    """Stable: a receiver that remembers it sees every signal exactly once."""
    signal: Signal
    attempt: int = 1


def delivery_id(signal: str, sink: str) -> str:
    """Return the id under which `sink` gets `signal`, before and after any restart."""
    return hashlib.sha256(f"{signal}\n{sink}".encode()).hexdigest()[:32]


def signal_id(parts: Iterable[str | None]) -> str:
    """Hash what makes a signal itself. No clock, no random number and no floating point goes in."""
    return hashlib.sha256(_FRAMES.encode(list(parts))).hexdigest()[:32]


def rounded(value: float | None, digits: int = 6) -> float | None:
    """Round at the edge, for evidence and output; `-0.0` becomes `0.0`."""
    return None if value is None else round(value, digits) + 0.0
