"""Refused requests in the log, where an operator finds the id that a partner quotes. A flood of them is counted."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable

from stratumd.observe.logs import logger
from stratumd.plugin import MINUTE, Micros, iso

TOLD = 10
"""Lines a minute for each status and account, whatever the endpoint; the others are in the log at the level `debug`."""

_log = logger("stratumd.http")


class Refusals:
    """Tells of refusals. Callers that did not show who they are count as one account."""

    def __init__(self, clock: Callable[[], Micros]) -> None:
        self._clock = clock
        self._minute: Micros = 0
        self._seen: Counter[tuple[int, str]] = Counter()

    def tell(self, status: int, request_id: str, method: str, endpoint: str, account: str = "") -> None:
        """Tell of one. `endpoint` is a path with its open parts left open: what callers write there is not told."""
        self._begin(self._clock() // MINUTE)
        self._seen[status, account] += 1
        tell = _log.info if self._seen[status, account] <= TOLD else _log.debug
        tell(
            "a request was refused",
            status=status,
            request=request_id,
            method=method,
            endpoint=endpoint,
            account=account or None,
        )

    def _begin(self, minute: Micros) -> None:
        if minute == self._minute:
            return
        since, seen = iso(self._minute * MINUTE), self._seen
        self._minute, self._seen = minute, Counter()
        for (status, account), number in seen.items():
            if number > TOLD:
                more = number - TOLD
                # It may be told long after: with the next refusal.
                told = {"status": status, "account": account or None, "requests": more, "minute": since}
                _log.info("more requests were refused", **told)
