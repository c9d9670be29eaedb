"""Everything that is derived, derived again: the stored answers through the very same step."""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial

from stratumd.engine import Step
from stratumd.proof.past import Past
from stratumd.proof.rebuilt import as_noted
from stratumd.store import Rewritten, Store


def rebuild(past: Past, store: Store, *, check: bool = False) -> list[Rewritten]:
    """Write anew all that follows from what the pipeline of `past` took, in the order in which it took it.

    Each part is stepped under the options that are noted of it, by the code of now. What the pipeline could not pass
    stays as it is. With `check` nothing is written: what is returned says what would be.
    """
    positions = {each.observation: each.position for each in past.taken if each.position is not None}
    build = partial(as_noted, past) if past.eras else None

    def steps() -> Iterator[tuple[int, Step]]:
        for step in past.steps(past.as_taken(), build):
            yield positions[step.observation.id], step

    return store.rewrite(past.spec.name, steps, past.poisoned, check=check)
