"""Options of `email`."""

from __future__ import annotations

import re
from typing import Literal, Self

from pydantic import Field, field_validator, model_validator

from stratumd.plugin import PluginConfig, Secret

PORTS = {"starttls": 587, "tls": 465, "none": 25}
"""The usual port of each kind of security (RFC 8314, RFC 6409)."""
_ADDRESS = re.compile(r"[^@\s<>,;:\"()\[\]\\]+@[^@\s<>,;:\"()\[\]\\]+")


def is_address(text: str) -> bool:
    """Say whether `text` is a mail address, and nothing besides."""
    return _ADDRESS.fullmatch(text) is not None


class Options(PluginConfig):
    """Options of `email`."""

    host: str = Field(min_length=1)
    """The mail server (SMTP)."""
    security: Literal["starttls", "tls", "none"] = "starttls"
    """`starttls` and `tls` check the server's certificate and send nothing without encryption; `none` is for a relay on
    this machine."""
    port: int | None = Field(default=None, ge=1, le=65_535)
    """587 with `starttls`, 465 with `tls`, 25 with `none`, where it is not given."""
    user: str | None = None
    """Who logs in, where the server asks for it."""
    password: Secret | None = None
    """The user's password."""
    sender: str
    """The address that mails come from."""
    to: tuple[str, ...] = Field(min_length=1)
    """The addresses that mails go to."""

    @field_validator("sender", "to")
    @classmethod
    def _check_addresses(cls, found: str | tuple[str, ...]) -> str | tuple[str, ...]:
        for address in (found,) if isinstance(found, str) else found:
            if not is_address(address):
                raise ValueError(f"{address!r} is no mail address; write it as alerts@example.com")
        return found

    @model_validator(mode="after")
    def _check_login(self) -> Self:
        if (self.user is None) != (self.password is None):
            raise ValueError("'user' and 'password' belong together: give both or neither")
        if self.password is not None and self.security == "none":
            raise ValueError("a password is not sent without encryption: set 'security' to starttls or tls")
        return self

    @property
    def server_port(self) -> int:
        """The port to connect to."""
        return self.port or PORTS[self.security]
