"""What `plan` says of steam at a rhythm, and whether steam that is injected is then detected. `make credits`."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import anyio

from stratumd.config import Budget, Schedule
from stratumd.observe import logs
from stratumd.plugin import HOUR, MINUTE, SECOND
from stratumd.testing.harness import Harness, detector, normalizer
from tests.simulations.feed import BEGIN, Steam, running

SPORTS = ("americanfootball_nfl", "basketball_nba", "basketball_ncaab")
START = 8 * HOUR
"""The games start so long after the beginning."""
STEAM = 2 * HOUR
"""So long after the beginning the steam begins."""
MINUTELY = Schedule.model_validate({"every": "60s"})


class Found(NamedTuple):
    """What came of a run."""

    daily: int
    window: str
    polls: int
    """Rounds over all sports in the first three hours."""
    signals: int
    """STEAM signals on the game that was steamed."""
    others: int
    """STEAM signals on any other."""


async def run(daily: int, window: str = "3m") -> Found:
    """Poll three sports every 60s under a budget, with steam injected, and detect."""
    games = [(sport, BEGIN + START) for sport in SPORTS]
    async with running(MINUTELY, Budget(daily_credits=daily), games) as feed:
        game = feed.season.add(SPORTS[0], BEGIN + START)
        # Between two instants, so that no poll is right at the steam's beginning or end.
        feed.season.steam = Steam(game, BEGIN + STEAM + 7 * SECOND, step=15 * SECOND)
        await feed.until(BEGIN + 3 * HOUR, MINUTE)
        observations = [poll.observation for poll in feed.polls if poll.observation is not None]
        harness = Harness([detector("consensus"), detector("steam", window=window)], [normalizer("odds-api")])
        fired = [signal for signal in harness.run(observations) if signal.type == "STEAM"]
        on = [signal for signal in fired if signal.event == game]
        return Found(daily, window, len(observations) // len(SPORTS), len(on), len(fired) - len(on))


CASES: Sequence[tuple[int, str]] = ((1_200, "3m"), (8_640, "3m"), (1_200, "21m36s"))
"""As configured, and each of the changes that `plan` names."""


def main() -> None:
    """Print the cases."""
    print(f"{'daily_credits':>13}{'window':>9}{'rounds in 3h':>14}{'STEAM':>7}{'false':>7}")
    for daily, window in CASES:
        found = anyio.run(run, daily, window)
        print(f"{found.daily:>13,}{found.window:>9}{found.polls:>14}{found.signals:>7}{found.others:>7}")


if __name__ == "__main__":
    logs.configure("error", "console")
    main()
