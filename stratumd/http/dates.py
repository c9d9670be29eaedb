"""Times in headers."""

from __future__ import annotations

from email.utils import formatdate

from stratumd.plugin import SECOND, Micros

DEPRECATION, SUNSET = "deprecation", "sunset"


def http_date(at: Micros) -> str:
    """Return a time as headers write it (RFC 9110), to the second."""
    return formatdate(at // SECOND, usegmt=True)


def deprecation(since: Micros | None, sunset: Micros | None) -> dict[str, str]:
    """Return the headers `Deprecation` (RFC 9745) and `Sunset` (RFC 8594)."""
    headers = {}
    if since is not None:
        headers[DEPRECATION] = f"@{since // SECOND}"
    if sunset is not None:
        headers[SUNSET] = http_date(sunset)
    return headers
