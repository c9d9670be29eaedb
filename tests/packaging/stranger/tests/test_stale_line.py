from stale_line import Config, StaleLine

from stratumd.plugin import HOUR, MINUTE
from stratumd.testing.harness import Harness, game, observation, spread

NOON = 1_750_000_000_000_000
GAME = game(starts=NOON + 6 * HOUR)


def at(minute, **lines):
    return observation(
        NOON + minute * MINUTE, {GAME: {book: [spread(line, 1.91, 1.91)] for book, line in lines.items()}}
    )


def test_the_book_that_stays_behind_is_named():
    harness = Harness([StaleLine(Config())])
    before = at(0, a=-3.5, b=-3.5, c=-3.5, d=-3.5)
    after = at(1, a=-4.5, b=-4.5, c=-4.5, d=-3.5)
    signals = harness.run([before, after])
    assert [(signal.type, signal.books) for signal in signals] == [("STALE_LINE", ("d",))]


def test_nothing_is_said_while_too_few_moved():
    harness = Harness([StaleLine(Config())])
    assert harness.run([at(0, a=-3.5, b=-3.5), at(1, a=-4.5, b=-3.5)]) == []
