"""A short version of `make billing-kills`: a daemon that serves keyed requests is killed under load."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from tests.faults.billing import endure

KILLS = int(os.environ.get("STRATUMD_BILLING_KILLS", "3"))


@pytest.mark.anyio
async def test_never_more_is_billed_than_was_served(tmp_path: Path) -> None:
    """What a kill costs is one flush at most; what was counted is billed once, whatever Stripe's answers came to."""
    figures = await endure(tmp_path, KILLS, seed=3)
    assert figures.wrong == []
    assert figures.kills == KILLS
    assert 0 < figures.billed == figures.counted <= figures.answered + figures.unanswered
