"""The metrics' names are a contract."""

from __future__ import annotations

import re

from stratumd.observe.metrics import Metrics


def test_names_follow_the_conventions_of_prometheus() -> None:
    for family in Metrics().registry.collect():
        assert re.fullmatch(r"stratumd_[a-z_]+", family.name)
        assert family.documentation.endswith(".")
        assert not family.name.endswith(("_ms", "_millis", "_minutes"))


def test_two_daemons_in_one_process_share_nothing() -> None:
    first, second = Metrics(), Metrics()
    first.quotes.labels("main").inc(5)
    assert b'stratumd_quotes_total{pipeline="main"} 5.0' in first.expose()
    assert b'stratumd_quotes_total{pipeline="main"}' not in second.expose()
