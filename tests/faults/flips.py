"""Bits that turn over in a SQLite file and its log: nothing that carries a checksum is read wrongly, nothing crashes.

```
python -m tests.faults.flips --flips 1000
```

Each time a few bytes somewhere in a copy of the database are changed; then it is read as the commands read it, checked,
and opened as a daemon opens it. What can happen: an error that says what to do, or an answer. An observation must never
be another than the one that was stored.
"""

from __future__ import annotations

import argparse
import random
import shutil
import tempfile
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TypeVar

import msgspec

from stratumd.errors import StratumError
from stratumd.plugin import Observation
from stratumd.store import Reader, damage, open_reader, open_store
from tests.support import steps

T = TypeVar("T")

ENDS = ("", "-wal")
OBSERVATIONS = 60


def prepare(folder: Path) -> list[Observation]:
    """Leave a database as a kill leaves it: half of it still in its log. Returns the answers that it holds."""
    database = folder / "life.db"
    seen = [
        steps.observation(steps.START + n, body=b'[{"price": %d.5, "book": "a"}]' % n * 40) for n in range(OBSERVATIONS)
    ]
    store = open_store(f"sqlite:///{database}")
    for observation in seen[: OBSERVATIONS // 2]:
        steps.keep(store, steps.step(observation))
    store.close()
    store = open_store(f"sqlite:///{database}")
    for observation in seen[OBSERVATIONS // 2 :]:
        steps.keep(store, steps.step(observation))
    for end in ENDS:
        shutil.copy(f"{database}{end}", folder / f"whole.db{end}")
    store.close()
    return seen


def run(folder: Path, stored: Sequence[Observation], flips: int, seed: int) -> Counter[str]:
    """Damage the copy `flips` times and count what came of it. `AssertionError` where an answer is read wrongly."""
    chance, found = random.Random(seed), Counter[str]()
    for _ in range(flips):
        for end in ENDS:
            shutil.copy(folder / f"whole.db{end}", folder / f"hurt.db{end}")
        hurt = folder / f"hurt.db{chance.choice(ENDS)}"
        _damage(hurt, chance)
        found[_outcome(folder / "hurt.db", stored)] += 1
        for file in folder.glob("hurt.db*"):
            file.unlink()
    return found


def _damage(file: Path, chance: random.Random) -> None:
    content = bytearray(file.read_bytes())
    for _ in range(chance.choice((1, 8, 64))):
        content[chance.randrange(len(content))] ^= 1 << chance.randrange(8)
    if chance.random() < 0.1:
        del content[chance.randrange(len(content)) :]
    file.write_bytes(content)


def _outcome(path: Path, stored: Sequence[Observation]) -> str:
    url = f"sqlite:///{path}"
    checked, read = _asked(lambda: damage(url)), _asked(lambda: _read(url))
    taken = _asked(lambda: _go_on(url))
    if taken is not None:
        known = {each.id: each for each in stored}
        wrong = [each for each in taken if each.id in known and _hashed(each) != _hashed(known[each.id])]
        assert not [each for each in wrong if each.body != known[each.id].body], "a body was read wrongly"
        assert not wrong or checked != [], f"the check overlooked {wrong}"
    if checked is None and read is None and taken is None:
        return "refused"
    return "read in part, found by the check" if checked != [] else "read"


def _hashed(seen: Observation) -> Observation:
    """Leave out what an answer's id says nothing of."""
    return msgspec.structs.replace(seen, headers={}, origin="live")


def _asked(ask: Callable[[], T]) -> T | None:
    """Return the answer; None where it is refused, with a word why."""
    try:
        return ask()
    except StratumError:
        return None


def _read(url: str) -> bool:
    with _reading(url) as reader:
        reader.signals()
        reader.events()
        reader.stats()
        return True


def _go_on(url: str) -> list[Observation]:
    """Open it as a daemon does and go on; return what a new pipeline would be given."""
    store = open_store(url)
    try:
        found = store.pending("other", ["nba"], 1_000)
        steps.keep(store, steps.step(steps.observation(steps.START + 10**9)))
        return found
    finally:
        store.close()


@contextmanager
def _reading(url: str) -> Iterator[Reader]:
    reader = open_reader(url)
    try:
        yield reader
    finally:
        reader.close()


def main() -> None:
    """Print what came of it."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--flips", type=int, default=1_000)
    parser.add_argument("--seed", type=int, default=1)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        stored = prepare(Path(folder))
        found = run(Path(folder), stored, options.flips, options.seed)
    outcomes = ", ".join(f"{what} {count:,}" for what, count in found.most_common())
    print(f"{options.flips:,} damaged files: {outcomes}; answers read wrongly 0, failures without a word 0")


if __name__ == "__main__":
    main()
