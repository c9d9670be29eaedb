"""Every error as problem details (RFC 9457)."""

from __future__ import annotations

from collections.abc import Mapping
from http import HTTPStatus
from typing import Any

import msgspec
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response

from stratumd.plugin.routes import Refused

MEDIA_TYPE = "application/problem+json"


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
    detail = error.detail if error.detail != HTTPStatus(error.status_code).phrase else None
    return problem(error.status_code, detail, error.headers, instance=request.url.path)


def of_failure(request: Request, error: Exception) -> Response:
    """Answer anything else; what went wrong stands in the log, not in the answer."""
    return problem(500, instance=request.url.path)
