"""What a partner names is there, or is told to be missing: pipelines, spans of time, one signal."""

from __future__ import annotations

import json
from pathlib import Path

import anyio
import pytest

from stratumd.plugin import DAY, MINUTE, iso
from tests.integration.partner_api.test_streams import opened
from tests.integration.partner_api.world import START, make_signal, make_step, world

pytestmark = pytest.mark.anyio

BY_PIPELINE = (
    "signals?pipeline={}",
    "dislocations?pipeline={}",
    "signals/quality?pipeline={}",
    "consensus?event=e1&pipeline={}",
    "events/e1/odds?pipeline={}",
    "events/e1/movement?pipeline={}",
    "books/actionable?event=e1&pipeline={}",
    "books/actionable/batch?events=e1&pipeline={}",
    "export/signals?pipeline={}",
    "export/changes.csv?pipeline={}",
)
BY_TIME = (
    "signals?since={}&until={}",
    "consensus?event=e1&since={}&until={}",
    "events/e1/movement?since={}&until={}",
    "export/signals?since={}&until={}",
    "export/changes.csv?since={}&until={}",
)


async def test_a_pipeline_that_is_not_there_is_no_empty_list(tmp_path: Path) -> None:
    """One that is configured no more but has stored something is there."""
    async with world(f"sqlite:///{tmp_path}/s.db") as held:
        await held.signals(make_signal("s1"))
        for path in BY_PIPELINE:
            answer = await held.get("intel/" + path.format("nab"))
            assert answer.status_code == 404, path
            assert answer.json()["detail"] == "There is no such pipeline: there are nba.", path
            held.held.configured.pipelines = ("nhl",)
            for known in ("nba", "nhl"):
                assert (await held.get("intel/" + path.format(known))).status_code == 200, (path, known)
            held.held.configured.pipelines = ("nba",)


async def test_a_span_that_ends_before_it_begins_is_told(tmp_path: Path) -> None:
    async with world(f"sqlite:///{tmp_path}/s.db") as held:
        await held.signals(make_signal("s1"))
        for path in BY_TIME:
            answer = await held.get("intel/" + path.format(iso(START), iso(START - 1)))
            assert answer.status_code == 400, path
            assert answer.json()["detail"] == "until: this is before since", path
            assert (await held.get("intel/" + path.format(iso(START), iso(START)))).status_code == 200, path
        old = await held.get(f"intel/signals?until={iso(START - 2 * DAY)}")
        assert old.json()["detail"] == "until: this is before since, which is 24 hours ago where it is not named"


async def test_one_signal_by_its_id(tmp_path: Path) -> None:
    async with world(f"sqlite:///{tmp_path}/s.db") as held:
        await held.signals(make_signal("old", START - 40 * DAY), make_signal("s1", START))
        (listed,) = await held.items("intel/signals")
        assert (await held.get("intel/signals/s1")).json() == listed
        assert (await held.get("intel/signals/old")).json()["id"] == "old"
        for id in ("s", "none", "%F0%9F%8F%80"):
            missing = await held.get(f"intel/signals/{id}")
            assert missing.status_code == 404, id
            assert missing.json()["detail"] == "There is no such signal: see /api/v1/intel/signals."
        assert (await held.get("intel/signals/s1", "key_free")).status_code == 404, "the plan shows it later"
        held.clock.advance(11 * MINUTE)
        shown = (await held.get("intel/signals/s1", "key_free")).json()
        assert (shown["books"], shown["operator"]) == (None, None)


async def test_an_export_names_the_parts_of_a_contributor(tmp_path: Path) -> None:
    async with world(f"sqlite:///{tmp_path}/s.db") as held:
        await held.commit(make_step(START))
        (row,) = (await held.get("intel/export/consensus")).text.splitlines()
        (listed,) = await held.items("intel/consensus?event=e1")
        assert json.loads(row)["contributors"] == listed["contributors"]


async def test_an_id_does_not_tell_a_delayed_plan_how_much_there_is_by_now(tmp_path: Path) -> None:
    """Whether an id was ever given is no answer for who may not have it yet."""
    async with world(f"sqlite:///{tmp_path}/s.db", background=True) as held:
        await held.signals(make_signal("s1", START - 20 * MINUTE), make_signal("s2", START), make_signal("s3", START))
        for last in ("2", "3", "4"):
            async with opened(held, key="key_free", last=last) as reader:
                with anyio.fail_after(5):
                    assert await reader.next() == ("reset", {"first": 1, "after": 1}), last
