"""An open store and a reader on each engine."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from stratumd.store import Reader, Store, open_reader, open_store


@pytest.fixture
def store(database_url: str) -> Iterator[Store]:
    opened = open_store(database_url)
    yield opened
    opened.close()


@pytest.fixture
def reader(store: Store, database_url: str) -> Iterator[Reader]:
    opened = open_reader(database_url)
    yield opened
    opened.close()
