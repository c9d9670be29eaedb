"""What programs see of cycles, and what they may set going: over a store in which something happened."""

from __future__ import annotations

from typing import Any

import pytest
from anyio import to_thread

from stratumd.plugin import MINUTE, SECOND, iso
from stratumd.testing.clock import VirtualClock
from stratumd.testing.house import Serving, serving
from tests.integration.accounts.conftest import BOTH, OPTIONS
from tests.integration.admin.conftest import bearer, hired, service
from tests.integration.store.test_cycles import NAMES, cycle
from tests.integration.store.test_deliveries import keep
from tests.support import steps
from tests.support.steps import START

pytestmark = pytest.mark.anyio


@pytest.fixture
async def house(url: str) -> Any:
    """A house over a store with two dead letters and some polls."""
    clock = VirtualClock(START + MINUTE)
    async with serving(url, {"accounts": OPTIONS, "admin": {}}, clock=clock) as held:
        await to_thread.run_sync(_happen, held)
        yield held


def _happen(held: Serving) -> None:
    store = held.store
    keep(store, signals=2, sinks=("nba.chat",))
    for _ in range(2):
        (claimed,) = store.claim("nba.chat", 1, START + MINUTE)
        store.failed(claimed.id, START + MINUTE, "refused for good", None)
    many = [steps.observation(START + number * SECOND, path=f"/p{number}") for number in range(7)]
    store.observe([(seen.source, steps.poll(seen)) for seen in many])


async def asked(house: Serving, method: str, path: str, token: str, **more: Any) -> Any:
    answer = await house.client.request(method, f"/api/v1/ops{path}", headers=bearer(token), **more)
    assert answer.status_code == 200, answer.text
    return answer.json()


@BOTH
async def test_polls_come_page_by_page_the_newest_first(house: Serving) -> None:
    token = (await service(house, "ops:read"))["token"]
    seen, query = [], "?limit=3"
    while query:
        page = await asked(house, "GET", f"/polls{query}", token)
        seen += [(each["started_at"], each["id"]) for each in page["items"]]
        query = f"?limit=3&cursor={page['next']}" if page["next"] else ""
    assert len(seen) == len(set(seen)) == len(await to_thread.run_sync(lambda: house.reader.polls()))
    assert seen == sorted(seen, reverse=True)
    assert await asked(house, "GET", "/polls?source=other", token) == {"items": [], "next": None}
    summary = await asked(house, "GET", "/cycles/summary", token)
    (source,) = summary["sources"]
    assert (source["source"], source["cycles"], source["failed"]) == ("nba", len(seen), 0)
    assert source["success_rate"] == 1.0
    report = await asked(house, "GET", "/report", token)
    assert report["signals"] == 2
    assert [each["state"] for each in report["deliveries"]] == ["dead"]
    (diagnosed,) = (await asked(house, "GET", "/diagnostics?polls=2", token))["items"]
    assert (diagnosed["source"], len(diagnosed["polls"]), diagnosed["breaker"]) == ("nba", 2, None)


async def test_cycles_have_the_figures_that_were_promised(house: Serving) -> None:
    token = (await service(house, "ops:read"))["token"]
    for number in range(5, 8):
        await to_thread.run_sync(lambda number=number: cycle(house.store, number, sinks=("nba.chat",)))
    first = await asked(house, "GET", "/cycles?limit=2", token)
    rest = await asked(house, "GET", f"/cycles?limit=2&cursor={first['next']}", token)
    rows = [*first["items"], *rest["items"]]
    assert [row["position"] for row in rows] == sorted((row["position"] for row in rows), reverse=True)
    assert (len(rows), rest["next"]) == (3, None)
    assert rows[0].keys() >= NAMES
    assert await asked(house, "GET", "/cycles?pipeline=other", token) == {"items": [], "next": None}
    (sums,) = (await asked(house, "GET", f"/cycles/summary?since={iso(START)}", token))["pipelines"]
    assert (sums["cycles"], sums["requests_used_delta"], sums["signals_created_by_type"]) == (3, 9, {"MOVE": 6})
    assert sums["latency_seconds_p95"] == 1.0


@BOTH
async def test_dead_letters_are_sent_again_with_a_receipt_and_on_record(house: Serving) -> None:
    row = await service(house, "ops:run", name="deploy")
    body = {"reason": "the receiver is back", "sink": "chat", "limit": 1}
    receipt = await asked(house, "POST", "/deliveries/replay", row["token"], json=body)
    assert receipt["actor"] == f"service:{row['id']}"
    assert [each["state"] for each in receipt["rows"]] == ["dead"]
    assert len(receipt["audit"]) == 1
    assert {key: each.number for key, each in house.store.delivery_counts().items()} == {
        ("nba.chat", "dead"): 1,
        ("nba.chat", "pending"): 1,
    }
    boss = await hired(house, "super_admin")
    act = await boss.ok("GET", f"/admin/audit/{receipt['audit'][0]}")
    assert act["before"][0]["row"]["state"] == "dead"
    assert act["after"][0]["row"]["state"] == "pending"
    body = {"reason": "r", "ids": ["nothing"]}
    answer = await house.client.post("/api/v1/ops/deliveries/replay", json=body, headers=bearer(row["token"]))
    assert (answer.status_code, "no delivery" in answer.json()["detail"]) == (404, True)


async def test_a_backfill_is_asked_for_with_limits_alone(house: Serving) -> None:
    token = (await service(house, "ops:read", "ops:run"))["token"]
    body: dict[str, Any] = {
        "reason": "a season", "source": "nba", "sport": "basketball_nba", "start": "2026-01-01T00:00:00Z",
        "end": "2026-02-01T00:00:00Z", "max_requests": 100, "min_remaining": 5000, "markets": ["h2h", "totals"],
    }  # fmt: skip
    receipt = await asked(house, "POST", "/backfills", token, json=body)
    (row,) = (await asked(house, "GET", "/backfills", token))["items"]
    assert row == receipt["rows"][0]
    assert row["command"] == (
        "stratumd backfill --source nba --sport basketball_nba --from 2026-01-01T00:00:00Z --to 2026-02-01T00:00:00Z "
        "--step 86400s --markets h2h,totals --max-requests 100 --min-remaining 5000"
    )
    wrong: list[dict[str, Any]] = [
        {"max_requests": None}, {"min_remaining": None}, {"max_requests": 10**6}, {"end": "2028-01-01T00:00:00Z"},
        {"end": iso(START + 10 * MINUTE)}, {"start": "yesterday"}, {"source": "nba; rm"}, {"step": "1s"},
        {"step": "9" * 30 + "d"}, {"start": "0001-01-01T00:00:00+23:59", "end": "0001-01-02T00:00:00Z"},
        {"sport": "-x"}, {"reason": ""},
    ]  # fmt: skip
    for change in wrong:
        changed = {key: value for key, value in (body | change).items() if value is not None}
        answer = await house.client.post("/api/v1/ops/backfills", json=changed, headers=bearer(token))
        assert answer.status_code == 422, (change, answer.text)
    await house.operate("admin.runs.close-backfill", {"backfill": row["id"], "outcome": "100 requests"})
    assert await house.operate("admin.runs.backfills") == []
    (closed,) = await house.operate("admin.runs.backfills", {"state": "done"})
    assert closed["outcome"] == "100 requests"


WRONG = [
    ("/cycles?cursor=1", 400),
    ("/cycles?cursor=1.main", 400),
    ("/polls?cursor=1", 400),
    ("/cycles?cursor=%00", 400),
    ("/cycles?since=now", 422),
    ("/cycles/summary?since=0001-01-01T00:00:00%2B23:59", 422),
    ("/cycles/summary?since=9999-12-31T23:59:59-23:59", 422),
    ("/cycles?limit=0", 422),
    ("/cycles?limit=201", 422),
    ("/cycles?page=2", 422),
    ("/cycles/summary?since=9999-99-99", 422),
    ("/diagnostics?polls=99", 422),
    ("/diagnostics?source=" + "x" * 99, 422),
    ("/backfills?state=lost", 422),
]


async def test_what_does_not_fit_is_a_problem(house: Serving) -> None:
    token = (await service(house, "ops:read"))["token"]
    for path, status in WRONG:
        answer = await house.client.get(f"/api/v1/ops{path}", headers=bearer(token))
        assert answer.status_code == status, (path, answer.text)


async def test_staff_may_look_too(house: Serving) -> None:
    ops = await hired(house, "ops_admin")
    support = await hired(house, "support_admin")
    assert (await ops.call("GET", "/ops/report")).status_code == 200
    assert (await support.call("GET", "/ops/report")).status_code == 403
