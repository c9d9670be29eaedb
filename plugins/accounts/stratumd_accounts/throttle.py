"""How often something may be tried: counted in the database, so that several daemons allow no more than one."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

from stratumd.plugin import SECOND, Clock, Micros, micros
from stratumd.plugin.desk import Desk, Writing
from stratumd.plugin.routes import Refused, network_of
from stratumd_accounts.options import ThrottleOptions
from stratumd_accounts.rows import Tries
from stratumd_accounts.tokens import digest


class Limit(NamedTuple):
    """What is counted, and how often it may be."""

    subject: str
    most: int


class Throttle:
    """Counts tries before they are made: those that are under way at the same time count too.

    Whom the database refused is remembered, so that a flood of tries does not keep everybody else from writing.
    """

    MOST_CLIENTS = 10_000

    def __init__(self, options: ThrottleOptions, desk: Desk, clock: Clock) -> None:
        self._options = options
        self._desk = desk
        self._clock = clock
        self._refused: dict[str, Micros] = {}

    async def count(self, what: str, *, client: str = "", address: str = "") -> None:
        """Count one try of `what`. `Refused` with 429 where there were too many in this window."""
        limits = []
        caller = _subject(what, "client", network_of(client))
        self._check(caller)
        if client:
            limits.append(Limit(caller, self._options.per_client))
        if address:
            limits.append(Limit(_subject(what, "address", address), self._options.per_address))
        window = micros(self._options.window)
        full, wait = await self._desk.write(lambda writing: _count(writing, limits, window))
        if full == caller:  # an address is not remembered: the right password makes it free again, wherever it is given
            self._remember(caller, self._clock.now() + wait)
        if wait:
            raise too_many(wait)

    def _check(self, caller: str) -> None:
        wait = self._refused.get(caller, 0) - self._clock.now()
        if wait > 0:
            raise too_many(wait)

    def _remember(self, caller: str, until: Micros) -> None:
        if len(self._refused) >= self.MOST_CLIENTS:
            self._refused.clear()
        self._refused[caller] = until

    def forget(self, writing: Writing, what: str, address: str) -> None:
        """Forget the tries of an address: the right one was found."""
        writing.drop(Tries, subject=_subject(what, "address", address))


def too_many(wait: Micros) -> Refused:
    """Return the answer to a try too many."""
    seconds = max(1, -(-wait // SECOND))
    detail = f"Too many tries: come again in {seconds} seconds."
    return Refused(429, detail, headers={"retry-after": str(seconds)})


def _count(writing: Writing, limits: Sequence[Limit], window: Micros) -> tuple[str, Micros]:
    """Count one try of each limit, or none and return which of them is reached, and how long to wait."""
    end = (writing.at // window + 1) * window
    for limit in limits:
        known = writing.get(Tries, subject=limit.subject, expires_at=end)
        if known is not None and known.tries >= limit.most:
            return limit.subject, end - writing.at
    for limit in limits:
        writing.add(Tries(subject=limit.subject, expires_at=end, tries=1), "tries")
    return "", 0


def _subject(*parts: str) -> str:
    return digest("\0".join(parts))


class Guesses:
    """Wrong keys by network address, of the present minute, in memory: counting them must cost less than they do."""

    WINDOW: Micros = 60 * SECOND
    MOST_CLIENTS = 10_000

    def __init__(self, most: int) -> None:
        self._most = most
        self._window = 0
        self._counts: dict[tuple[str, str], int] = {}

    def check(self, client: str, id: str, at: Micros) -> None:
        """Refuse with 429 who has guessed too often: at this key, or at all together."""
        self._turn(at)
        place = network_of(client)
        if self._counts.get((place, id), 0) >= self._most or self._counts.get((place, ""), 0) >= 10 * self._most:
            raise too_many(self.WINDOW - at % self.WINDOW)

    def count(self, client: str, id: str, at: Micros) -> bool:
        """Count a wrong guess. Returns whether it is the last one that is allowed."""
        self._turn(at)
        place = network_of(client)
        for subject in ((place, id), (place, "")):
            self._counts[subject] = self._counts.get(subject, 0) + 1
        return self._counts[place, id] == self._most or self._counts[place, ""] == 10 * self._most

    def _turn(self, at: Micros) -> None:
        """Begin a new window where the old one is over, or where there are too many to remember."""
        window = at // self.WINDOW
        if window != self._window or len(self._counts) > self.MOST_CLIENTS:
            self._window, self._counts = window, {}


class Changes:
    """What accounts change in the present minute by their sessions, in memory: each change takes the writer's turn."""

    WINDOW: Micros = 60 * SECOND

    def __init__(self, most: int) -> None:
        self._most = most
        self._window = 0
        self._counts: dict[str, int] = {}

    def count(self, account: str, at: Micros) -> None:
        """Count one. `Refused` with 429 where there were too many."""
        window = at // self.WINDOW
        if window != self._window:
            self._window, self._counts = window, {}
        self._counts[account] = self._counts.get(account, 0) + 1
        if self._counts[account] > self._most:
            raise too_many(self.WINDOW - at % self.WINDOW)
