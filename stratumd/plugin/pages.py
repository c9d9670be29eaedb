"""A page of a plugin's own: one document with its style and script, which fetches from its daemon and nowhere else."""

from __future__ import annotations

import base64
from hashlib import sha256
from importlib.resources import files

from stratumd.plugin.routes import Answer, Call


class Page:
    """A page that is put together once.

    `package` holds a folder `page` with `<name>.html`, in which `{css}` and `{js}` stand for `<name>.css` and
    `<name>.js`. Its content security policy allows these two by their hashes, and fetching from where it came.
    """

    def __init__(self, package: str, name: str) -> None:
        folder = files(package) / "page"
        html, css, js = [(folder / f"{name}.{kind}").read_text("utf-8") for kind in ("html", "css", "js")]
        self._body = html.replace("{css}", css).replace("{js}", js).encode()
        self._tag = f'"{sha256(self._body).hexdigest()[:24]}"'
        policy = (
            "default-src 'none'",
            f"style-src '{_hash(css)}'",
            f"script-src '{_hash(js)}'",
            "connect-src 'self'",
            "base-uri 'none'",
            "form-action 'none'",
            "frame-ancestors 'none'",
        )
        self._headers = {"content-security-policy": "; ".join(policy), "etag": self._tag}

    def answer(self, call: Call, cache: str = "public, max-age=300") -> Answer:
        """Return the page, or 304 where the caller has it. `cache`: its `cache-control`."""
        headers = {**self._headers, "cache-control": cache}
        wanted = call.headers.get("if-none-match")
        if wanted is not None and matches(wanted, self._tag):
            return Answer(status=304, headers=headers)
        return Answer(body=self._body, headers=headers, media_type="text/html; charset=utf-8")


def matches(wanted: str, tag: str) -> bool:
    """Say whether `If-None-Match` names a tag, or any."""
    plain = tag.removeprefix("W/")
    return wanted.strip() == "*" or any(each.strip().removeprefix("W/") == plain for each in wanted.split(","))


def _hash(text: str) -> str:
    return f"sha256-{base64.b64encode(sha256(text.encode()).digest()).decode()}"
