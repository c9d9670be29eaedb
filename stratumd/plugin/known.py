"""Whether what somebody names is there: words that are nearly right, and types of signals."""

from __future__ import annotations

from collections.abc import Collection, Iterable
from difflib import get_close_matches

from stratumd.plugin.history import Archive
from stratumd.plugin.routes import Refused


def suggest(word: str, options: Iterable[str], *, listed: str | None = None) -> str | None:
    """Return `did you mean 'x'?` for the option that is nearest to `word`.

    Where none is near, name all of them after `listed`, if there are few enough to read.
    """
    known = {option.lower(): option for option in options}
    near = get_close_matches(word.lower(), known, n=1, cutoff=0.65)
    if near:
        return f"did you mean {known[near[0]]!r}?"
    if listed and known and len(known) <= 14:
        return f"{listed}: {', '.join(known.values())}"
    return None


async def known_types(archive: Archive, asked: Collection[str], place: str = "types") -> frozenset[str]:
    """Return types of signals as signals write them: `steam` is `STEAM`, and does not quietly match nothing.

    `Refused` (422) names one that no detector of a configured pipeline gives and no stored signal has, and its `place`
    in the request. Where a detector does not say what it gives, any may come.
    """
    declared = archive.signal_types if asked else None
    if declared is None:
        return frozenset([each.upper() for each in asked])
    known = {each.upper(): each for each in declared}
    if any(each.upper() not in known for each in asked):
        known |= {each.upper(): each for each in await archive.read(lambda history: history.types())}
    for each in asked:
        if each.upper() not in known:
            hint = suggest(each, known.values(), listed="there are")
            raise Refused(422, f"{place}: there are no signals of type {each!r}" + (f": {hint}" if hint else ""))
    return frozenset([known[each.upper()] for each in asked])
