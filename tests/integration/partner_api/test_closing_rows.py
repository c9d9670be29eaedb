"""What the plugin of closing lines answers is what the OpenAPI document says, field by field."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import jsonschema_rs
import pytest

from stratumd.plugin import HOUR, MINUTE
from stratumd.testing.harness import detector, game, observation, spread
from stratumd.testing.jobs import Working, working
from tests.integration.partner_api.world import START, World, world
from tests.support.openapi import followed

pytestmark = pytest.mark.anyio

BOOKS = ("pinnacle", "draftkings", "fanduel", "betmgm", "betrivers", "bovada")
EVENTS = 32
"""As many as an interval needs, and some."""
ASKED = (
    "clv",
    "clv?books=true",
    "clv/summary",
    "clv/scorecards",
    "clv/scorecards?by=type,market,bucket,reference,after_seconds,book",
    "clv/scorecards?by=sport,tier,quality,outcome,status&reference=named",
    "clv/teaser",
)


@contextmanager
def played(url: str) -> Iterator[Working]:
    """Games that are over, with the closing lines of their moves; nobody confirmed the last ones near their start."""
    with working(url, detectors=[detector("consensus"), detector("move")], plugins=["clv"], pipeline="nba") as desk:
        start = START - 3 * HOUR
        for minutes, line in ((120, -3.5), (60, -5.0), (59, -5.5), (5, -4.5)):
            games = range(EVENTS + 2) if minutes > 5 else range(EVENTS)
            quotes = {
                game(id=f"g{n:02d}", starts=start): {
                    book: [spread(line + (n % 3 if minutes == 5 else 0), 1.9 + n / 500, 1.92)] for book in BOOKS
                }
                for n in games
            }
            desk.feed(observation(start - minutes * MINUTE, quotes))
        desk.run("clv", START)
        yield desk


@contextmanager
def reporting(folder: Path) -> Iterator[Callable[[str, Mapping[str, Any], str], list[dict[str, Any]]]]:
    """Answer reports as the plugin does."""
    with played(f"sqlite:///{folder}/clv.db") as desk:
        yield lambda name, question, pipeline: desk.ask(name, **question)


def told(document: dict[str, Any], path: str) -> dict[str, Any]:
    """Return the schema of a list's rows."""
    answer = document["paths"][f"/api/v1/intel/{path}"]["get"]["responses"]["200"]
    page = followed(document, answer["content"]["application/json"]["schema"])
    row: dict[str, Any] = followed(document, page["properties"]["items"]["items"])
    return row


async def answered(held: World, paths: tuple[str, ...] = ASKED) -> dict[str, list[dict[str, Any]]]:
    found = {path: await held.items(f"intel/{path}") for path in paths}
    assert all(found.values()), "every one has rows"
    return found


async def test_rows_of_closing_lines_are_what_the_document_says(tmp_path: Path) -> None:
    with reporting(tmp_path) as reports:
        async with world(f"sqlite:///{tmp_path}/s.db", reports=reports) as held:
            document = (await held.get("openapi.json")).json()
            seen: dict[str, set[str]] = {}
            for path, rows in (await answered(held)).items():
                plain = path.partition("?")[0]
                schema = told(document, plain)
                valid = jsonschema_rs.validator_for(
                    schema | {"components": document["components"]}, validate_formats=True
                )
                for row in rows:
                    assert not [each.message for each in valid.iter_errors(row)]
                    assert row.keys() <= schema["properties"].keys(), path
                    seen.setdefault(plain, set()).update(row)
            for plain, names in seen.items():
                assert names == told(document, plain)["properties"].keys(), f"{plain}: what is described comes"


async def test_every_field_of_closing_lines_is_explained_or_plain(tmp_path: Path) -> None:
    """Numbers are, above all: of what, in which unit."""
    async with world(f"sqlite:///{tmp_path}/s.db") as held:
        document = (await held.get("openapi.json")).json()
    for path in ("clv", "clv/summary", "clv/scorecards", "clv/teaser"):
        schema = told(document, path)
        assert schema["description"]
        unsaid = [name for name, field in schema["properties"].items() if "description" not in field]
        assert set(unsaid) <= {"type", "sport", "market", "signals", "events", "outcome"}, path


async def test_a_teaser_shows_no_more_than_it_says(tmp_path: Path) -> None:
    with reporting(tmp_path) as reports:
        async with world(f"sqlite:///{tmp_path}/s.db", reports=reports) as held:
            for row in (await answered(held, ("clv/teaser",)))["clv/teaser"]:
                assert list(row) == ["type", "signals", "events", "valued", "beat_close_percent", "maturity"]
