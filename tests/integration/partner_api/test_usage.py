"""What is served is counted once, whatever becomes of the writing of it; limits hold, and say so."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest
from msgspec.structs import replace

from stratumd.errors import StratumError
from stratumd.plugin import HOUR, MINUTE, SECOND
from stratumd.plugin.desk import Desk
from stratumd.plugin.partners import Usage
from stratumd_partner_api.limits import Limits
from stratumd_partner_api.rows import AccountMonth, KeyHour
from stratumd_partner_api.usage import Meter, StoredUsage
from tests.integration.partner_api.world import START, World, make_signal, world
from tests.support.stratumd_doorman import API

pytestmark = pytest.mark.anyio


class Faulty:
    """A desk whose writes fail before or after the commit, when it is told to."""

    def __init__(self, desk: Desk) -> None:
        self.desk = desk
        self.before = self.after = False

    async def read(self, work: Any) -> Any:
        return await self.desk.read(work)

    async def write(self, work: Any, act: Any = None) -> Any:
        if self.before:
            self.before = False
            raise StratumError("the connection broke")
        found = await self.desk.write(work, act)
        if self.after:
            self.after = False
            raise StratumError("the connection broke while it was committed")
        return found


async def counted(held: World) -> int:
    """Return what is stored for ann."""
    desk = held.api.context.desk
    rows = await desk.read(lambda reading: reading.find(KeyHour, account="ann"))
    month = await desk.read(lambda reading: reading.get(AccountMonth, account="ann", month="2026-01"))
    total = sum(row.requests for row in rows)
    assert (month.requests if month else 0) == total
    return total


async def test_each_request_is_counted_once_also_where_a_flush_fails(database_url: str) -> None:
    async with world(database_url) as held:
        faulty = Faulty(held.api.context.desk)
        held.api.meter._desk = faulty  # type: ignore[assignment]  # a test's
        served = 0
        for trouble in ("", "before", "after", "after", "before", ""):
            for _ in range(7):
                assert (await held.get("intel/signals")).status_code == 200
                served += 1
            if trouble:
                setattr(faulty, trouble, True)
                assert await held.api.meter.flush() is None
                served += (await held.get("intel/signals")).status_code == 200
            while await held.api.meter.flush():
                pass
            assert await counted(held) == served
        answer = await held.get("intel/usage")
        assert answer.json()["used"] == served
        assert answer.headers["x-usage-used"] == str(served + 1)


async def test_what_is_refused_is_not_counted_and_sessions_are_not(tmp_path: Path) -> None:
    async with world(f"sqlite:///{tmp_path}/s.db") as held:
        for path, key in (
            ("intel/events/none", "key_ann"),
            ("intel/signals?limit=0", "key_ann"),
            ("intel/signals", "session_ann"),
        ):
            await held.get(path, key)
        await held.api.meter.flush()
        assert await counted(held) == 0
        answer = await held.get("intel/signals")
        again = await held.get("intel/signals", headers={"if-none-match": answer.headers["etag"]})
        assert again.status_code == 304
        await held.api.meter.flush()
        assert await counted(held) == 2


async def test_what_is_left_is_written_at_the_end(database_url: str) -> None:
    async with world(database_url) as held:
        for _ in range(5):
            await held.get("intel/signals")
    async with world(database_url) as held:
        assert await counted(held) == 5
        desk, usage = held.api.context.desk, held.api.context.service(Usage)
        assert isinstance(usage, StoredUsage)
        (hour,) = await desk.read(lambda r: usage.hours(r, since=START - HOUR, until=START + HOUR, account="ann"))
        assert hour == ("ann", START - START % HOUR, 5)


async def test_hours_and_months_are_kept_apart(tmp_path: Path) -> None:
    async with world(f"sqlite:///{tmp_path}/s.db") as held:
        meter, desk = held.api.meter, held.api.context.desk
        for at in (START, START + HOUR, START + 31 * 24 * HOUR):
            meter.count("ann", "k", API, at)
        await meter.flush()
        rows = await desk.read(lambda reading: reading.find(AccountMonth))
        assert [(row.month, row.requests) for row in rows] == [("2026-01", 2), ("2026-02", 1)]
        assert meter.used("ann", START + 31 * 24 * HOUR) == 1


async def test_an_account_is_warned_once_at_each_step(database_url: str) -> None:
    async with world(database_url) as held:
        held.doorman.keys["key_ann"] = replace(API, included=10)
        for _ in range(2):
            for _ in range(13):
                answer = await held.get("intel/signals")
            flushed = await held.api.meter.flush()
            assert flushed is not None
            await held.api._warn(flushed)
            held.api.meter.warned.clear()  # as another daemon, which knows of none
        assert (answer.headers["x-usage-remaining"], answer.headers["x-usage-overage"]) == ("0", "16")
        mine = [notice.title[:5].strip() for notice in held.held.notices if notice.to == "ann@example.org"]
        assert mine == ["80 %", "100 %", "120 %"]


async def test_too_many_requests_are_refused_and_both_families_of_headers_say_so(tmp_path: Path) -> None:
    async with world(f"sqlite:///{tmp_path}/s.db") as held:
        held.doorman.keys["key_ann"] = replace(API, per_minute=6)
        answers = [await held.get("intel/signals") for _ in range(7)]
        assert [answer.status_code for answer in answers] == [200] * 6 + [429]
        assert answers[0].headers["ratelimit-policy"] == '"key";q=6;w=60'
        assert answers[0].headers["ratelimit"] == '"key";r=5;t=10'
        assert answers[0].headers["x-ratelimit-remaining"] == "5"
        assert int(answers[0].headers["x-ratelimit-reset"]) == START // SECOND + 10
        last = answers[-1]
        assert (last.headers["retry-after"], last.headers["content-type"]) == ("10", "application/problem+json")
        assert (await held.get("intel/signals", "key_bob")).status_code == 200
        held.clock.advance(10 * SECOND)
        assert (await held.get("intel/signals")).status_code == 200
        assert (await held.get("intel/signals")).status_code == 429


async def test_an_address_has_a_limit_too(tmp_path: Path) -> None:
    async with world(f"sqlite:///{tmp_path}/s.db", {"per_address": 3}) as held:
        answers = [(await held.get("intel/signals", f"key_{who}")) for who in ("ann", "bob", "ann", "bob")]
        assert [answer.status_code for answer in answers] == [200, 200, 200, 429]
        assert answers[-1].headers["ratelimit-policy"] == '"address";q=3;w=60'


def test_daemons_that_share_admit_no_more_than_one_would() -> None:
    """Four of them, asked twice as often as is allowed, for five minutes."""
    daemons = [Limits(10**9) for _ in range(4)]
    for each in daemons:
        each.share(4)
    admitted = 0
    for tick in range(5 * 600):
        for each in daemons:
            with suppress_refusal() as taken:
                each.take("k", 300, "a", START + tick * MINUTE // 600)
            admitted += taken.worked
    allowed = 300 + 5 * 300
    assert admitted <= allowed
    assert admitted >= 0.98 * allowed


class suppress_refusal:  # noqa: N801  # used as a function
    worked = False

    def __enter__(self) -> suppress_refusal:
        return self

    def __exit__(self, kind: Any, error: Any, trace: Any) -> bool:
        self.worked = kind is None
        return kind is not None and kind.__name__ == "Refused"


async def test_daemons_that_serve_are_counted(database_url: str) -> None:
    async with world(database_url) as held:
        other = Meter(held.api.context.desk, held.api.context.log)
        for meter in (other, held.api.meter):
            meter.count("ann", "k", API, START)
        assert (await other.flush()).daemons == 1
        assert (await held.api.meter.flush()).daemons == 2
        held.clock.advance(6 * SECOND)
        other.count("ann", "k", API, START)
        assert (await other.flush()).daemons == 1


async def test_reads_have_tags_and_say_how_they_may_be_kept(tmp_path: Path) -> None:
    async with world(f"sqlite:///{tmp_path}/s.db") as held:
        await held.signals(make_signal("s1"))
        for path in ("intel/signals", "intel/events", "intel/events/e1", "intel/consensus?event=e1", "intel/webhooks"):
            answer = await held.get(path)
            assert answer.headers["cache-control"] == "private, no-cache"
            tag = answer.headers["etag"]
            again = await held.get(path, headers={"if-none-match": f'"x", {tag}'})
            assert (again.status_code, again.content, again.headers["etag"]) == (304, b"", tag)
            head = await held.ask("HEAD", path)
            assert (head.status_code, head.content, head.headers["etag"]) == (200, b"", tag)
        before = (await held.get("intel/signals")).headers["etag"]
        await held.signals(make_signal("s2", START + 1))
        assert (await held.get("intel/signals")).headers["etag"] != before


async def test_the_page_of_the_api_fetches_nothing_from_outside(tmp_path: Path) -> None:
    async with world(f"sqlite:///{tmp_path}/s.db") as held:
        answer = await held.held.client.get("/api/v1/docs")
        assert answer.headers["content-type"].startswith("text/html")
        policy = answer.headers["content-security-policy"]
        assert policy.startswith("default-src 'none'; style-src 'sha256-")
        assert "unsafe" not in policy
        assert not re.findall(r"""(?:src|href)=["']?(?:https?:)?//""", answer.text)
        assert "innerHTML" not in answer.text
        assert 'style="' not in answer.text
