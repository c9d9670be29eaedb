"""The two-state chain in continuous time, held to matrix powers and to paths simulated in small steps."""

from math import exp, isclose, log
from random import Random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from stratumd.odds.switching import Course, expected_course, fitted_rates, resting, switching_matrix

rates = st.floats(0.01, 20.0)
hours = st.floats(0.001, 5.0)
Square = list[list[float]]


def times(one: Square, other: Square) -> Square:
    return [[sum(one[i][k] * other[k][j] for k in (0, 1)) for j in (0, 1)] for i in (0, 1)]


def flat(matrix: object) -> list[float]:
    return [p for row in matrix for p in row]


def test_by_hand() -> None:
    """Equal rates of ½: after an hour `(1 − e^(−1)) / 2` have turned. For ever: at rest."""
    turned = (1 - exp(-1)) / 2
    assert flat(switching_matrix(0.5, 0.5, 1.0)) == pytest.approx([1 - turned, turned, turned, 1 - turned])
    assert flat(switching_matrix(1.0, 3.0, 1e6)) == pytest.approx([0.75, 0.25, 0.75, 0.25])
    assert resting(1.0, 3.0) == (0.75, 0.25)


@given(rates, rates, st.floats(0.001, 0.5))
def test_it_is_the_limit_of_many_small_steps(a: float, b: float, time: float) -> None:
    """`(1 + Q·Δt/n)^n` with n = 2^24, by squaring."""
    step = time / 2**24
    power: Square = [[1 - a * step, a * step], [b * step, 1 - b * step]]
    for _ in range(24):
        power = times(power, power)
    assert flat(switching_matrix(a, b, time)) == pytest.approx(flat(power), abs=2e-6)


@given(rates, rates, hours, hours)
def test_two_steps_are_as_good_as_one(a: float, b: float, first: float, second: float) -> None:
    both = times(*([list(row) for row in switching_matrix(a, b, time)] for time in (first, second)))
    assert flat(switching_matrix(a, b, first + second)) == pytest.approx(flat(both), abs=1e-12)


@given(rates, rates, hours)
def test_what_rests_stays(a: float, b: float, time: float) -> None:
    rest, matrix = resting(a, b), switching_matrix(a, b, time)
    assert [sum(rest[i] * matrix[i][j] for i in (0, 1)) for j in (0, 1)] == pytest.approx(rest, abs=1e-12)


@given(rates, rates, hours, st.floats(0.0, 1.0), st.floats(0.0, 1.0), st.floats(0.0, 1.0))
def test_the_hours_of_a_step_are_spent(a: float, b: float, time: float, x: float, y: float, z: float) -> None:
    """Time in both states adds up; a chain that ends elsewhere switched once more often one way than the other."""
    total = x + y + z + 1.0
    pairs = [[x / total, y / total], [z / total, 1.0 / total]]
    course = expected_course(a, b, time, pairs)
    assert isclose(sum(course.hours), time, rel_tol=1e-6)
    assert course.switches[0] - course.switches[1] == pytest.approx(pairs[0][1] - pairs[1][0], abs=1e-5)


@given(rates, rates, hours)
def test_at_rest_switches_come_at_their_rates(a: float, b: float, time: float) -> None:
    rest, matrix = resting(a, b), switching_matrix(a, b, time)
    course = expected_course(a, b, time, [[rest[i] * matrix[i][j] for j in (0, 1)] for i in (0, 1)])
    assert course.hours == pytest.approx((rest[0] * time, rest[1] * time), rel=1e-6)
    assert course.switches == pytest.approx((a * rest[0] * time, b * rest[1] * time), rel=1e-6)


def simulated(random: Random, a: float, b: float, time: float) -> tuple[int, list[float], list[int]]:
    """One path from state 0: where it ends, hours in each state, switches out of each."""
    state, left, spent, switches = 0, time, [0.0, 0.0], [0, 0]
    while (stay := random.expovariate((a, b)[state])) < left:
        spent[state] += stay
        switches[state] += 1
        left -= stay
        state = 1 - state
    spent[state] += left
    return state, spent, switches


@pytest.mark.parametrize("end", [0, 1])
def test_the_course_between_two_ends_is_that_of_simulated_paths(end: int) -> None:
    random, a, b, time = Random(11), 1.0, 3.0, 0.8
    paths = [path for path in (simulated(random, a, b, time) for _ in range(60_000)) if path[0] == end]
    pairs = [[1.0 - end, float(end)], [0.0, 0.0]]
    course = expected_course(a, b, time, pairs)
    for state in (0, 1):
        assert course.hours[state] == pytest.approx(sum(p[1][state] for p in paths) / len(paths), abs=0.01)
        assert course.switches[state] == pytest.approx(sum(p[2][state] for p in paths) / len(paths), abs=0.02)


def test_rates_are_switches_an_hour_where_starts_tell_nothing() -> None:
    """Many hours drown one start: 200 switches out of 100 hours, 200 back out of 50."""
    found = fitted_rates(Course((100.0, 50.0), (200.0, 200.0)), (1e-9, 1e-9))
    assert found == pytest.approx((2.0, 4.0), rel=1e-6)


@given(st.floats(0.5, 50), st.floats(0.5, 50), st.floats(0.5, 30), st.floats(0.5, 30), st.floats(0.1, 9))
def test_no_rates_nearby_are_likelier(t0: float, t1: float, n01: float, n10: float, begun: float) -> None:
    first = begun * 0.7, begun * 0.3
    best = fitted_rates(Course((t0, t1), (n01, n10)), first)
    assert best is not None

    def expected(a: float, b: float) -> float:
        switching = n01 * log(a) - a * t0 + n10 * log(b) - b * t1
        return switching + sum(g * log(p) for g, p in zip(first, resting(a, b), strict=True))

    a, b = best
    for x, y in ((1.01, 1.0), (0.99, 1.0), (1.0, 1.01), (1.0, 0.99)):
        assert expected(a, b) > expected(a * x, b * y)


@pytest.mark.parametrize("course", [Course((5.0, 5.0), (0.0, 0.0)), Course((5.0, 0.0), (1.0, 1.0))])
def test_nothing_is_learned_where_nothing_switched(course: Course) -> None:
    assert fitted_rates(course, (0.5, 0.5)) is None
