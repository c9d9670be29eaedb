"""Text that both databases take."""

from __future__ import annotations


def clean(text: str) -> str:
    """Return `text` without what PostgreSQL cannot keep: NUL and lone surrogates become the replacement mark."""
    if text.isascii():
        return text.replace("\0", "\ufffd") if "\0" in text else text
    return text.encode("utf-16", "surrogatepass").decode("utf-16", "replace").replace("\0", "\ufffd")


def optional(text: str | None) -> str | None:
    """Clean a text that may be missing."""
    return None if text is None else clean(text)
