"""No space left: the call that finds none writes nothing, and the same call succeeds once there is some."""

from __future__ import annotations

from itertools import takewhile

import pytest

from stratumd.store import StoreFull, open_store
from tests.support import steps
from tests.support.steps import START


def pages(store, most: int) -> None:
    """Let the database have no more than that many pages."""
    with store._engine.begin() as connection:
        connection.exec_driver_sql(f"PRAGMA max_page_count = {most}")


def fits(store, step) -> bool:
    """Keep `step` and all that follows from it, or say that there is no space for it."""
    try:
        steps.keep(store, step)
    except StoreFull:
        return False
    return True


def test_a_full_disk_loses_nothing_and_needs_no_restart(tmp_path):
    store = open_store(f"sqlite:///{tmp_path / 'full.db'}")
    with store._engine.begin() as connection:
        used = connection.exec_driver_sql("PRAGMA page_count").scalar_one()
    pages(store, used + 10)
    many = [steps.step(steps.observation(START + number, path=f"/{number}")) for number in range(1_000)]
    kept = list(takewhile(lambda step: fits(store, step), many))
    step = many[len(kept)]
    assert kept, "nothing was kept before it was full"
    with pytest.raises(StoreFull):
        steps.keep(store, step)
    assert len(store.claim("log", 100, START + 10**9)) == 1, "what is kept can be delivered meanwhile"
    pages(store, used + 1_000)
    steps.keep(store, step)
    stored = [each.id for each in store.pending("as if new", ["nba"], 10_000)]
    assert stored == [each.observation.id for each in [*kept, step]]
    assert store.pending("nba", ["nba"], 10) == []
    store.close()
