"""Whatever order events arrive in, however often and however late: the same final state."""

from __future__ import annotations

import os
import random
from itertools import permutations
from typing import Any

import anyio
import pytest
from hypothesis import given
from hypothesis import strategies as st

from stratumd_stripe_billing.rows import Granted, Subscription
from tests.integration.billing.story import TYPES, Room, chapters, fresh, sell, six
from tests.integration.billing.world import shop

ORDERS = int(os.environ.get("STRATUMD_ORDERS", "2"))
"""How many orders are tried over HTTP and a database; `make billing-orders` tries all 720."""


@pytest.mark.parametrize("ends", ["cancelled", "paying"])
@pytest.mark.anyio
async def test_all_orders_of_six_events_three_times_each(ends: str) -> None:
    fake, _ = fresh()
    customer, buy = sell(fake)
    happenings = chapters(fake, customer, buy)
    for happening in happenings if ends == "cancelled" else happenings[:-1]:
        happening()
    events = six(fake) if ends == "cancelled" else [*six_or_fewer(fake), fake.events("invoice.finalized")[-1]]
    assert len(events) == 6
    states = set()
    for number, order in enumerate(permutations(events)):
        room = Room(fake, customer)
        told = [*order, *random.Random(number).sample([*events, *events], 12)]
        results = [await room.take(event) for event in told]
        assert results.count("duplicate") == 12
        states.add(repr(room.state()))
    assert len(states) == 1
    assert ("None" in states.pop().rpartition("[")[2]) == (ends == "cancelled")


def six_or_fewer(fake: Any) -> list[Any]:
    """Return the newest event of each type that there is."""
    return [fake.events(type)[-1] for type in TYPES if fake.events(type)]


@given(st.data())
def test_events_that_overtake_each_other_while_it_happens(data: st.DataObject) -> None:
    """Webhooks are taken in at the same time, each asks Stripe early or late, and is written early or late."""
    fake, _ = fresh()
    customer, buy = sell(fake)
    happenings = chapters(fake, customer, buy)
    waits = st.sampled_from([0, 0, 1, 5, 40])

    async def turn() -> None:
        for _ in range(data.draw(waits)):
            await anyio.lowlevel.checkpoint()

    room = Room(fake, customer, turn)

    async def take(event: Any) -> None:
        await turn()
        await room.take(event)

    async def live() -> None:
        async with anyio.create_task_group() as tasks:
            for happening in happenings:
                before = len(fake.shelf.events)
                happening()
                fresh_events = [each for each in fake.shelf.events[before:] if each["type"] in TYPES]
                for event in data.draw(st.permutations(fresh_events * 2)):
                    tasks.start_soon(take, event)
                await turn()

    anyio.run(live)
    [granted] = room.desk.tables[Granted].values()
    [held] = room.desk.tables[Subscription].values()
    assert isinstance(granted, Granted)
    assert isinstance(held, Subscription)
    assert (held.status, granted.plan) == ("canceled", None)


@pytest.mark.anyio
async def test_what_was_asked_before_is_not_applied_after() -> None:
    """Stripe is asked while the subscription runs; the answer is on its way while it is cancelled and that applied."""
    fake, _ = fresh()
    customer, buy = sell(fake)
    bought = buy()
    slow, asked = anyio.Event(), anyio.Event()
    turns = 0

    async def turn() -> None:
        nonlocal turns
        turns += 1
        if turns == 2:  # the first question is answered, and not read yet
            asked.set()
            await slow.wait()

    room = Room(fake, customer, turn)
    results = []

    async def first() -> None:
        results.append(await room.take(fake.events("customer.subscription.created")[0]))

    async with anyio.create_task_group() as tasks:
        tasks.start_soon(first)
        await asked.wait()
        fake.subscriptions.cancel({}, bought["id"])
        results.append(await room.take(fake.events("customer.subscription.deleted")[0]))
        slow.set()
    assert results == ["applied", "outdated"]
    [held] = room.desk.tables[Subscription].values()
    assert isinstance(held, Subscription)
    assert held.status == "canceled"


@pytest.mark.anyio
async def test_orders_over_http_and_a_database(tmp_path: Any) -> None:
    every = list(permutations(range(6)))
    orders = random.Random(6).sample(every, min(ORDERS, len(every)))
    async with shop(f"sqlite:///{tmp_path / 'billing.db'}", grace="40d") as found:
        states = set()
        for number, order in enumerate(orders):
            account = f"a{number}"
            await found.join(account, f"{account}@example.org")
            session = await found.checkout("api_monthly", account)
            customer = await found.billing.sales.customer(account)
            before = len(found.fake.shelf.events)
            start = found.clock.now()
            for happening in chapters(found.fake, customer, lambda session=session: found.fake.buy(session)):
                happening()
            mine = [each for each in found.fake.shelf.events[before:] if _customer(each) == customer]
            events = [[each for each in mine if each["type"] == type][-1] for type in TYPES]
            for each in [*order, *order, *order]:
                assert await found.fake.webhooks.deliver([events[each]]) == [200]
            found.fake.webhooks.pending.clear()
            right = await found.right("api", account)
            assert right is not None
            [row] = await found.held.operate("stripe-billing.status", {"account": account})
            ended = await found.billing.desk.read(lambda r, row=row: r.get(Subscription, id=row["subscription"]))
            states.add((right.plan, right.until, row["status"], row["granted"], ended.ended_at - start))
            assert right.grants == 1
        # What `make billing-orders` shows.
        print(f"\n{len(orders)} orders over HTTP, each event three times: {len(states)} final state(s)")  # noqa: T201  # a figure to read
        assert len(states) == 1


def _customer(event: dict[str, Any]) -> Any:
    return event["data"]["object"].get("customer")
