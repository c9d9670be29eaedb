"""The present offers of one lane of one event, in columns: what the newest answer brought, place by place."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from itertools import compress
from operator import is_not

from stratumd.plugin import BookLine, Market, Offer
from stratumd.plugin.lines import Confirmation
from stratumd.plugin.times import NEVER, Micros


class Lane(Confirmation):
    """What the newest answer in a lane offered of an event, and what still stands of those before.

    An answer is held against the one before in one pass over `offers`: it is all quotes of all polls, and their spans
    lie far apart in memory.
    """

    __slots__ = ("books", "lines", "loose", "markets", "offers", "quotes", "updated_since")

    def __init__(self) -> None:
        super().__init__(NEVER)
        self.offers: list[Offer | None] = []
        """The newest answer's, in its order; None where another lane has taken it over, or a later place counts."""
        self.lines: list[BookLine] = []
        self.books: list[str] = []
        """Each line's; side by side here, for a look at all of them."""
        self.markets: list[Market] = []
        """Each line's, likewise."""
        self.loose: dict[BookLine, None] = {}
        """What the newest answer was silent of, without saying that it is gone."""
        self.quotes = 0
        """How many quotes the newest answer had."""
        self.updated_since: Micros = NEVER
        """No offer's `last_update` (or, where its book gives none, observation) is earlier."""

    def __bool__(self) -> bool:
        """Say whether anything is on offer."""
        return bool(self.loose) or any([offer is not None for offer in self.offers])

    def present(self) -> list[BookLine]:
        """Return the lines that offer something in this lane."""
        listed = [line for offer, line in zip(self.offers, self.lines, strict=True) if offer is not None]
        return [*listed, *self.loose]

    def changed(self, offers: Sequence[Offer]) -> list[int] | None:
        """Return the places of other offers than before; None where they are not of the same books and markets."""
        if len(offers) != len(self.offers):
            return None
        places = [*compress(range(len(offers)), map(is_not, offers, self.offers))]
        for place in places:
            offer, line = offers[place], self.lines[place]
            same = line.book == offer.book and line.market.key == (offer.market, offer.player)
            if not same or self.offers[place] is None:
                return None
        return places

    def arrange(self, offers: Sequence[Offer], lines: list[BookLine]) -> None:
        """Let these be what the newest answer offers. Where a line comes twice, its last offer counts."""
        self.quotes = sum([len(offer.quotes) for offer in offers])
        self.offers, self.lines = [*offers], lines
        self.books, self.markets = [line.book for line in lines], [line.market for line in lines]
        counting = {line: place for place, line in enumerate(lines)}
        for place, line in enumerate(lines):
            if counting[line] != place:
                self.offers[place] = None
            elif line.now is not None:
                line.now.share(self, place)

    def scatter(self, lines: Iterable[BookLine]) -> None:
        """Let these stand, each as it was last confirmed: of the newest answer only a part could be taken."""
        self.loose = dict.fromkeys(lines)
        for line in self.loose:
            if line.now is not None:
                line.now.settle()
        self.arrange((), [])
        self.updated = ()

    def drop(self, line: BookLine) -> None:
        """Give a line up to another lane, with what it offers."""
        if line in self.loose:
            del self.loose[line]
        elif line.now is not None and (place := line.now.place_in(self)) is not None:
            self.offers[place] = None
