"""The headers that core itself puts on answers of plugins' endpoints, and what the documentation says of them."""

from __future__ import annotations

from collections.abc import Mapping
from http import HTTPStatus

from stratumd.http.dates import DEPRECATION, SUNSET, deprecation
from stratumd.plugin.routes import Endpoint, Header

REQUEST_ID = "x-request-id"
RETRY_AFTER = "retry-after"
CHALLENGE = "www-authenticate"
ETAG = "etag"
IF_NONE_MATCH = "if-none-match"
ASKED_BEFORE = "The `etag` of an answer that you have, or several: what is still as it was is answered by 304."
"""What `If-None-Match` is for."""

_ID = Header(
    about="The request's id, as problems and the log have it: yours, where you send one of up to 64 letters, digits, "
    "`.`, `_` and `-`.",
    always=True,
)
_TAG = Header(about="Send it back as `If-None-Match`, to be answered by 304 while nothing is new.", always=True)
_RETRY = Header(about="After how many seconds to ask again, with 429 and 503.", kind=int)
_CHALLENGE = Header(about="How to show who you are, with 401.")
_GOING = {
    DEPRECATION: Header(about="Since when this is deprecated: `@` and seconds since 1970 (RFC 9745).", always=True),
    SUNSET: Header(about="When this goes away (RFC 8594).", always=True),
}


def answers_by_tag(endpoint: Endpoint) -> bool:
    """Say whether an endpoint reads `If-None-Match`."""
    return HTTPStatus.NOT_MODIFIED in endpoint.answers


def of_answer(endpoint: Endpoint, status: int) -> Mapping[str, Header]:
    """Return the headers of an answer that is no problem."""
    found = {REQUEST_ID: _ID}
    if answers_by_tag(endpoint) and status in (HTTPStatus.OK, HTTPStatus.NOT_MODIFIED):
        found[ETAG] = _TAG
    found |= {name: _GOING[name] for name in deprecation(endpoint.deprecated, endpoint.sunset)}
    return {**found, **endpoint.headers}


def of_problem(endpoint: Endpoint) -> Mapping[str, Header]:
    """Return the headers of a problem."""
    found = {REQUEST_ID: _ID, RETRY_AFTER: _RETRY}
    if endpoint.access.schemes:
        found[CHALLENGE] = _CHALLENGE
    return found | {name: header for name, header in endpoint.headers.items() if header.problems}
