"""Keeping secrets out of texts that others wrote: whatever a configuration resolved as a secret is starred there."""

from __future__ import annotations

import re
import threading
from collections.abc import Iterator, Mapping
from typing import Any
from urllib.parse import parse_qsl, quote, quote_plus, urlsplit

from pydantic import BaseModel

from stratumd import errors
from stratumd.plugin import Secret

STARS = "***"
SHORTEST = 4
"""Characters of a secret that is looked for: a shorter one hides nothing, and stands inside of other words."""
TELLING = 12
"""Characters from which on a part of a secret address, such as the token in its path, is looked for by itself."""


class Redactor:
    """The secrets that are known, and their place in a text."""

    def __init__(self) -> None:
        self._forms: set[str] = set()
        self._pattern: re.Pattern[str] | None = None
        self._turn = threading.Lock()

    def learn(self, options: Any) -> None:
        """Take in every `Secret` inside of `options`: a model, a mapping, a sequence, or the secret itself."""
        new = {form for secret in _secrets(options) for form in _forms(secret.reveal())}
        with self._turn:
            if not new <= self._forms:
                self._forms |= new
                longest_first = sorted(self._forms, key=lambda form: (-len(form), form))
                self._pattern = re.compile("|".join(map(re.escape, longest_first)))

    def redact(self, text: str) -> str:
        """Return `text` with every secret starred that was ever learnt, also one that a reload replaced."""
        return text if self._pattern is None else self._pattern.sub(STARS, text)

    def shown(self, text: str) -> str:
        """Return `text` in one line, fit to be shown and kept."""
        return errors.one_line(self.redact(text))

    def told(self, error: BaseException) -> str:
        """Return an error's text in one line, fit to be shown and kept."""
        return errors.told(error, self.redact)

    def described(self, error: BaseException) -> str:
        """Return an error's class and text in one line, fit to be shown and kept."""
        return errors.described(error, self.redact)


def _secrets(value: Any) -> Iterator[Secret]:
    if isinstance(value, Secret):
        yield value
    elif isinstance(value, BaseModel):
        for name in type(value).model_fields:
            yield from _secrets(getattr(value, name))
    elif isinstance(value, Mapping):
        for each in value.values():
            yield from _secrets(each)
    elif isinstance(value, (list, tuple, set, frozenset)):
        for each in value:
            yield from _secrets(each)


def _forms(secret: str) -> Iterator[str]:
    """Yield the ways in which a text may hold `secret`: as it is, as a part of an address, in quotes."""
    for part in (secret, *(each for each in _parts(secret) if len(each) >= TELLING)):
        if len(part) >= SHORTEST:
            yield from (part, quote(part, safe=""), quote(part), quote_plus(part), repr(part)[1:-1])


def _parts(secret: str) -> Iterator[str]:
    """Yield what is secret in an address: its path, and each step and each value in it; errors name them alone."""
    try:
        address = urlsplit(secret)
    except ValueError:
        return
    if address.scheme and address.netloc:
        yield address.path
        yield from address.path.split("/")
        yield from (value for _, value in parse_qsl(address.query))
        yield address.password or ""


_process = Redactor()
learn, redact, shown = _process.learn, _process.redact, _process.shown
told, described = _process.told, _process.described
