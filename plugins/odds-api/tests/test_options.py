"""The options of the source: what is refused, and that the key stays hidden."""

from pathlib import Path
from typing import Any

import pytest
from pydantic import ValidationError

from stratumd_odds_api.options import OddsApiOptions

README = Path(__file__).parents[1] / "README.md"
LEAST = {"api_key": "canary", "sports": ["basketball_nba"], "regions": ["us"]}


def options(**more: Any) -> OddsApiOptions:
    return OddsApiOptions.model_validate({**LEAST, **more})


def test_the_least_that_must_be_given() -> None:
    found = options()
    assert (found.markets, found.retries, found.timeout.total_seconds()) == (("h2h", "spreads", "totals"), 3, 25)


@pytest.mark.parametrize(
    ("wrong", "words"),
    [
        ({"sports": []}, "at least 1"),
        ({"sports": ["NBA games"]}, "pattern"),
        ({"markets": ["player_points"]}, "event_markets"),
        ({"markets": ["h2h "]}, "pattern"),
        ({"regions": []}, "regions"),
        ({"bookmakers": ["fanduel"]}, "either regions"),
        ({"feeds": []}, "asks for nothing"),
        ({"feeds": ["odd"]}, "odds"),
        ({"sports": ["upcoming"], "feeds": ["events"]}, "upcoming"),
        ({"timeout": "0s"}, "longer than nothing"),
        ({"timeout": 25}, "duration"),
        ({"retries": -1}, "greater than or equal"),
        ({"scores_days": 4}, "less than or equal"),
        ({"base_url": "ftp://example.test"}, "address"),
        ({"base_url": "https://example.test/?apiKey=x"}, "address"),
        ({"base_url": "example.test"}, "address"),
        ({"region": ["us"]}, "Extra inputs"),
        ({"live": {}}, "watched events only"),
        ({"props": {"markets": ["player_points"]}}, "watched events only"),
        ({"watch": {"teams": ["Utah Jazz"]}}, "belongs to 'live' and 'props'"),
        ({"watch": {}, "live": {}}, "watches nothing"),
        ({"watch": {"teams": ["Utah Jazz"]}, "props": {}}, "Field required"),
        ({"watch": {"teams": ["Utah Jazz"]}, "live": {"markets": ["player_points"]}}, "move to props"),
        ({"watch": {"teams": ["Utah Jazz"]}, "live": {"every": "1s"}}, "greater than or equal"),
        ({"watch": {"teams": ["Utah Jazz"]}, "live": {}, "feeds": ["scores"], "regions": []}, "regions"),
    ],
)
def test_what_cannot_work_is_refused_at_the_start(wrong: dict[str, Any], words: str) -> None:
    with pytest.raises(ValidationError, match=words):
        options(**wrong)


def test_regions_are_not_needed_for_what_has_no_books() -> None:
    assert options(regions=[], feeds=["scores"]).feeds == ("scores",)


def test_the_key_is_hidden() -> None:
    assert "canary" not in f"{options()} {options()!r} {options().model_dump()} {options().model_dump_json()}"


@pytest.mark.parametrize("name", OddsApiOptions.model_fields)
def test_every_option_is_documented(name: str) -> None:
    assert OddsApiOptions.model_fields[name].description
    assert f"| `{name}` |" in README.read_text()
