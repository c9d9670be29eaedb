"""Players' names, however they are spelt."""

from __future__ import annotations

import unicodedata
from functools import lru_cache


@lru_cache(maxsize=16384)
def folded(player: str) -> str:
    """Return a player's name without case, accents and marks: `Luka Dončić` and `luka doncic` are the same.

    `Jr.` and its like stay: father and son may both play.
    """
    letters = unicodedata.normalize("NFKD", player.casefold())
    kept = ["" if unicodedata.combining(each) or each in ".'’" else each for each in letters]
    return " ".join("".join([each if each.isalnum() else " " for each in "".join(kept)]).split())
