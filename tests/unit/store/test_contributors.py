"""What is stored of who contributed to a point."""

from __future__ import annotations

import msgspec
from hypothesis import given
from hypothesis import strategies as st

from stratumd.plugin import Contributor
from stratumd.store.contributors import Contributors
from stratumd.store.frames import decompressed

BOOKS = ["fanduel", "betmgm", "bovada", "pinnacle"]
said = st.dictionaries(st.sampled_from(BOOKS), st.floats(0.1, 0.9), min_size=1).map(
    lambda values: tuple(Contributor(book, book, 1.0, (value,), None, (book,)) for book, value in values.items())
)


@given(st.lists(st.tuples(st.sampled_from(["h2h", "totals"]), said), max_size=12))
def test_it_is_always_all_that_they_say_now(points: list[tuple[str, tuple[Contributor, ...]]]) -> None:
    contributors = Contributors()
    for market, now in points:
        assert decompressed(contributors.packed(market, now)) == msgspec.json.encode(now)


def test_one_who_says_something_else_is_told_and_the_others_stay() -> None:
    contributors = Contributors()
    one, other = (Contributor(book, book, 1.0, (0.5,), None, (book,)) for book in BOOKS[:2])
    contributors.packed("h2h", (one, other))
    changed = other._replace(values=(0.6,))
    assert decompressed(contributors.packed("h2h", (one, changed))) == msgspec.json.encode((one, changed))
