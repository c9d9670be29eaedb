"""What an operator is held against."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from stratumd_dislocation.others import medians_of_others, suspects

Rows = list[tuple[float, ...]]


def chances(sides: int) -> st.SearchStrategy[Rows]:
    """Rows of chances that add up to one, some of them equal."""
    share = st.integers(1, 20).map(float)
    row = st.tuples(*[share] * sides).map(lambda shares: tuple(each / sum(shares) for each in shares))
    return st.lists(row, min_size=3, max_size=12)


@pytest.mark.parametrize("sides", [2, 3, 4])
@given(data=st.data(), least=st.sampled_from([0.01, 0.03, 0.1, 0.3]))
def test_nobody_who_stands_apart_is_overlooked(sides: int, data: st.DataObject, least: float) -> None:
    rows = data.draw(chances(sides))
    weights = data.draw(st.none() | st.lists(st.sampled_from([1.0, 2.0, 5.0]), min_size=len(rows), max_size=len(rows)))
    columns = list(zip(*rows, strict=True))
    apart = []
    for index, row in enumerate(rows):
        said = medians_of_others(columns, index, weights)
        assert sum(said) == pytest.approx(1.0)
        if max(abs(value - median) for value, median in zip(row, said, strict=True)) >= least + 1e-9:
            apart.append(index)
    assert set(apart) <= set(suspects(columns, weights is None, least))


def test_nobody_is_suspected_where_all_say_nearly_the_same() -> None:
    columns = list(zip(*[(0.45 + n / 1000, 0.30, 0.25 - n / 1000) for n in range(9)], strict=True))
    assert suspects(columns, equal=True, least=0.03) == []
