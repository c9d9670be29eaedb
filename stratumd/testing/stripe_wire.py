"""How Stripe's API speaks: form-encoded questions, JSON answers, errors, lists, idempotency keys.

Sources: docs.stripe.com/api (errors, idempotent_requests, pagination), and what stripe-python 16 sends.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Mapping, Sequence
from typing import Any, NamedTuple
from urllib.parse import parse_qsl

from stratumd.plugin import DAY, Micros
from stratumd.testing.provider_http import HttpReply, HttpRequest

Obj = dict[str, Any]
"""An object of the API as JSON, or what a question asks."""

KEYS_LIVE: Micros = DAY
"""How long an idempotency key is remembered: "at least 24 hours old" ones may be removed (idempotent_requests)."""
MOST, USUAL = 100, 10
"""The most objects of a page, and how many there are where nobody asked."""


class Problem(Exception):
    """An answer that is an error."""

    def __init__(self, status: int, message: str, *, kind: str = "invalid_request_error", **members: Any) -> None:
        """`kind` is the error's type; members are its `code`, `param` and so on."""
        super().__init__(message)
        self.status = status
        self.body = {"error": {"type": kind, "message": message, **members}}


def missing(kind: str, id: str, *, param: str = "id", status: int = 404) -> Problem:
    """Return the error about an object that is not there: 404 where the path names it, else 400."""
    return Problem(status, f"No such {kind}: '{id}'", code="resource_missing", param=param)


def need(asked: Obj, *names: str) -> None:
    """Refuse a question without these parameters."""
    for name in names:
        if asked.get(name) in (None, ""):
            raise Problem(400, f"Missing required param: {name}.", code="parameter_missing", param=name)


def allow(asked: Obj, names: frozenset[str]) -> None:
    """Refuse a question with any other parameter."""
    for name in asked:
        if name not in names:
            raise Problem(400, f"Received unknown parameter: {name}", code="parameter_unknown", param=name)


def decode(request: HttpRequest) -> Obj:
    """Return what is asked, `a[b][0]=c` as `{"a": {"b": ["c"]}}`."""
    pairs = list(request.params.items()) if request.method == "GET" else []
    pairs += parse_qsl(request.body.decode(), keep_blank_values=True)
    if request.method == "DELETE":
        pairs += request.params.items()
    tree: Obj = {}
    for key, value in pairs:
        _plant(tree, key.replace("]", "").split("["), value)
    return {name: _lists(branch) for name, branch in tree.items()}


def _plant(tree: Obj, path: Sequence[str], value: str) -> None:
    for name in path[:-1]:
        tree = tree.setdefault(name, {})
    tree[path[-1]] = value


def _lists(branch: Any) -> Any:
    if not isinstance(branch, dict):
        return branch
    grown = {name: _lists(each) for name, each in branch.items()}
    return [grown[name] for name in sorted(grown, key=int)] if all(map(str.isdigit, grown)) else grown


def truth(value: Any) -> bool:
    """Read a boolean as a form writes it."""
    return value in (True, "true")


def page(found: Sequence[Obj], asked: Obj, url: str) -> Obj:
    """Return a page of `found`, which has the newest first."""
    limit = int(asked.get("limit", USUAL))
    if not 1 <= limit <= MOST:
        raise Problem(400, f"This value must be between 1 and {MOST}.", code="parameter_invalid_integer", param="limit")
    after, before = asked.get("starting_after"), asked.get("ending_before")
    ids = [each["id"] for each in found]
    if before is not None:
        # Backwards: those just newer than the named one, still with the newest first.
        end = _position(ids, before, "ending_before")
        start = max(0, end - limit)
        return _list(found[start:end], start > 0, url)
    start = _position(ids, after, "starting_after") + 1 if after is not None else 0
    return _list(found[start : start + limit], len(found) > start + limit, url)


def _position(ids: Sequence[str], id: str, param: str) -> int:
    if id not in ids:
        raise missing("object", id, param=param, status=400)
    return ids.index(id)


def _list(items: Sequence[Obj], more: bool, url: str) -> Obj:
    return {"object": "list", "data": list(items), "has_more": more, "url": url}


def within(found: Sequence[Obj], asked: Obj, field: str = "created") -> list[Obj]:
    """Return those that were created when `asked` says: a second, or `gt`, `gte`, `lt`, `lte`."""
    wanted = asked.get(field)
    if wanted is None:
        return list(found)
    bounds = wanted if isinstance(wanted, dict) else {"gte": wanted, "lte": wanted}
    return [each for each in found if all(_BOUNDS[name](each[field], int(at)) for name, at in bounds.items())]


_BOUNDS: Mapping[str, Callable[[int, int], bool]] = {
    "gt": int.__gt__,
    "gte": int.__ge__,
    "lt": int.__lt__,
    "lte": int.__le__,
}


def reply(status: int, body: Obj, headers: Mapping[str, str]) -> HttpReply:
    """Return an answer."""
    content = json.dumps(body, separators=(",", ":")).encode()
    return HttpReply(status, content, {"Content-Type": "application/json", **headers})


class _Kept(NamedTuple):
    at: Micros
    print: str
    status: int
    body: Obj
    request: str


class Repeats:
    """What was answered under idempotency keys.

    "We save the resulting status code and body of the first request … regardless of whether it succeeds or fails.
    Subsequent requests with the same key return the same result, including 500 errors"; an answer that was given
    before anything was done, such as one of validation, is not kept (docs.stripe.com/api/idempotent_requests).
    """

    def __init__(self) -> None:
        self._kept: dict[str, _Kept] = {}

    def find(self, request: HttpRequest, now: Micros) -> HttpReply | None:
        """Return the answer that was given to the same question."""
        key = request.headers.get("idempotency-key")
        kept = self._kept.get(key) if key and request.method == "POST" else None
        if kept is None or now - kept.at > KEYS_LIVE:
            return None
        if kept.print != _fingerprint(request):
            raise Problem(
                400,
                "Keys for idempotent requests can only be used with the same parameters they were first used with. "
                f"Try using a key other than '{key}' if you meant to execute a different request.",
                kind="idempotency_error",
            )
        headers = {"Idempotent-Replayed": "true", "Original-Request": kept.request, "Request-Id": kept.request}
        return reply(kept.status, kept.body, {"Idempotency-Key": str(key), **headers})

    def keep(self, request: HttpRequest, now: Micros, status: int, body: Obj, id: str) -> None:
        """Keep an answer, where the question has a key and something was done."""
        key = request.headers.get("idempotency-key")
        if key and request.method == "POST" and (status < 400 or status >= 500 or status == 402):
            self._kept[key] = _Kept(now, _fingerprint(request), status, body, id)


def _fingerprint(request: HttpRequest) -> str:
    return hashlib.sha256(f"{request.path}\n".encode() + request.body).hexdigest()
