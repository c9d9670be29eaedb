"""The first instants of a long path: as many as it takes, none cut in two, and no more of it read."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import groupby
from pathlib import Path

import pytest

from stratumd.store import Reader, open_store
from tests.integration.partner_api.world import START, make_step
from tests.support import steps

SECOND = 1_000_000


@pytest.fixture(scope="module")
def reader(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Reader]:
    folder: Path = tmp_path_factory.mktemp("path")
    store = open_store(f"sqlite:///{folder}/s.db")
    steps.keep(store, *[make_step(START + n * SECOND, price=1.5 + n / 100) for n in range(8)], sinks=())
    reader = store.reader()
    yield reader
    reader.close()
    store.close()


@pytest.mark.parametrize("limit", [1, 5, 6, 7, 13, 47, 48, 1_000])
@pytest.mark.parametrize("kind", ["movement", "consensus"])
def test_whole_instants_until_there_are_more(reader: Reader, limit: int, kind: str) -> None:
    whole = getattr(reader, kind)("e1")
    found = getattr(reader, kind)("e1", limit=limit)
    instants = [[*group] for _, group in groupby(whole, key=lambda row: row.observed_at)]
    expected: list[object] = []
    while instants and len(expected) <= limit:
        expected += instants.pop(0)
    assert found == expected


def test_of_what_is_asked_for(reader: Reader) -> None:
    whole = reader.movement("e1", book="zz-alpha-book", outcome="home")
    assert [(row.book, row.outcome) for row in whole] == 8 * [("zz-alpha-book", "home")]
    assert reader.movement("e1", book="zz-alpha-book", outcome="home", since=START + SECOND, limit=2) == whole[1:4]
