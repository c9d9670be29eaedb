"""Types of signals that a partner asks for: one that nobody gives is no empty list, but told."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from stratumd.plugin import DAY
from tests.integration.partner_api.test_streams import opened
from tests.integration.partner_api.test_webhooks import ALLOW
from tests.integration.partner_api.world import START, TYPES, World, make_signal, world

pytestmark = pytest.mark.anyio

URL = "https://example.com/hook"
ASKING: list[tuple[str, str, Any]] = [
    ("GET", "intel/signals?types={}", None),
    ("GET", "intel/signals?types={}&since=2020-01-01T00:00:00Z", None),
    ("GET", "intel/clv/summary?types={}", None),
    ("GET", "intel/clv/scorecards?types={}", None),
    ("GET", "stream/signals?types={}", None),
    ("POST", "intel/webhooks", "types"),
    ("PATCH", "intel/webhooks/none", "types"),
]
"""Every way to name types: in the query, or in the body."""


def report(name: str, question: Any, pipeline: str) -> list[dict[str, Any]]:
    return []


async def said(held: World, method: str, path: str, body: str | None, *types: str) -> tuple[int, str]:
    """Return the status, and what a refusal says."""
    if method == "GET" and path.startswith("stream"):
        answer = await held.get(path.format(",".join(types)), headers={"last-event-id": "no number"})
    else:
        json = {body: list(types)} | ({"url": URL} if method == "POST" else {}) if body else None
        answer = await held.ask(method, path.format(",".join(types)), **({"json": json} if json else {}))
    return answer.status_code, answer.json().get("detail", "")


@pytest.mark.parametrize(("method", "path", "body"), ASKING, ids=[f"{a[0]} {a[1]}" for a in ASKING])
async def test_a_type_that_nobody_gives_is_told_with_what_was_meant(
    tmp_path: Path, method: str, path: str, body: str | None
) -> None:
    async with world(f"sqlite:///{tmp_path}/s.db", ALLOW, signal_types=TYPES, reports=report) as held:
        for types, wanted in (
            (["steam", "STEEM"], "types: there are no signals of type 'STEEM': did you mean 'STEAM'?"),
            (["fog"], "types: there are no signals of type 'fog': there are: STEAM, MOVE, DISLOCATION"),
        ):
            assert await said(held, method, path, body, *types) == (422, wanted)
        status, detail = await said(held, method, path, body, "steam", "Move")
        assert "types" not in detail
        assert status in ((200, 201) if method != "PATCH" and "stream" not in path else (400, 404))


async def test_a_type_that_only_is_stored_is_known(database_url: str) -> None:
    """The plugin that gave it may be gone; and it may come while the daemon runs."""
    async with world(database_url, signal_types=TYPES) as held:
        await held.signals(make_signal("old", START - 40 * DAY, type="FOG"))
        assert await held.items("intel/signals?types=fog") == []
        assert (await held.get("intel/signals?types=HAIL")).status_code == 422
        refused = await held.get("intel/signals?types=fogg")
        assert refused.json()["detail"].endswith("did you mean 'FOG'?")
        await held.signals(make_signal("new", START, type="HAIL"))
        assert [each["id"] for each in await held.items("intel/signals?types=HAIL,FOG")] == ["new"]


async def test_where_a_detector_does_not_say_what_it_gives_any_type_may_come(tmp_path: Path) -> None:
    async with world(f"sqlite:///{tmp_path}/s.db", signal_types=None) as held:
        assert await held.items("intel/signals?types=STEEM") == []


async def test_a_type_is_found_however_a_detector_writes_it(tmp_path: Path) -> None:
    async with world(f"sqlite:///{tmp_path}/s.db", signal_types=("Stale",), background=True) as held:
        await held.signals(make_signal("s1", START, type="Stale"))
        assert [each["id"] for each in await held.items("intel/signals?types=STALE")] == ["s1"]
        async with opened(held, "stream/signals?types=stale&after=0") as reader:
            assert await reader.ids(1) == ["s1"]
