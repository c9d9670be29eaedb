"""The page that shows the API. It fetches the OpenAPI document of this daemon, and nothing from anywhere else."""

from __future__ import annotations

from collections.abc import Iterator

from stratumd.plugin.pages import Page
from stratumd.plugin.routes import Answer, Call, Endpoint


class Docs:
    """The endpoint of the page."""

    def __init__(self) -> None:
        self._page = Page("stratumd_partner_api", "docs")

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
        return self._page.answer(call)
