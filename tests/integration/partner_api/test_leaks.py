"""What a plan hides or delays is on no path: every `GET` of the API is asked, and streams and webhooks are read."""

from __future__ import annotations

import random
import re
from pathlib import Path
from typing import Any

import anyio
import pytest

from stratumd.plugin import MINUTE, SECOND, Signal
from stratumd.testing.receiver import Receiver
from tests.integration.partner_api.world import (
    BOOKS,
    OPERATORS,
    START,
    TYPES,
    World,
    make_signal,
    make_step,
    world,
)
from tests.support.openapi import parameters

pytestmark = pytest.mark.anyio

DELAY = 10 * MINUTE
PACE = "0.4321987"
SPEED = "0.777123"
FILLED = {
    "event": "e1",
    "signal": "SIGNAL",
    "events": "e1,e2",
    "limit": "1000",
}


def market(draw: random.Random) -> list[Signal]:
    """Return signals from an hour ago to now."""
    return [
        make_signal(
            f"sig{n:03d}x",
            START - draw.randrange(0, 60 * MINUTE),
            type=draw.choice(TYPES),
            strength=draw.randrange(1, 101),
            event=draw.choice(["e1", "e2"]),
            operator=draw.choice([None, *OPERATORS]),
            books=tuple(draw.sample(BOOKS, draw.randrange(1, 4))),
        )
        for n in range(30)
    ]


def shown_price(at: int) -> float:
    """Return a price that tells when it was offered."""
    return 1.5 + (at % 997) / 1_000_000 + at // SECOND % 10_000 / 100_000


async def paths(held: World) -> list[str]:
    """Return every `GET` of the API with its parameters filled in, but for streams."""
    document = (await held.get("openapi.json")).json()
    found = []
    for path, verbs in document["paths"].items():
        if "get" not in verbs or "/intel/" not in path or "{webhook}" in path:
            continue
        wanted = [each for each in parameters(document, verbs["get"]) if each["in"] == "query"]
        query = [f"{each['name']}={FILLED[each['name']]}" for each in wanted if each["name"] in FILLED]
        filled = re.sub(r"\{(\w+)\}", lambda part: FILLED[part[1]], path).removeprefix("/api/v1/")
        if any(each["name"] == "limit" for each in wanted):
            most = next(each for each in wanted if each["name"] == "limit")["schema"]["maximum"]
            query = [each for each in query if not each.startswith("limit")] + [f"limit={most}"]
        found.append(filled + ("?" + "&".join(query) if query else ""))
    assert len(found) >= 18, found
    return found


async def read_stream(held: World, path: str, key: str, until: str) -> str:
    """Return what a stream says up to some word, and a little longer."""
    text = ""
    with anyio.fail_after(20):
        headers = {"authorization": f"Bearer {key}"}
        async with held.held.client.stream("GET", f"/api/v1/{path}", headers=headers) as answer:
            assert answer.status_code == 200
            with anyio.CancelScope() as scope:
                async for chunk in answer.aiter_text():
                    text += chunk
                    if until in text:
                        scope.deadline = min(scope.deadline, anyio.current_time() + 0.3)
    return text


def check(text: str, signals: list[Signal], prices: dict[int, float], where: str) -> None:
    for name in (*BOOKS, *OPERATORS, PACE, SPEED):
        assert name not in text, f"{where} tells {name}: {text[:2000]}"
    for signal in signals:
        if signal.observed_at > START - DELAY:
            assert signal.id not in text, f"{where} tells of a signal too early"
    for at, price in prices.items():
        if at > START - DELAY:
            assert f"{price}" not in text, f"{where} tells of a price too early"


async def test_nothing_leaks(database_url: str) -> None:
    draw = random.Random(1)
    signals = market(draw)
    prices = {signal.observed_at: shown_price(signal.observed_at) for signal in signals}
    allow = {"allow": ["127.0.0.0/8"], "stream_lifetime": "1h"}
    async with Receiver() as receiver, world(database_url, allow, background=True, reports=reports) as held:
        made = await held.ask("POST", "intel/webhooks", "key_free", json={"url": receiver.url})
        assert made.status_code == 201
        ordered = sorted(signals, key=lambda each: each.observed_at)
        for each in ordered:
            step = make_step(each.observed_at, [each], event=each.event, price=prices[each.observed_at])
            await held.commit(step)
        await held.heard()
        asked = [path.replace("SIGNAL", each.id) for path in await paths(held) for each in (ordered[0], ordered[-1])]
        assert f"intel/signals/{ordered[-1].id}" in asked
        for key in ("key_free", "session_cheap"):
            for path in asked:
                answer = await held.get(path, key)
                assert answer.status_code in (200, 403, 404), answer.text
                check(answer.text.replace(f"/api/v1/{path}", ""), signals, prices, path)
        for path in ("stream/signals?after=0", "stream/changes?after=0"):
            text = await read_stream(held, path, "key_free", "event: ")
            check(text, signals, prices, path)
        old = [each for each in signals if each.observed_at <= START - DELAY]
        with anyio.fail_after(30):
            await receiver.arrived(len(old))
        await anyio.sleep(0.3)
        sent = [request.body.decode() for request in receiver.requests]
        assert len(sent) == len(old)
        check("\n".join(sent), signals, prices, "a webhook")
        full = await held.get("intel/signals?limit=200")
        for name in (*BOOKS, *OPERATORS, PACE, SPEED):
            assert name in full.text


def reports(name: str, question: Any, pipeline: str) -> list[dict[str, Any]]:
    """Answer as the plugin of closing lines does."""
    if name == "clv.closes":
        return [
            {"event": "e1", "convention": "start", "market": "spreads", "cutoff_at": "2026-01-10T11:55:00Z", "x": PACE},
            {"event": "e2", "convention": "start", "market": "spreads", "cutoff_at": "2026-01-10T11:05:00Z"},
        ]
    return [{"type": "STEAM", "signals": 3, "x": PACE}]


async def test_sums_are_shown_when_the_delay_has_passed(tmp_path: Path) -> None:
    async with world(f"sqlite:///{tmp_path}/s.db", reports=reports) as held:

        async def ask(key: str) -> Any:
            return (await held.get("intel/clv/summary", key)).json()

        assert (await ask("key_ann"))["items"][0]["signals"] == 3
        assert await ask("key_free") == {"items": [], "next": None, "as_of": None}
        for _ in range(12):
            held.clock.advance(MINUTE)
            found = await ask("key_free")
        assert found["as_of"] == "2026-01-10T12:02:00Z"
        assert len(await held.items("intel/clv")) == 2
        assert [row["event"] for row in await held.items("intel/clv", "key_free")] == ["e1", "e2"]


async def test_closing_value_is_asked_of_chosen_signals(tmp_path: Path) -> None:
    """Every parameter reaches the report as it calls it; days count from now, also where an answer is remembered."""
    asked: list[tuple[str, dict[str, Any]]] = []

    def report(name: str, question: Any, pipeline: str) -> list[dict[str, Any]]:
        asked.append((name, dict(question)))
        return reports(name, question, pipeline) * 3

    narrow = "types=steam,MOVE&event=e1&market=spreads&days=2&min_strength=60&min_samples=30"
    sought = {"types": ["MOVE", "STEAM"], "event": "e1", "market": "spreads", "min_strength": 60, "min_samples": 30}
    async with world(f"sqlite:///{tmp_path}/s.db", reports=report) as held:
        assert len(await held.items(f"intel/clv/summary?{narrow}&limit=2")) == 2
        assert asked.pop() == ("clv.summary", sought | {"since": START - 48 * HOUR})
        held.clock.advance(2 * MINUTE)
        assert len(await held.items(f"intel/clv/summary?{narrow}")) == 3
        assert asked.pop() == ("clv.summary", sought | {"since": START + 2 * MINUTE - 48 * HOUR})
        await held.items(f"intel/clv/scorecards?{narrow}&by=market")
        cards = {"by": ["market"], "after_seconds": 0, "since": START + 2 * MINUTE - 48 * HOUR}
        assert asked.pop() == ("clv.scorecards", sought | cards)
        await held.items("intel/clv?event=e1&market=spreads&days=1")
        since = START + 2 * MINUTE - 24 * HOUR
        assert asked.pop() == ("clv.closes", {"books": False, "event": "e1", "market": "spreads", "since": since})
        answer = await held.get("intel/clv/teaser?min_samples=0")
        assert (answer.status_code, "unknown parameter 'min_samples'" in answer.text) == (422, True)


async def test_the_newest_consensus_of_one_event(tmp_path: Path) -> None:
    async with world(f"sqlite:///{tmp_path}/s.db") as held:
        for event in ("e1", "e2"):
            await held.commit(make_step(START - MINUTE, event=event))
        found = {row["event"] for row in await held.items("intel/consensus/latest")}
        assert found == {"e1", "e2"}
        assert {row["event"] for row in await held.items("intel/consensus/latest?event=e2")} == {"e2"}


async def test_an_unknown_value_is_answered_with_the_known_ones(tmp_path: Path) -> None:
    async with world(f"sqlite:///{tmp_path}/s.db", reports=reports) as held:
        for path, known in (
            ("intel/signals?time_bucket=soon", "1-3h, 15-60m, 3-12h, <15m, >12h, in play"),
            ("intel/clv/scorecards?reference=mine", "consensus, named, stale"),
        ):
            answer = await held.get(path)
            assert answer.status_code == 422
            assert answer.json()["detail"].endswith(f": there are {known}"), answer.text


async def test_a_delayed_stream_tells_when_the_delay_has_passed(tmp_path: Path) -> None:
    """Also of what was there before the daemon began."""
    url = f"sqlite:///{tmp_path}/s.db"
    async with world(url) as held:
        await held.signals(*[make_signal(f"old{n}", START - n * MINUTE) for n in (12, 11, 3, 2)])
    async with world(url, background=True) as held:
        assert "old3" not in await read_stream(held, "stream/signals?after=0", "key_free", "old11")
        held.clock.advance(7 * MINUTE + 1)
        text = await read_stream(held, "stream/signals?after=0", "key_free", "old3")
        assert ("old12" in text, "old3" in text, "old2" in text) == (True, True, False)


async def test_what_would_tell_is_refused(tmp_path: Path) -> None:
    async with world(f"sqlite:///{tmp_path}/s.db", reports=reports) as held:
        await held.signals(make_signal("s1", START - HOUR))
        for path in (
            "intel/signals?velocity_gt=0.1",
            "intel/events/e1/movement?book=zz-alpha-book",
            "intel/clv?books=true",
            "intel/clv/scorecards?by=book",
            "intel/books/actionable?event=e1",
        ):
            assert (await held.get(path, "key_free")).status_code == 403, path
            assert (await held.get(path, "key_ann")).status_code == 200, path


HOUR = 60 * MINUTE
