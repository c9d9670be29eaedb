"""When the garbage collector looks."""

import gc
import threading
import weakref
from collections.abc import Iterator

import pytest

from stratumd.runtime.garbage import MOST, resting


class Knot:
    """An object in a cycle with itself: only the collector frees it."""

    def __init__(self) -> None:
        self.self = self


@pytest.fixture(autouse=True)
def usual() -> Iterator[tuple[int, int, int]]:
    before = gc.get_threshold()
    gc.set_threshold(100, 10, 10)
    yield gc.get_threshold()
    gc.set_threshold(*before)


def test_it_rests_inside_and_goes_on_as_before(usual: tuple[int, int, int]) -> None:
    with resting():
        assert gc.get_threshold()[0] == MOST
    assert gc.get_threshold() == usual


def test_it_goes_on_where_the_step_failed(usual: tuple[int, int, int]) -> None:
    with pytest.raises(ValueError, match="broken"), resting():
        raise ValueError("broken")
    assert gc.get_threshold() == usual


def test_it_rests_until_the_last_of_several_threads_has_left(usual: tuple[int, int, int]) -> None:
    inside, leave = threading.Event(), threading.Event()

    def step() -> None:
        with resting():
            inside.set()
            leave.wait(10)

    thread = threading.Thread(target=step)
    thread.start()
    assert inside.wait(10)
    with resting():
        pass
    assert gc.get_threshold()[0] == MOST
    leave.set()
    thread.join()
    assert gc.get_threshold() == usual


def test_what_a_step_left_in_cycles_is_freed_afterwards() -> None:
    with resting():
        knot = Knot()
        gone = weakref.ref(knot)
        del knot
        kept = [[number] for number in range(1_000)]
        assert gone() is not None
    kept += [[number] for number in range(1_000)]
    assert gone() is None
