"""The dashboard over real HTTP: who may look, and what is there to see."""

from __future__ import annotations

import base64
import re
from collections.abc import AsyncIterator
from hashlib import sha256
from pathlib import Path

import msgspec
import pytest
import typer
from hypothesis import given
from hypothesis import strategies as st

from stratumd.cli import build
from stratumd.plugin import MINUTE
from stratumd.plugin.routes import Call, Refused
from stratumd.testing.clock import VirtualClock
from stratumd.testing.house import Serving, serving
from stratumd_dashboard.looking import MOST_POINTS, _thinned
from tests.support import steps

pytestmark = pytest.mark.anyio


def fill(held: Serving) -> None:
    """Commit a few steps of one event, at a price that moves."""
    for number in range(4):
        seen = steps.observation(steps.START + number * MINUTE)
        steps.keep(held.store, steps.step(seen, price=1.8 + number / 20, signals=1), sinks=())


@pytest.fixture
async def held(tmp_path: Path) -> AsyncIterator[Serving]:
    url, clock = f"sqlite:///{tmp_path / 'a.db'}", VirtualClock(steps.START + 5 * MINUTE)
    async with serving(url, {"dashboard": {}}, clock=clock) as found:
        fill(found)
        yield found


async def test_the_page_runs_nothing_but_its_own_script(held: Serving) -> None:
    answer = await held.client.get("/")
    assert answer.headers["content-type"] == "text/html; charset=utf-8"
    policy = answer.headers["content-security-policy"]
    for tag, name in (("style", "style-src"), ("script", "script-src")):
        (inside,) = re.findall(rf"<{tag}>(.*?)</{tag}>", answer.text, re.DOTALL)
        digest = base64.b64encode(sha256(inside.encode()).digest()).decode()
        assert f"{name} 'sha256-{digest}'" in policy
    assert not re.search(r'(?:src|href)="(?!#)', answer.text), "nothing is fetched from elsewhere"
    again = await held.client.get("/", headers={"if-none-match": answer.headers["etag"]})
    assert (again.status_code, again.content) == (304, b"")


async def test_every_command_that_the_page_names_is_one(held: Serving) -> None:
    """With its arguments in their order, and nothing left out that it needs."""
    commands = typer.main.get_command(build()).commands
    named = re.findall(r"`stratumd ([\w-]+) ?([^`]*)`", (await held.client.get("/")).text)
    assert named
    for name, words in named:
        needed = [each.metavar for each in commands[name].params if each.required]
        assert [word for word in words.split() if word.isupper()] == needed, name


async def test_the_health_view_reads_everything_that_may_be_wrong(held: Serving) -> None:
    page = (await held.client.get("/")).text
    status = (await held.client.get("/api/v1/dashboard/health")).json()["status"]
    for name in ("alerts", "paused", "breakers", "disabled_sinks", "left_out"):
        assert status[name] == []
        assert f"...status.{name}.map(" in page


async def test_the_board_shows_events_with_their_consensus(held: Serving) -> None:
    (line,) = (await held.client.get("/api/v1/dashboard/board")).json()["items"]
    assert line["event"]["home"] == "Home 0"
    assert {each["market"] for each in line["markets"]} <= {"h2h", "spreads", "totals"}
    assert line["markets"]
    assert line["last_signal"]["type"] == "STEAM"


async def test_an_event_shows_paths_offers_and_signals(held: Serving) -> None:
    (line,) = (await held.client.get("/api/v1/dashboard/board")).json()["items"]
    path = f"/api/v1/dashboard/events/{line['event']['id']}"
    shown = (await held.client.get(path)).json()
    assert shown["market"] == shown["markets"][0]
    assert len(shown["signals"]) == 4
    for market in shown["markets"]:
        chosen = (await held.client.get(path, params={"market": market})).json()
        assert (chosen["market"], chosen["measure"]) == (market, "probability" if market == "h2h" else "line")
        assert chosen["offers"]
        assert {offer["market"] for offer in chosen["offers"]} == {market}
        for book in chosen["books"]:
            times = [at for at, _ in book["points"]]
            assert times == sorted(times)
            assert times[0] == steps.START // 1000, "the first change was at the first step"
    assert (await held.client.get("/api/v1/dashboard/events/nothing")).status_code == 404


async def test_an_event_shows_one_player_of_a_players_market(held: Serving) -> None:
    path = "/api/v1/dashboard/events/event000"
    shown = (await held.client.get(path, params={"market": "player_points"})).json()
    assert (shown["player"], shown["players"]) == ("Jokić", ["Jokić"])
    assert {(each["market"], each["player"]) for each in shown["offers"]} == {("player_points", "Jokić")}
    assert [each["name"] for each in shown["books"]] == ["betmgm"]
    named = {"market": "player_points", "player": "Nobody"}
    assert (await held.client.get(path, params=named)).json()["player"] == "Jokić"
    assert (await held.client.get(path, params={"market": "spreads", "player": "Jokić"})).json()["player"] is None


async def test_a_book_that_offers_several_lines_at_once_has_no_path(held: Serving) -> None:
    seen = steps.observation(steps.START + 4 * MINUTE)
    plain = steps.step(seen)
    (*_, points) = plain.changes
    ladder = [points._replace(rung=line, line=line) for line in (27.5, 29.5)]
    steps.keep(held.store, msgspec.structs.replace(plain, changes=tuple(ladder)), sinks=())
    shown = (await held.client.get("/api/v1/dashboard/events/event000", params={"market": "player_points"})).json()
    assert len(shown["offers"]) == 3
    assert shown["books"] == []


async def test_signals_come_newest_first_and_health_tells_of_all(held: Serving) -> None:
    found = (await held.client.get("/api/v1/dashboard/signals", params={"limit": 3})).json()
    times = [each["observed_at"] for each in found["items"]]
    assert times == sorted(times, reverse=True)
    assert (len(times), found["newest"]) == (3, 4)
    health = (await held.client.get("/api/v1/dashboard/health")).json()
    assert health["status"]["signals"] == 4


async def test_without_closing_lines_it_says_so(held: Serving) -> None:
    assert (await held.client.get("/api/v1/dashboard/closing")).json() == {"items": None}
    assert (await held.client.get("/api/v1/dashboard/closing?pipeline=other")).status_code == 404


@pytest.mark.parametrize(
    ("host", "status"),
    [
        ("127.0.0.1:1", 200),
        ("localhost", 200),
        ("[::1]:8080", 200),
        ("evil.example", 403),
        ("127.0.0.1.evil.example:80", 403),
    ],
)
async def test_a_name_of_somebody_elses_is_refused(held: Serving, host: str, status: int) -> None:
    """A page of theirs could read all of it in the browser of who runs this (DNS rebinding)."""
    for path in ("/", "/api/v1/dashboard/board"):
        answer = await held.client.get(path, headers={"host": host})
        assert answer.status_code == status, path


async def test_callers_of_other_machines_are_refused_with_what_to_do(tmp_path: Path) -> None:
    async with serving(f"sqlite:///{tmp_path / 'a.db'}", {"dashboard": {}}) as held:
        endpoint = next(each for each in held.house.endpoints if each.name == "dashboard_board")
        for client in ("10.0.0.7", "::ffff:10.0.0.7", "", "2001:db8::1"):
            call = Call(
                method="GET", path="/", params={}, query=None, body=None, headers={"host": "127.0.0.1"}, client=client,
                identity=None, request_id="r", at=0,
            )  # fmt: skip
            with pytest.raises(Refused, match="ssh -L"):
                await endpoint.call(call)


@given(st.lists(st.one_of(st.none(), st.integers(0, 5).map(float)), max_size=1_500))
def test_a_path_keeps_its_ends_and_its_order(values: list[float | None]) -> None:
    points = list(enumerate(values))
    kept = _thinned(points)
    assert len(kept) <= max(MOST_POINTS, 0)
    assert kept == sorted(kept, key=lambda each: each[0])
    assert set(kept) <= set(points)
    if points:
        assert (kept[0], kept[-1]) == (points[0], points[-1])
    if len(kept) < MOST_POINTS:
        steps_of = [value for i, (_, value) in enumerate(kept[:-1]) if i == 0 or value != kept[i - 1][1]]
        changes = [value for i, value in enumerate(values[:-1]) if i == 0 or value != values[i - 1]]
        assert steps_of == changes, "no step is lost"
