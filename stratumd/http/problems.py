"""Every error as problem details (RFC 9457)."""

from __future__ import annotations

import random
import re
from collections.abc import Mapping
from http import HTTPStatus
from typing import Any

import msgspec
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response

from stratumd.http.headers import REQUEST_ID
from stratumd.plugin.routes import Refused

MEDIA_TYPE = "application/problem+json"
OPENAPI = "/api/v1/openapi.json"
"""Where the document is that describes all paths."""
_REQUEST_ID = re.compile(r"[A-Za-z0-9._-]{1,64}")


def request_id(given: str) -> str:
    """Return the id of a request: that which the caller gave it where it can be one, else a new one."""
    return given if _REQUEST_ID.fullmatch(given) else f"{random.getrandbits(64):016x}"


def problem(
    status: int, detail: str | None = None, headers: Mapping[str, str] | None = None, **members: Any
) -> Response:
    """Return a problem of the type `about:blank`, whose title is the status' own."""
    body = {"type": "about:blank", "title": HTTPStatus(status).phrase, "status": status}
    if detail:
        body["detail"] = detail
    return Response(msgspec.json.encode(body | members), status, dict(headers or {}), MEDIA_TYPE)


def refusal(refused: Refused, path: str, request_id: str) -> Response:
    """Return the problem that a plugin's routes raised."""
    members = {"instance": path, "request_id": request_id} | refused.members
    return problem(refused.status, refused.detail, refused.headers, **members)


def of_exception(request: Request, error: Exception) -> Response:
    """Answer an `HTTPException` of the application or of the router."""
    assert isinstance(error, HTTPException), "registered for this exception alone"
    detail = error.detail if error.detail != HTTPStatus(error.status_code).phrase else _next(request, error)
    id = request_id(request.headers.get(REQUEST_ID, ""))
    headers = {**(error.headers or {}), REQUEST_ID: id}
    return problem(error.status_code, detail, headers, instance=request.url.path, request_id=id)


def of_failure(request: Request, error: Exception) -> Response:
    """Answer anything else; what went wrong stands in the log, not in the answer."""
    return problem(500, instance=request.url.path)


def _next(request: Request, error: HTTPException) -> str | None:
    """Say what to do about a path that is not there, and a method that it does not answer."""
    if error.status_code == HTTPStatus.METHOD_NOT_ALLOWED:
        return f"this path answers {(error.headers or {}).get('Allow', 'other methods')}"
    if error.status_code != HTTPStatus.NOT_FOUND or not request.url.path.startswith("/api/"):
        return None
    slash = ", and paths end without a slash" if request.url.path.endswith("/") else ""
    return f"there is nothing at this path: {OPENAPI} lists those that there are{slash}"
