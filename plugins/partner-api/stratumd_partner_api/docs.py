"""The page that shows the API. It fetches the OpenAPI document of this daemon, and nothing from anywhere else."""

from __future__ import annotations

import base64
from collections.abc import Iterator
from hashlib import sha256
from importlib.resources import files

from stratumd.plugin.routes import Answer, Call, Endpoint
from stratumd_partner_api.serving import matches


class Docs:
    """The endpoint of the page."""

    def __init__(self) -> None:
        folder = files("stratumd_partner_api") / "page"
        css, js = [(folder / name).read_text("utf-8") for name in ("docs.css", "docs.js")]
        page = (folder / "docs.html").read_text("utf-8").replace("{css}", css).replace("{js}", js)
        self._page = page.encode()
        self._tag = f'"{sha256(self._page).hexdigest()[:24]}"'
        self._headers = {
            "content-security-policy": "; ".join(
                [
                    "default-src 'none'",
                    f"style-src '{_hash(css)}'",
                    f"script-src '{_hash(js)}'",
                    "connect-src 'self'",
                    "base-uri 'none'",
                    "form-action 'none'",
                    "frame-ancestors 'none'",
                ]
            ),
            "cache-control": "public, max-age=300",
            "etag": self._tag,
        }

    def endpoints(self) -> Iterator[Endpoint]:
        """Yield it."""
        yield Endpoint(
            method="GET",
            path="/api/v1/docs",
            call=self.show,
            name="show_documentation",
            summary="A page that shows all of this",
            tag="Documentation",
            answers={200: str, 304: None},
            media_type="text/html",
        )

    async def show(self, call: Call) -> Answer:
        """The page."""
        wanted = call.headers.get("if-none-match")
        if wanted is not None and matches(wanted, self._tag):
            return Answer(status=304, headers=self._headers)
        return Answer(body=self._page, headers=self._headers, media_type="text/html; charset=utf-8")


def _hash(text: str) -> str:
    return f"sha256-{base64.b64encode(sha256(text.encode()).digest()).decode()}"
