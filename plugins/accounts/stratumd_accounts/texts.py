"""What people type: read once, the same everywhere."""

from __future__ import annotations

import re
import unicodedata
from typing import Annotated

import msgspec

from stratumd.plugin.routes import Refused

Email = Annotated[str, msgspec.Meta(min_length=3, max_length=254, description="A mail address.")]
Password = Annotated[str, msgspec.Meta(min_length=1, max_length=256)]
Code = Annotated[str, msgspec.Meta(max_length=32, description="Six digits of the second factor.")]
Token = Annotated[str, msgspec.Meta(min_length=1, max_length=128)]
Name = Annotated[str, msgspec.Meta(min_length=1, max_length=80)]
RecoveryCode = Annotated[str, msgspec.Meta(max_length=32, description="One of the recovery codes, in place of `code`.")]
Time = Annotated[str, msgspec.Meta(extra_json_schema={"format": "date-time"})]
"""A time of an answer, ISO 8601 in UTC: its format stands in the document, so that generated clients read it as one."""

_ADDRESS = re.compile(r"[^\s@\"(),:;<>\[\]\\]+@[^\s@\"(),:;<>\[\]\\.]+(\.[^\s@\"(),:;<>\[\]\\.]+)+")
_JOINER = "\u200d"  # inside of many emoji


def address(text: str) -> str:
    """Return a mail address as it is kept: NFC, in small letters. `Refused` (422) where it is none."""
    found = folded(text)
    if not _ADDRESS.fullmatch(found) or not found.isprintable() or len(found) > 254:
        raise Refused(422, "This is no mail address: expected one such as name@example.com.")
    return found


def folded(text: str) -> str:
    """Return a mail address in the one way in which it is written here, whether it is one or not."""
    return unicodedata.normalize("NFC", unicodedata.normalize("NFC", text.strip()).lower())


def name(text: str) -> str:
    """Return a name as it is kept: NFC, without anything that cannot be seen. `Refused` (422) where nothing is left."""
    found = unicodedata.normalize("NFC", text.strip())
    if not found or not found.replace(_JOINER, "").isprintable():
        raise Refused(422, "The name holds characters that cannot be shown: use letters, digits and signs.")
    return found
