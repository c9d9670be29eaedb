"""Serve a recording as if it were the provider: one answer a poll, byte for byte."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any, Literal

import msgspec

from stratumd.plugin import Micros, Observation

AtEnd = Literal["repeat", "loop", "stop"]


class RecordedContent:
    """The answers of a recording, by path, in their order.

    `at_end` says what follows the last answer of a path: the same again, the first, or status 503.
    """

    def __init__(self, observations: Iterable[Observation], *, at_end: AtEnd = "repeat") -> None:
        self._answers: dict[str, list[Observation]] = {}
        for observation in observations:
            self._answers.setdefault(observation.request.path, []).append(observation)
        self._served: dict[str, int] = {}
        self._at_end = at_end
        self.served_at: Micros | None = None
        """When the newest served answer was received in the recording."""

    @property
    def exhausted(self) -> bool:
        """True once every answer was served."""
        return all(self._served.get(path, 0) >= len(answers) for path, answers in self._answers.items())

    def has(self, path: str) -> bool:
        """Say whether the recording has answers for `path`."""
        return path in self._answers

    def next(self, path: str) -> Observation | None:
        """Return the next answer for `path`; None where there is none any more."""
        answers = self._answers[path]
        position = self._served.get(path, 0)
        self._served[path] = position + 1
        if position >= len(answers):
            if self._at_end == "stop":
                return None
            position = position % len(answers) if self._at_end == "loop" else len(answers) - 1
        self.served_at = answers[position].received_at
        return answers[position]

    def sports(self) -> list[dict[str, Any]]:
        """Return the sports of the recorded paths."""
        keys = {path.split("/sports/")[1].split("/")[0] for path in self._answers if "/sports/" in path}
        return [_sport(key) for key in sorted(keys)]

    def events(self, sport: str) -> list[dict[str, Any]]:
        """Return the events of the sport's odds that are served next."""
        found = {}
        for path, answers in self._answers.items():
            if path.startswith(f"/v4/sports/{sport}/") and path.endswith("/odds"):
                position = min(self._served.get(path, 0), len(answers) - 1)
                for event in _events(answers[position]):
                    found[event["id"]] = {key: event[key] for key in event if key != "bookmakers"}
        return list(found.values())


def is_as_asked(recorded: Observation, params: Mapping[str, str]) -> bool:
    """Say whether the recorded answer is one to the very same question, whatever the key."""
    asked = {key: value for key, value in params.items() if key.lower() not in ("apikey", "api_key")}
    return asked == recorded.request.params


def _events(observation: Observation) -> list[dict[str, Any]]:
    if observation.status != 200:
        return []
    body = msgspec.json.decode(observation.body)
    return body if isinstance(body, list) else [body]


def _sport(key: str) -> dict[str, Any]:
    return {
        "key": key,
        "group": key.partition("_")[0].title(),
        "title": key,
        "description": key,
        "active": True,
        "has_outrights": False,
    }
