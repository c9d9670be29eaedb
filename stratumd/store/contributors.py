"""The contributors of consensus points as they are stored."""

from __future__ import annotations

from collections.abc import Hashable
from itertools import compress, count
from operator import is_not

import msgspec

from stratumd.plugin import Contributor
from stratumd.store.frames import compressor

_JSON = msgspec.json.Encoder().encode
_MOST_MARKETS = 4096  # about 20 MB, where forty operators contribute


class Contributors:
    """Packs them. From one point of a market to the next few say something else: the others are not encoded again."""

    def __init__(self) -> None:
        self._last: dict[Hashable, tuple[tuple[Contributor, ...], list[bytes]]] = {}
        """By market, who contributed last, and each one's JSON."""
        self._compress = compressor()

    def packed(self, market: Hashable, now: tuple[Contributor, ...]) -> bytes:
        """Return who contributes to a market `now` as JSON, compressed."""
        before, texts = self._last.get(market, ((), []))
        if len(now) == len(before):
            texts = texts.copy()
            for place in compress(count(), map(is_not, now, before)):
                texts[place] = _JSON(now[place])
        else:
            texts = [*map(_JSON, now)]
        if len(self._last) > _MOST_MARKETS:
            self._last.clear()
        self._last[market] = now, texts
        return self._compress(b"[%b]" % b",".join(texts))
