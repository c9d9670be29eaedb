"""Made-up observations and steps with something in every field, for tests and measurements of the store."""

from __future__ import annotations

import json
import random
from collections.abc import Iterator, Sequence

from stratumd.engine.outcome import Coverage, Failure, Play, StateChange, Step
from stratumd.plugin import (
    MINUTE,
    Change,
    ConsensusPoint,
    Contributor,
    Credits,
    Event,
    Issue,
    MarketKey,
    Observation,
    Phase,
    Poll,
    Request,
    Result,
    Signal,
    delivery_id,
)
from stratumd.store import Commit, NewDelivery, Store

START = 1_784_100_000_000_000
MARKETS = ("h2h", "spreads", "totals")
SIDES = {"h2h": ("home", "away"), "spreads": ("home", "away"), "totals": ("over", "under")}


def observation(at: int = START, *, source: str = "nba", body: bytes = b"[]", path: str = "/odds") -> Observation:
    """Return an observation received at `at`."""
    request = Request(path, {"regions": "us", "markets": "h2h,spreads"})
    return Observation(source, "odds-api", at, request, 200, body, {"x-requests-last": "3"})


def event(number: int = 0, *, commence_at: int = START + 60 * MINUTE) -> Event:
    return Event(f"event{number:027d}", "basketball_nba", f"Home {number}", f"Away {number}", commence_at)


def signal(seen: Observation, number: int = 0, *, event_number: int = 0, pipeline: str = "nba") -> Signal:
    """Return a signal with text outside ASCII, nested metadata and floats that need all their digits."""
    at = event(event_number)
    return Signal(
        id=f"signal-{seen.id[:12]}-{event_number}-{number}",
        type="STEAM",
        pipeline=pipeline,
        detector="steam",
        detector_version="1",
        sport=at.sport,
        event=at.id,
        home="Montréal “Été”",
        away=at.away,
        commence_at=at.commence_at,
        market="spreads",
        player=None,
        outcome="home",
        direction="up",
        operator=None,
        books=("pinnacle", "betmgm"),
        magnitude=0.1 + 0.2,
        threshold=0.5,
        strength=61,
        observed_at=seen.received_at,
        expires_at=seen.received_at + 10 * MINUTE,
        observation=seen.id,
        metadata={"lines": [1 / 3, -2.5, 1.0, 2], "quote": 'a "b" \\ c\n', "nested": {"z": None, "a": True}},
    )


def step(
    seen: Observation,
    *,
    pipeline: str = "nba",
    event_number: int = 0,
    price: float = 1.91,
    signals: int = 1,
    whole: bool = True,
) -> Step:
    """Return a small step with a row for every table."""
    at = event(event_number)
    keys = tuple(MarketKey(market) for market in MARKETS)
    point = ConsensusPoint(
        MarketKey("spreads"),
        ("home", "away"),
        -2.5,
        -2.3456789012345678,
        (0.1 + 0.2, 0.7),
        (1.9, 2.0),
        0.25,
        7,
        5,
        (Contributor("op", "pinnacle", 1.0, (-2.5,), -2.5, ("pinnacle",)),),
    )
    return Step(
        pipeline=pipeline,
        observation=seen,
        at=seen.received_at,
        events=(at,),
        coverage=(Coverage(at.id, (*keys, MarketKey("player_points", "Jokić"))),),
        changes=(
            Change(at.id, "pinnacle", "spreads", None, "home", None, -2.5, price, seen.received_at - 7),
            Change(at.id, "pinnacle", "spreads", None, "away", None, 2.5, price + 0.1, None),
            Change(at.id, "betmgm", "player_points", "Jokić", "over", 25.5, 25.5, price, None),
        ),
        records=((at.id, point),),
        signals=tuple(signal(seen, n, event_number=event_number, pipeline=pipeline) for n in range(signals)),
        states=(StateChange("gate", at.id, b'{"open":["STEAM"]}'), StateChange("steam", at.id, b'{"x":1.5}')),
        issues=(Issue("price_range", "1001 is out of range\nand more", event=at.id, book="betmgm"),),
        failures=(Failure("stranger", at.id, "ValueError: no", "stranger.py:7"),),
        plays=(Play(at.id, False),),
        results=(result(event_number),),
        quotes=3,
        whole=whole,
    )


def result(number: int = 0, *, phase: Phase = Phase.SCHEDULED, **more: object) -> Result:
    """Return what a provider of scores says of the game that is `event(number)`."""
    at = event(number)
    fields: dict[str, object] = {"home": at.home, "away": at.away, "commence_at": at.commence_at, **more}
    return Result(f"game-{number}", at.sport, phase=phase, **fields)  # type: ignore[arg-type]  # tests may go wrong


def feed(polls: int, *, events: int = 15, books: int = 11, changed: float = 0.1, seed: int = 7) -> Iterator[Step]:
    """Yield steps as large as real ones: `events` x `books` x 6 quotes a poll, of which a share changes."""
    draw = random.Random(seed)
    series = [
        (event(n).id, f"book{book}", market, None, side, None)
        for n in range(events)
        for book in range(books)
        for market in MARKETS
        for side in SIDES[market]
    ]
    keys = tuple(MarketKey(market) for market in MARKETS)
    coverage = tuple(Coverage(event(n).id, keys) for n in range(events))
    for poll in range(polls):
        at = START + poll * MINUTE
        seen = observation(at, body=_body(draw, series))
        yield Step(
            pipeline="nba",
            observation=seen,
            at=seen.received_at,
            events=tuple(event(n) for n in range(events)) if poll == 0 else (),
            coverage=coverage,
            changes=tuple(
                Change(*name, draw.choice((-2.5, 3.0, 210.5)), draw.uniform(1.5, 3.0), at)
                for name in series
                if poll == 0 or draw.random() < changed
            ),
            records=tuple((event(n).id, _point(draw, MarketKey(m))) for n in range(events) for m in MARKETS)[:40],
            signals=(signal(seen, poll),),
            states=tuple(StateChange("gate", event(n).id, _state(draw)) for n in range(events)),
            quotes=len(series),
        )


def _body(draw: random.Random, series: list[tuple[object, ...]]) -> bytes:
    quotes = [{"key": s[:3], "name": s[4], "price": draw.randint(-200, 200), "point": 2.5} for s in series]
    return json.dumps(quotes).encode()


def _point(draw: random.Random, key: MarketKey) -> ConsensusPoint:
    operators = tuple(
        Contributor(f"operator{n}", f"book{n}", 1.0, (draw.random(),), -2.5, (f"book{n}",)) for n in range(9)
    )
    fair = draw.random()
    return ConsensusPoint(key, ("home", "away"), -2.5, fair, (fair, 1 - fair), (1.9, 1.95), 0.1, 11, 9, operators)


def _state(draw: random.Random) -> bytes:
    return json.dumps({f"edge{n}": [draw.random(), "up", START] for n in range(40)}).encode()


def poll(seen: Observation) -> Poll:
    """Return the exchange that brought `seen`."""
    return Poll(seen.request, seen.received_at - 5, 5, seen, None, Credits(99, 1, 3))


def keep(store: Store, *many: Step, sinks: Sequence[str] = ("log",)) -> None:
    """Do with `many` what the daemon does: both transactions, with a delivery of every signal to every sink."""
    store.observe([(each.observation.source, poll(each.observation)) for each in many])
    store.commit([commit(each, sinks=sinks) for each in many])


def commit(step: Step, *, sinks: Sequence[str] = ("log",)) -> Commit:
    """Return the commit of `step` with a delivery of every signal to every sink."""
    rows = [NewDelivery(delivery_id(s.id, sink), s, sink) for s in step.signals for sink in sinks]
    return Commit(step, tuple(rows))
