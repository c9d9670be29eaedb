"""Keys are functions of what they stand for, and fit both databases."""

from hypothesis import given
from hypothesis import strategies as st

from stratumd.plugin import Request
from stratumd.store.keys import event_key, request_key, series_key
from stratumd.store.text import clean

SERIES = ("event", "book", "market", None, "home", None)


def test_keys_never_change():
    """These are in databases."""
    assert event_key("dd23179c") == 7142605102617434142
    assert series_key("nba", SERIES) == 851958861746127697
    assert series_key("nba", (*SERIES[:5], 25.5)) == 7798875352159214432
    assert request_key("nba", Request("/odds", {"b": "2", "a": "1"})) == 5273083422132961503


@given(st.text())
def test_keys_are_positive_and_have_63_bits(event):
    assert 0 <= event_key(event) < 1 << 63


@given(st.tuples(*[st.text(max_size=3)] * 3, st.none() | st.text(max_size=3), st.text(max_size=3), st.none()))
def test_series_with_other_names_have_other_keys(series):
    """Also where the same letters are only divided otherwise."""
    shifted = (series[0] + series[1], "", *series[2:])
    assert (series_key("nba", series) == series_key("nba", shifted)) == (series == shifted)


def test_a_pipeline_has_series_of_its_own():
    assert series_key("nba", SERIES) != series_key("wnba", SERIES)


def test_a_whole_line_is_the_same_as_integer_and_as_float():
    assert series_key("nba", (*SERIES[:5], 25)) == series_key("nba", (*SERIES[:5], 25.0))


def test_params_have_no_order():
    assert request_key("nba", Request("/", {"a": "1", "b": "2"})) == request_key(
        "nba", Request("/", {"b": "2", "a": "1"})
    )


@given(st.text(st.characters()))
def test_clean_text_can_be_kept(text):
    cleaned = clean(text)
    assert "\0" not in cleaned
    cleaned.encode()
    assert len(cleaned) == len(text)


def test_clean_text_is_left_alone():
    assert clean("Montréal 🏀\n") == "Montréal 🏀\n"
    assert clean("a\0b\ud800c") == "a\ufffdb\ufffdc"
