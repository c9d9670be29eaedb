"""The short version of what `make hostile` measures of plugins: many at once in one daemon, and nobody else notices."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.hostile import plugins
from tests.support.daemon import PATIENCE

pytestmark = pytest.mark.anyio


def told(ran: plugins.Ran) -> bool:
    """Whether those that fail and those that block were named."""
    blocked = {line.partition(" at ")[0] for line in ran.blocks}
    return {"raise-none", "leave-process"} <= ran.named.keys() and {"nap-none: unruly", "event loop: unruly"} <= blocked


async def test_hostile_plugins_are_named_and_nobody_else_notices(tmp_path: Path) -> None:
    hostile = plugins.pipelines(("raise", "nap"), ("leave", "sleep"), ("nap",), ("sleep",))
    ran = await plugins.run(tmp_path, hostile, PATIENCE, told, nap=1.3)
    assert ran.failures_of_others + ran.not_ok == []
    assert ran.polls_failed == 0
    assert ran.observations >= 2
    assert told(ran), (ran.named, ran.blocks)
    assert all("stratumd_unruly.py:" in line for line in ran.blocks)
    assert plugins.children_left(tmp_path) == 0
