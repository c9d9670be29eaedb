"""Figures over polls and cycles say where they are not of all."""

from __future__ import annotations

from typing import Any

import pytest

from stratumd.plugin.views import CycleRow
from stratumd_admin import diagnostics


class History:
    """Three cycles and no polls."""

    def polls(self, **_: Any) -> list[Any]:
        return []

    def cycles(self, *, limit: int, **_: Any) -> list[CycleRow]:
        return [CycleRow("main", n, n, 1, 0, None, 0, 0, {}, 0, 0, 5) for n in range(3)][-limit:]


@pytest.mark.parametrize(("most", "truncated"), [(4, False), (3, True), (2, True)])
def test_a_summary_of_too_many_cycles_says_that_it_is_cut_off(
    monkeypatch: pytest.MonkeyPatch, most: int, truncated: bool
) -> None:
    monkeypatch.setattr(diagnostics, "MOST", most)
    history: Any = History()
    assert diagnostics.summary(history, 10, None, 0)["truncated"] is truncated
