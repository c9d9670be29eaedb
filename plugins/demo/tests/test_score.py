"""The detectors find what was put into the market, at every seed, and the command says how well."""

import pytest

from stratumd_demo.score import Row, Run, clear_steam, dislocation, main, simulate, steam

HOURS, GAMES = 10, 8


@pytest.fixture(scope="module", params=[1, 2])
def run(request: pytest.FixtureRequest) -> Run:
    return simulate(request.param, HOURS, GAMES, [60, 300])


def last(rows: list[Row]) -> Row:
    return rows[-1]


def test_clear_steam_is_found_and_is_true_at_polls_every_minute(run: Run) -> None:
    """At least 1 point by at least 5 operators inside one window."""
    row = clear_steam(run, 60)
    assert row.labels >= 10
    assert row.signals >= 10
    assert row.recall is not None
    assert row.precision is not None
    assert row.recall >= 0.95
    assert row.precision >= 0.95


def test_the_more_operators_the_surer(run: Run) -> None:
    few, *_, many, _ = steam(run, 60)
    assert (few.title, many.title) == ("0–3", "10+")
    assert many.recall == 1.0
    assert few.recall is None or few.recall < 0.5


def test_what_stands_apart_is_found_and_is_true(run: Run) -> None:
    row = last(dislocation(run, 60))
    assert row.labels >= 50
    assert row.recall is not None
    assert row.precision is not None
    assert row.recall >= 0.75
    assert row.precision >= 0.9


def test_no_steam_where_the_window_is_shorter_than_the_poll(run: Run) -> None:
    assert last(steam(run, 300)).signals == 0


def test_shares_of_nothing_are_not_given() -> None:
    empty = Row("none", 0, 0, 0, 0)
    assert (empty.recall, empty.precision) == (None, None)


def test_the_command_prints_the_same_table_for_the_same_seed(capsys: pytest.CaptureFixture[str]) -> None:
    printed = []
    for _ in range(2):
        main(["--seed", "4", "--hours", "2", "--games", "4", "--poll", "120"])
        printed.append(capsys.readouterr().out)
    assert printed[0] == printed[1]
    assert printed[0].startswith("seed 4, 2 h, 4 games, window 3 min; ")
    assert "120s  ≥ 1 point by ≥ 5" in printed[0]
    assert "precision" in printed[0]
