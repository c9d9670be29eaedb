"""The objects of one Stripe account, and the events that tell of their changes."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from copy import deepcopy
from typing import Any

from stratumd.plugin import SECOND, Clock
from stratumd.testing.stripe_wire import Obj, missing

VERSION = "2026-10-28.endive"
"""The version of the API that is spoken here."""


class Shelf:
    """What there is. Times of the API are whole seconds UTC."""

    def __init__(self, clock: Clock) -> None:
        self.clock = clock
        self.events: list[Obj] = []
        """Oldest first."""
        self.told: list[Callable[[Obj], None]] = []
        """Who is called with every new event."""
        self._objects: dict[str, dict[str, Obj]] = {}
        self._numbers: dict[str, int] = {}
        self._moment: int | None = None

    def now(self) -> int:
        """Return the present second; that of what is due, while something is done that was due before."""
        return self.clock.now() // SECOND if self._moment is None else self._moment

    @contextmanager
    def at(self, moment: int) -> Iterator[None]:
        """Do something as if it were then."""
        self._moment = moment
        try:
            yield
        finally:
            self._moment = None

    def id(self, prefix: str) -> str:
        """Return a new id. The same story gives the same ids."""
        number = self._numbers[prefix] = self._numbers.get(prefix, 0) + 1
        return f"{prefix}_1Fake{number:012d}"

    def add(self, kind: str, prefix: str, /, **members: Any) -> Obj:
        """Put a new object of the kind on the shelf."""
        made = {"id": self.id(prefix), "object": kind, "created": self.now(), "livemode": False, **members}
        self._objects.setdefault(kind, {})[made["id"]] = made
        return made

    def of(self, kind: str, **equal: Any) -> list[Obj]:
        """Return the objects of a kind whose members have these values, newest first."""
        found = reversed(self._objects.get(kind, {}).values())
        return [each for each in found if all(each[name] == value for name, value in equal.items())]

    def get(self, kind: str, id: str, *, param: str = "id") -> Obj:
        """Return an object. `Problem` where there is none: 404 if the path names it, 400 if a parameter does."""
        try:
            return self._objects[kind][id]
        except KeyError:
            status = 404 if param == "id" else 400
            raise missing(kind.rpartition(".")[2], id, param=param, status=status) from None

    def drop(self, kind: str, id: str) -> None:
        """Take an object away."""
        del self._objects[kind][id]

    def tell(self, type: str, subject: Obj, previous: Obj | None = None) -> None:
        """Log an event with the object as it is now."""
        content: Obj = {"object": deepcopy(subject)}
        if previous is not None:
            content["previous_attributes"] = deepcopy(previous)
        event = {
            "id": self.id("evt"),
            "object": "event",
            "api_version": VERSION,
            "created": self.now(),
            "data": content,
            "livemode": False,
            "pending_webhooks": 0,
            "request": {"id": None, "idempotency_key": None},
            "type": type,
        }
        self.events.append(event)
        for each in self.told:
            each(event)

    def change(self, subject: Obj, type: str, **members: Any) -> None:
        """Change members of an object and tell of it, if it is any change."""
        previous = {name: subject.get(name) for name, value in members.items() if subject.get(name) != value}
        subject.update(members)
        if previous:
            self.tell(type, subject, previous)
