"""Contributors as JSON. From one point of a market to the next most are the very same objects: their texts are kept."""

from __future__ import annotations

from collections.abc import Hashable, Sequence
from itertools import compress, count
from operator import is_not

import msgspec

from stratumd.plugin import Contributor

_JSON = msgspec.json.Encoder().encode
_MOST = 120_000
"""Contributors whose texts are kept, about 15 MB: of 3,000 markets with 40 operators each. Those of past events would
stay for ever."""


class Texts:
    """The newest contributors of each market, and the text of each of them."""

    def __init__(self) -> None:
        self._newest: dict[Hashable, tuple[Sequence[Contributor], list[bytes]]] = {}
        self._size = 0

    def text(self, market: Hashable, contributors: Sequence[Contributor]) -> str:
        """Return the JSON of a market's contributors."""
        before, known = self._newest.get(market, ((), []))
        texts = _texts(contributors, before, known)
        self._size += len(contributors) - len(before)
        if self._size > _MOST:
            self._newest.clear()
            self._size = len(contributors)
        self._newest[market] = (contributors, texts)
        return f"[{b','.join(texts).decode()}]"


def _texts(contributors: Sequence[Contributor], before: Sequence[Contributor], known: list[bytes]) -> list[bytes]:
    """Return the text of each contributor. `known` are those of `before`, which live still: nobody else has their ids.

    It is `known` itself, changed, where each is in its old place, as nearly always.
    """
    if len(contributors) == len(before):
        for place in compress(count(), map(is_not, contributors, before)):
            known[place] = _JSON(contributors[place])
        return known
    by_id = dict(zip(map(id, before), known, strict=True))
    return [by_id.get(id(each)) or _JSON(each) for each in contributors]
