"""The virtual clock moves only when it is told to, and forward only."""

from datetime import timedelta

import pytest

from stratumd.testing.clock import VirtualClock


def test_it_stands_still() -> None:
    clock = VirtualClock(5)
    assert (clock.now(), clock.now()) == (5, 5)


def test_it_goes_on_by_microseconds_or_a_length_of_time() -> None:
    clock = VirtualClock(5)
    assert clock.advance(2) == 7
    assert clock.advance(timedelta(milliseconds=1)) == clock.now() == 1_007


@pytest.mark.parametrize("back", [-1, timedelta(seconds=-1)])
def test_it_does_not_go_back(back: int | timedelta) -> None:
    with pytest.raises(ValueError, match="does not go back"):
        VirtualClock(5).advance(back)
