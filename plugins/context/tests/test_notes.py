"""What is added to signals: from where, how old, how much; and nothing else of them changes."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

import msgspec
import pytest

from stratumd.plugin import (
    HOUR,
    MINUTE,
    Finding,
    Observation,
    Offer,
    PluginConfig,
    Quote,
    Request,
    Snapshot,
    Tick,
)
from stratumd.plugin import Detector as Base
from stratumd.testing.harness import Harness, detector, game, observation, spread, total
from stratumd.testing.sportsdata import PATH, injured
from stratumd_context import InjuryReports
from stratumd_context.detector import GUESSED, MOVED, REPORTED, WITHDRAWN

AT = 1_784_000_000_000_000
BOOKS = ("a", "b", "c", "d", "e", "f")
GAME = game(starts=AT + 8 * HOUR, sport="basketball_nba", home="Golden State Warriors", away="Boston Celtics")
OUT = injured("GS", "Stephen Curry")
DOUBTFUL = injured("BOS", "Jayson Tatum", "Doubtful", "Achilles", "SF")


class Fires(Base):
    name = "fires"

    def detect(self, tick: Tick) -> Iterable[Finding]:
        for market in tick.markets[:1]:
            size = 1.0 + (tick.at - AT) / MINUTE
            yield Finding("FIRED", market.key, "home", "up", size, 0.5, ("a",), 50, {"unit": "points"})


def pipeline(*, context: bool = True, **options: Any) -> Harness:
    mine = [detector("context", **options)] if context else []
    return Harness([detector("consensus"), *mine, Fires(PluginConfig())], [InjuryReports(PluginConfig())])


def quotes(minute: float, line: float = -3.0, points: float = 221.5, players: Sequence[str] = ()) -> Observation:
    plain = observation(
        AT + round(minute * MINUTE),
        {GAME: {book: [spread(line, 1.91, 1.91), total(points, 1.91, 1.91)] for book in BOOKS}},
    )
    said = msgspec.json.decode(plain.body, type=Snapshot)
    sides = (Quote("over", 1.9, 20.5), Quote("under", 1.9, 20.5))
    for player in players:
        said.listings[0].offers.extend([(Offer(book, "player_points", sides, player), None) for book in BOOKS])
    return msgspec.structs.replace(plain, body=msgspec.json.encode(said), id="")


def report(minute: float, *players: dict[str, Any], status: int = 200, body: bytes | None = None) -> Observation:
    answer = msgspec.json.encode(players) if body is None else body
    return Observation("injuries", "context", AT + round(minute * MINUTE), Request(PATH), status, answer)


def notes(harness: Harness, *observations: Observation) -> list[dict[str, Any] | None]:
    """Return what is added to the first signal of each observation that gives one."""
    found = [harness.feed(each).signals for each in observations]
    return [signals[0].metadata.get("context") for signals in found if signals]


def last(*observations: Observation, **options: Any) -> dict[str, Any]:
    found = notes(pipeline(**options), *observations)[-1]
    assert found is not None
    return found


def test_a_report_names_who_is_missing_on_which_side_with_its_source_and_age() -> None:
    found = last(report(0, OUT, DOUBTFUL, injured("LAL", "LeBron James")), quotes(3))["injuries"]
    assert found["home"] == [{"player": "Stephen Curry", "position": "PG", "status": "out", "body_part": "knee"}]
    assert [each["player"] for each in found["away"]] == ["Jayson Tatum"]
    assert (found["source"], found["age_seconds"], found["limits"]) == ("sportsdataio", 180.0, REPORTED)
    assert found["score"] == pytest.approx(1 - 2 ** (-1.75 / 3), abs=1e-3)
    assert (found["spread_moved"], found["minutes"]) == (None, None)


def test_the_newest_report_stands_in_place_of_the_one_before() -> None:
    found = last(report(0, OUT), report(1, DOUBTFUL), quotes(2))["injuries"]
    assert (found["home"], len(found["away"]), found["age_seconds"]) == ([], 1, 60.0)


@pytest.mark.parametrize("said", [[], [report(0, OUT)], [report(89, body=b"[")], [report(89, status=500, body=b"")]])
def test_without_a_young_report_the_speed_of_the_spread_speaks(said: list[Observation]) -> None:
    """No report at all, one that is too old, one that is torn, one that was refused."""
    lines = [quotes(90 + n, line) for n, line in ((0, -3.0), (10, -3.0), (20, -4.0), (31, -5.0))]
    found = last(*said, *lines, max_age="2h")["injuries"]
    assert (found["source"], found["limits"], found["home"]) == ("spread_velocity", GUESSED, None)
    assert (found["spread_moved"], found["minutes"], found["age_seconds"]) == (-2.0, 11.0, 0.0)
    assert found["score"] == 0.75


def test_a_spread_that_stands_still_hints_at_nothing() -> None:
    found = last(quotes(0), quotes(40, -4.0), quotes(71, -4.0))["injuries"]
    assert (found["spread_moved"], found["score"]) == (0.0, 0.0)


def test_props_that_were_withdrawn_name_their_players_for_a_while() -> None:
    players = ("Al", "Bo", "Cy")
    begun = [quotes(0, players=players), quotes(1, players=players[:1]), quotes(2)]
    found = last(*begun, quotes(3, players=("Bo",)))["player_props"]
    assert (found["withdrawn"], found["offered"], found["source"]) == (["Cy", "Al"], 1, "player_props")
    assert (found["score"], found["limits"]) == (0.75, WITHDRAWN)
    assert last(*begun, quotes(33))["player_props"]["withdrawn"] == []
    assert last(quotes(0))["player_props"] is None


def test_pace_is_how_the_total_moved_since_it_was_first_seen() -> None:
    found = last(quotes(0, points=220.5), quotes(200, points=224.5))["pace"]
    assert (found["total"], found["first_total"], found["score"]) == (224.5, 220.5, 0.75)
    assert (found["source"], found["limits"], found["age_seconds"]) == ("consensus_total", MOVED, 0.0)


def test_nothing_else_of_a_signal_changes_and_without_it_nothing_does() -> None:
    observations = [report(0, OUT), *[quotes(n, -3.0 - n, players=("Al",)[: n % 2]) for n in range(6)]]
    with_it, without = pipeline(), pipeline(context=False)
    for each in observations:
        noted, plain = with_it.feed(each), without.feed(each)
        for signal in noted.signals:
            assert signal.metadata.pop("context")
        assert noted.signals == plain.signals
        assert noted.changes == plain.changes
        assert noted.records == plain.records
    assert len([*with_it.feed(quotes(10)).signals]) == 1


def test_a_restart_and_a_cut_past_tell_the_same() -> None:
    """The board is made again of the lookback; who listens finds no more and no less in it."""
    whole = [report(0, OUT), quotes(1), quotes(50, -4.0), quotes(119), quotes(121, -4.5)]
    expected = notes(pipeline(), *whole)
    assert expected[-2] is not None
    assert expected[-1] is not None
    assert [each["injuries"]["source"] for each in expected[-2:] if each] == ["sportsdataio", "spread_velocity"]
    for cut in range(1, len(whole)):
        resumed = pipeline().pipeline
        done = pipeline().pipeline
        steps = [done.step(each) for each in whole[:cut]]
        horizon = whole[cut - 1].received_at - resumed.lookback
        for each in whole[:cut]:
            if each.received_at >= horizon:
                resumed.warm(each, each.received_at)
        states = {(change.component, change.event): change for step in steps for change in step.states}
        seen = {each.event: step.at for step in steps for each in step.coverage}
        resumed.load(states.values(), [record for step in steps for record in step.records], seen)
        found = [resumed.step(each).signals for each in whole[cut:]]
        told = [signals[0].metadata["context"] for signals in found if signals]
        assert told == expected[len(expected) - len(told) :]


# ---- reading


def read(*players: dict[str, Any], **more: Any) -> Any:
    return InjuryReports(PluginConfig()).normalize(report(0, *players, **more))


def test_scrambled_unknown_and_malformed_players_are_left_out_and_counted() -> None:
    found = read(
        OUT,
        injured("GS", "Some One", "Scrambled"),
        injured("XX", "Who Ever"),
        {"Team": "GS", "InjuryStatus": 7},
        {"Team": "GS", "InjuryStatus": "Out"},
    )
    assert [*found.news[0].teams] == ["Golden State Warriors"]
    assert len(found.news[0].teams["Golden State Warriors"]) == 1
    assert [(issue.rule, issue.detail[:2]) for issue in found.issues] == [
        ("malformed_injury", "2 "), ("scrambled_injury", "1 "), ("unknown_team", "1 "),
    ]  # fmt: skip


@pytest.mark.parametrize("body", [b"", b"{}", b"null", b'"x"', b"[" * 2000, b"\xff", b"[1, null]"])
def test_whatever_the_bytes_are_it_does_not_raise(body: bytes) -> None:
    found = read(body=body)
    assert [issue.rule for issue in found.issues] in (["malformed_body"], ["malformed_injury"])
