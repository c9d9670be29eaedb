"""The gate: an edge, then a cooldown, then a cap; what is held back is not spent."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from stratumd.engine import gate
from stratumd.engine.gate import Candidate, Memory, Reason, judge
from stratumd.plugin import HOUR, MINUTE, Finding, Limits, MarketKey, Micros

SPREADS = MarketKey("spreads")
JUDGED = {("steam", SPREADS)}
CALM = Limits(cooldown=15 * MINUTE, per_hour=4)


def finding(magnitude: float = 1.0, *, outcome: str = "home", strength: int = 50) -> Finding:
    return Finding("STEAM", SPREADS, outcome, "up", magnitude, 1.0, ("fanduel",), strength, {})


def candidate(found: Finding, limits: Limits = CALM) -> Candidate:
    return Candidate("steam", found, limits)


class Story:
    """Findings of one event, minute by minute."""

    def __init__(self, limits: Limits = CALM) -> None:
        self.memory = Memory()
        self.limits = limits

    def at(self, minute: float, *found: Finding) -> list[Reason]:
        candidates = [candidate(each, self.limits) for each in found]
        return [v.reason for v in judge(self.memory, candidates, JUDGED, round(minute * MINUTE))]


def test_a_condition_that_stays_true_fires_once() -> None:
    story = Story()
    assert [story.at(minute, finding()) for minute in range(60)] == [[Reason.FIRED], *[[Reason.EDGE]] * 59]


def test_a_condition_that_was_false_fires_again_after_the_cooldown() -> None:
    story = Story()
    story.at(0, finding())
    story.at(1)
    assert story.at(20, finding()) == [Reason.FIRED]


def test_growth_by_a_further_threshold_fires_again() -> None:
    story = Story()
    story.at(0, finding(1.0))
    assert story.at(20, finding(1.9)) == [Reason.EDGE]
    assert story.at(21, finding(2.0)) == [Reason.FIRED]


def test_what_the_cooldown_holds_back_fires_when_it_may() -> None:
    """Not spent: at the end of the cooldown it fires, if it still holds."""
    story = Story()
    story.at(0, finding())
    story.at(1)
    assert story.at(2, finding()) == [Reason.COOLDOWN]
    assert story.at(14, finding()) == [Reason.COOLDOWN]
    assert story.at(15, finding()) == [Reason.FIRED]


def test_what_no_longer_holds_when_it_may_does_not_fire() -> None:
    story = Story()
    story.at(0, finding())
    story.at(1)
    story.at(2, finding())
    assert story.at(15) == []
    assert story.memory.fired == {"STEAM": [0]}


def test_growth_that_is_gone_when_it_may_fire_does_not_fire() -> None:
    story = Story()
    story.at(0, finding(1.0))
    assert story.at(5, finding(2.5)) == [Reason.COOLDOWN]
    assert story.at(20, finding(1.0)) == [Reason.EDGE]


def test_a_finding_whose_signal_cannot_be_made_is_tried_again() -> None:
    """Nothing is spent on it: neither edge nor cooldown nor cap."""
    memory, one = Memory(), [candidate(finding())]
    assert [v.reason for v in judge(memory, one, JUDGED, 0, lambda each: False)] == [Reason.FAILED]
    assert [v.reason for v in judge(memory, one, JUDGED, MINUTE)] == [Reason.FIRED]


def test_the_cap_lets_the_strongest_pass() -> None:
    story = Story(Limits(per_hour=2))
    weak, middling, strong = (
        finding(outcome=name, strength=strength) for name, strength in (("home", 20), ("draw", 40), ("away", 60))
    )
    assert story.at(0, weak, middling, strong) == [Reason.FIRED, Reason.FIRED, Reason.CAP]
    assert {key.outcome for key, entry in story.memory.entries.items() if entry.magnitude is None} == {"home"}


def test_the_last_bits_of_a_sum_do_not_decide_who_is_the_strongest() -> None:
    """0.1 + 0.2 is more than 0.3 by such a bit: they are equally strong, and come by their names."""
    story = Story(Limits(per_hour=1))
    story.at(0, finding(0.3, outcome="away"), finding(0.1 + 0.2, outcome="home"))
    assert {key.outcome: entry.fired_at for key, entry in story.memory.entries.items()} == {"away": 0, "home": None}


def test_the_cap_counts_a_rolling_hour() -> None:
    story = Story(Limits(per_hour=1))
    story.at(0, finding())
    story.at(1)
    assert story.at(59, finding()) == [Reason.CAP]
    assert story.at(60, finding()) == [Reason.FIRED]


def test_a_market_that_was_not_judged_keeps_its_edge() -> None:
    """No finding where nothing was evaluated says nothing: the same condition does not fire twice."""
    memory = Memory()
    judge(memory, [candidate(finding())], JUDGED, 0)
    judge(memory, [], set(), 30 * MINUTE)
    (verdict,) = judge(memory, [candidate(finding())], JUDGED, 60 * MINUTE)
    assert verdict.reason is Reason.EDGE


def test_what_cannot_matter_any_more_is_forgotten() -> None:
    story = Story()
    story.at(0, finding())
    story.at(1)
    story.at(25 * 60)
    assert gate.dump(story.memory) == gate.dump(Memory())


steps = st.lists(
    st.tuples(
        st.integers(0, 20 * MINUTE),
        st.lists(
            st.builds(
                finding,
                st.floats(1, 5),
                outcome=st.sampled_from(["home", "draw", "away"]),
                strength=st.integers(1, 100),
            ),
            unique_by=lambda each: each.outcome,
        ),
    ),
    max_size=40,
)


@given(steps, st.integers(0, 40))
def test_a_restart_changes_nothing(story: list[tuple[Micros, list[Finding]]], stop: int) -> None:
    """Stored and read back at any instant, the gate goes on as if it had never stopped."""
    steady, restarted, now = Memory(), Memory(), 0
    for number, (pause, found) in enumerate(story):
        now += pause
        if number == stop:
            restarted = gate.restore(gate.dump(restarted))
        candidates = [candidate(each) for each in found]
        assert judge(steady, candidates, JUDGED, now) == judge(restarted, candidates, JUDGED, now)
    assert gate.dump(steady) == gate.dump(restarted)


@given(steps)
def test_what_is_stored_changes_only_where_the_gate_says_so(story: list[tuple[Micros, list[Finding]]]) -> None:
    memory, now = Memory(), 0
    for pause, found in story:
        now += pause
        before, memory.changed = gate.dump(memory), False
        judge(memory, [candidate(each) for each in found], JUDGED, now)
        assert memory.changed == (gate.dump(memory) != before)


@given(steps)
def test_cooldown_and_cap_are_never_exceeded(story: list[tuple[Micros, list[Finding]]]) -> None:
    memory, now = Memory(), 0
    fired: list[tuple[str, Micros]] = []
    for pause, found in story:
        now += pause
        verdicts = judge(memory, [candidate(each) for each in found], JUDGED, now)
        fired += [(v.candidate.finding.outcome, now) for v in verdicts if v.reason is Reason.FIRED]
    for number, (outcome, instant) in enumerate(fired):
        before = fired[:number]
        assert all(instant - at >= CALM.cooldown for name, at in before if name == outcome)
        assert sum(instant - at < HOUR for _, at in before) < 4
