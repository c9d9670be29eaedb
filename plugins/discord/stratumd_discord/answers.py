"""What Discord's answers mean for a delivery."""

from __future__ import annotations

import json
from collections.abc import Mapping
from math import isfinite
from typing import Any, NamedTuple

from stratumd.errors import DeliveryError


class Answer(NamedTuple):
    """A status, headers with lower-case names, and as much of the body as was read."""

    status: int
    headers: Mapping[str, str]
    body: bytes


class Refused(DeliveryError):
    """Discord refused the message's form."""

    def __init__(self, message: str) -> None:
        super().__init__(message, permanent=True)


def message_id(answer: Answer) -> str | None:
    """Return the id of the message that was posted, None where the answer does not say it.

    Raises `Refused` for 400, else `DeliveryError`: with `retry_after` for 429, `disable` for 401, 403 and 404,
    `permanent` for other errors of ours. A redirect and Discord's own errors pass.
    """
    status = answer.status
    if 200 <= status < 300:
        return text_of(answer, "id")
    if status == 400:
        raise Refused(f"Discord refused the message: {_reason(answer)}")
    if status in (401, 403, 404):
        raise DeliveryError(
            f"Discord does not know this webhook any more ({status}, {_reason(answer)}): set a new one", disable=True
        )
    if status == 429:
        raise DeliveryError("Discord's rate limit is reached", retry_after=_retry_after(answer))
    raise DeliveryError(f"Discord answered {status} ({_reason(answer)})", permanent=400 < status < 500)


def text_of(answer: Answer, key: str) -> str | None:
    """Return a text of the answer's object, None where it has none."""
    found = _object(answer.body).get(key)
    return found if isinstance(found, str) else None


def pause_after(headers: Mapping[str, str]) -> float:
    """Return the seconds to wait before the next message, by the bucket's headers; 0 where it has room."""
    if _seconds(headers.get("x-ratelimit-remaining")) != 0:
        return 0.0
    return _seconds(headers.get("x-ratelimit-reset-after")) or 0.0


def is_shared(answer: Answer) -> bool:
    """Say whether a limit was reached by others who use the same resource."""
    return answer.headers.get("x-ratelimit-scope") == "shared"


def closed_for(answer: Answer) -> float:
    """Return the seconds for which Discord wants nothing from this address at all; 0 where it says no such thing."""
    is_global = _object(answer.body).get("global") is True or answer.headers.get("x-ratelimit-global") == "true"
    return (_retry_after(answer) or 0.0) if answer.status == 429 and is_global else 0.0


def _retry_after(answer: Answer) -> float | None:
    """The body's float comes first: the header is rounded up to whole seconds."""
    asked = _seconds(_object(answer.body).get("retry_after"))
    return asked if asked is not None else _seconds(answer.headers.get("retry-after"))


def _seconds(value: Any) -> float | None:
    try:
        found = float(value)
    except (TypeError, ValueError):
        return None
    return found if isfinite(found) and found >= 0 else None


def _reason(answer: Answer) -> str:
    """Return Discord's own words, briefly: its message, and where in ours the mistakes are."""
    body = _object(answer.body)
    parts = [str(body.get("message") or "no reason given"), *list(_places(body.get("errors"), ""))[:3]]
    return "; ".join(" ".join(part.split())[:120] for part in parts)


def _places(errors: Any, place: str) -> list[str]:
    """Flatten Discord's tree of mistakes to `embeds.0.title: Must be 256 or fewer in length.`"""
    if isinstance(errors, str):
        return [f"{place}: {errors}"]
    if not isinstance(errors, Mapping):
        return []
    own = errors.get("_errors")
    if isinstance(own, list):
        return [f"{place}: {each.get('message', '')}" for each in own if isinstance(each, Mapping)]
    inner = ((f"{place}.{key}" if place else str(key), each) for key, each in errors.items())
    return [line for name, each in inner for line in _places(each, name)]


def _object(body: bytes) -> dict[str, Any]:
    try:
        found = json.loads(body)
    except (ValueError, RecursionError):
        return {}
    return found if isinstance(found, dict) else {}
