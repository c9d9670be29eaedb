"""The short version of what `make hostile` measures of a provider."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.hostile import breaker, provider
from tests.hostile.bodies import MANNERS, shapes
from tests.hostile.provider import Outcome

pytestmark = pytest.mark.anyio


def clean(found: Outcome) -> bool:
    return not (found.uncaught or found.abnormal or found.faults or found.partial)


def test_there_are_two_hundred_shapes() -> None:
    assert len(dict(shapes())) >= 200


async def test_no_shape_of_a_body_gets_through_and_the_next_poll_is_normal(tmp_path: Path) -> None:
    found = await provider.try_shapes(tmp_path, every=24)
    assert found.answers >= 12
    assert clean(found), found


def test_no_mutation_gets_through(tmp_path: Path) -> None:
    found = provider.try_mutations(tmp_path, 600, seed=11)
    assert found.answers >= 600
    assert found.reactions["ok"] > 100, "some are JSON all the same, and reach the normalizer"
    assert clean(found), found


@pytest.mark.parametrize("manner", [manner for manner in MANNERS if manner.endswith("_bomb")])
async def test_a_bomb_costs_some_megabytes(manner: str) -> None:
    before, peak, said = await provider.bomb_peak(manner, 128 << 20)
    assert peak - before < 24, said
    assert said.startswith("BadPayload")


async def test_a_drip_ends_at_the_deadline() -> None:
    seconds, said = await provider.drip(0.3)
    assert 0.3 <= seconds < 15, "it would drip for ever"
    assert said == "no whole answer within 0.3 s"


async def test_the_breaker_opens_probes_and_closes_across_a_restart(tmp_path: Path) -> None:
    told = await breaker.tell(tmp_path)
    assert told.made < told.due / 3
    assert len(told.opened) >= 4
    gaps = [later - earlier for earlier, later in zip(told.opened, told.probed, strict=True)]
    assert all(15 <= gap <= 15 * 60 for gap in gaps)
    assert gaps[1] > gaps[0] / 2
    assert told.after_restart > 15
    assert told.closed == told.probed[-1]
