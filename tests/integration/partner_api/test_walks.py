"""Walks through pages while others write, and cursors that somebody changed.

`make walks` walks ten thousand times; the suite a few dozen times.
"""

from __future__ import annotations

import asyncio
import os
import random
from typing import Any, Self

import msgspec
import pytest

from stratumd.plugin import HOUR, MINUTE, SECOND, Signal
from stratumd.plugin.routes import Refused
from stratumd_partner_api.cursors import Cursors, question_of
from stratumd_partner_api.questions import EventQuery, SignalQuery
from tests.integration.partner_api.world import START, TYPES, World, make_signal, make_step, world

pytestmark = pytest.mark.anyio

WALKS = int(os.environ.get("STRATUMD_WALKS", "12"))
A_DAY = 40
"""Walks between two days."""
TAMPERED = int(os.environ.get("STRATUMD_TAMPERED", "4000"))


class Writer:
    """Commits signals while somebody walks, in the past and the present, and of every rank."""

    def __init__(self, held: World, draw: random.Random) -> None:
        self.held = held
        self.draw = draw
        self.number = 0
        self.there: dict[str, Signal] = {}
        """All that was committed, by id."""

    def signal(self) -> Signal:
        self.number += 1
        at = self.held.clock.now() - self.draw.choice([0, 1, self.draw.randrange(0, 20 * HOUR)])
        return make_signal(
            f"w{self.number:07d}",
            at,
            strength=self.draw.randrange(1, 101),
            type=self.draw.choice(TYPES),
            commence_at=at + self.draw.randrange(-HOUR, 24 * HOUR),
        )

    async def write(self, count: int) -> list[Signal]:
        """Commit some in one step."""
        found = [self.signal() for _ in range(count)]
        self.held.clock.advance(SECOND)
        await self.held.commit(make_step(self.held.clock.now(), found))
        await self.held.heard()
        self.there |= {each.id: each for each in found}
        return found


class Line:
    """A connection that stays open: of ten thousand walks most is the time that a whole client takes to ask."""

    def __init__(self, held: World) -> None:
        self._address = held.held.url.removeprefix("http://").split(":")
        self._streams: tuple[asyncio.StreamReader, asyncio.StreamWriter] | None = None

    async def __aenter__(self) -> Self:
        self._streams = await asyncio.open_connection(self._address[0], int(self._address[1]), limit=1 << 24)
        return self

    async def __aexit__(self, *error: object) -> None:
        assert self._streams is not None
        self._streams[1].close()
        await self._streams[1].wait_closed()

    async def page(self, path: str, key: str) -> dict[str, Any]:
        """Return a page as a partner gets it."""
        assert self._streams is not None
        reader, writer = self._streams
        writer.write(f"GET /api/v1/{path} HTTP/1.1\r\nhost: t\r\nauthorization: Bearer {key}\r\n\r\n".encode())
        head = (await reader.readuntil(b"\r\n\r\n")).lower()
        body = await reader.readexactly(int(head.partition(b"content-length: ")[2].partition(b"\r\n")[0]))
        assert head.startswith(b"http/1.1 200 "), body
        found: dict[str, Any] = msgspec.json.decode(body)
        return found


async def walk(line: Line, writer: Writer, path: str, key: str, limit: int) -> list[dict[str, Any]]:
    """Read all pages, with commits between them."""
    rows: list[dict[str, Any]] = []
    cursor = ""
    for _ in range(1_000):
        joint = "&" if "?" in path else "?"
        page = await line.page(f"{path}{joint}limit={limit}" + (f"&cursor={cursor}" if cursor else ""), key)
        rows += page["items"]
        cursor = page["next"]
        if cursor is None:
            return rows
        if writer.draw.random() < 0.3:
            await writer.write(writer.draw.randrange(1, 4))
    raise AssertionError("a walk without end")


@pytest.mark.parametrize("recent", [100, 10_000])
async def test_every_signal_that_was_there_is_seen_once(database_url: str, recent: int) -> None:
    """From memory, and from the store where memory reaches back less far."""
    draw = random.Random(recent)
    async with world(database_url, {"recent": recent}) as held, Line(held) as line:
        writer = Writer(held, draw)
        for number in range(max(2, WALKS // 4)):
            if number % A_DAY == 0:  # what was written before lies too far back for the next walks: they stay short
                held.clock.advance(26 * HOUR)
                writer.there.clear()
                for _ in range(8):
                    await writer.write(20)
            begun, there = held.clock.now(), [*writer.there.values()]
            path, types = draw.choice([("intel/signals", set(TYPES)), ("intel/signals?types=move", {"MOVE"})])
            rows = await walk(line, writer, path, "key_ann", draw.choice([7, 50, 200]))
            seen = [row["id"] for row in rows]
            assert len(seen) == len(set(seen)), f"walk {number}: seen twice"
            since = begun - 24 * HOUR
            expected = {each.id for each in there if each.type in types and each.observed_at > since + MINUTE}
            assert expected <= set(seen), f"walk {number}: {expected - set(seen)} missing"
            assert set(seen) <= writer.there.keys(), f"walk {number}: seen what lies too far back"
            places = [(-row["ranking"]["score"], row["observed_at"]) for row in rows]
            assert [place[0] for place in places] == sorted(place[0] for place in places)


async def test_movement_and_events_are_walked_exactly(database_url: str) -> None:
    async with world(database_url) as held, Line(held) as line:
        writer = Writer(held, random.Random(5))
        for number in range(6):
            held.clock.advance(SECOND)
            await held.commit(make_step(held.clock.now(), event=f"e{number % 3 + 1}", price=1.5 + number / 10))
        for key in ("key_ann",):
            whole = await held.items("intel/events/e1/movement", key)
            assert len(whole) == 12
            rows = await walk(line, writer, "intel/events/e1/movement", key, 5)
            assert rows == whole
        events = await walk(line, writer, "intel/events", "key_ann", 1)
        assert [row["id"] for row in events] == ["e1", "e2", "e3"]


async def test_a_cursor_of_another_is_refused(database_url: str) -> None:
    async with world(database_url, {"cursor_lifetime": "1h"}) as held:
        await held.signals(*[make_signal(f"s{n}", START - n * MINUTE) for n in range(5)])
        cursor = (await held.get("intel/signals?limit=2")).json()["next"]
        good = await held.get(f"intel/signals?limit=3&cursor={cursor}")
        assert [row["id"] for row in good.json()["items"]] == ["s2", "s3", "s4"]
        for path, key in [
            (f"intel/signals?limit=2&cursor={cursor}", "key_bob"),
            (f"intel/signals?types=MOVE&cursor={cursor}", "key_ann"),
            (f"intel/dislocations?cursor={cursor}", "key_ann"),
            (f"intel/signals?cursor={cursor}A", "key_ann"),
        ]:
            assert (await held.get(path, key)).status_code == 400
        held.clock.advance(3 * HOUR)
        assert (await held.get(f"intel/signals?limit=2&cursor={cursor}")).status_code == 400


def test_no_tampered_cursor_is_accepted() -> None:
    draw = random.Random(3)
    cursors = Cursors(HOUR)
    cursors.use(b"k" * 32)
    question = question_of("signals", SignalQuery(types=("MOVE",)))
    good = cursors.sign("ann", question, START, START, (-75.5, -START, "s1"))
    assert cursors.read(good, "ann", question, START).position == (-75.5, -START, "s1")
    alphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_=+/ %é"
    for _ in range(TAMPERED):
        cursor = tampered(good, alphabet, draw)
        if cursor == good:
            continue
        with pytest.raises(Refused) as refused:
            cursors.read(cursor, "ann", question, START)
        assert refused.value.status == 400


def tampered(good: str, alphabet: str, draw: random.Random) -> str:
    """Return a cursor with something changed, cut off, added or exchanged."""
    letters = list(good)
    for _ in range(draw.choice([1, 1, 1, 2, 8])):
        place = draw.randrange(len(letters))
        way = draw.randrange(4)
        if way == 0:
            letters[place] = draw.choice(alphabet)
        elif way == 1:
            letters.insert(place, draw.choice(alphabet))
        elif way == 2 and len(letters) > 2:
            del letters[place]
        else:
            letters = letters[place:] + letters[:place]
    return "".join(letters)


def test_a_question_is_its_own() -> None:
    assert question_of("a", SignalQuery()) != question_of("b", SignalQuery())
    assert question_of("a", SignalQuery(market="x")) != question_of("a", SignalQuery(sport="x"))
    assert question_of("a", EventQuery(limit=5, cursor="c")) == question_of("a", EventQuery(limit=6))
