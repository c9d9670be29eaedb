"""What cannot work is refused when the configuration is checked."""

from __future__ import annotations

from typing import Any

import pytest
from pydantic import ValidationError

from stratumd_email.options import Options

PLAIN = {"host": "smtp.example.com", "sender": "alerts@example.com", "to": ["me@example.com"]}


def options(**changes: Any) -> Options:
    return Options.model_validate(PLAIN | changes)


@pytest.mark.parametrize(("security", "port"), [("starttls", 587), ("tls", 465), ("none", 25)])
def test_each_kind_of_security_has_its_port(security: str, port: int) -> None:
    assert options(security=security).server_port == port
    assert options(security=security, port=2525).server_port == 2525


def test_encryption_is_the_default() -> None:
    assert options().security == "starttls"


@pytest.mark.parametrize(
    ("changes", "told"),
    [
        ({"user": "me"}, "belong together"),
        ({"password": "secret"}, "belong together"),
        ({"user": "me", "password": "canary", "security": "none"}, "not sent without encryption"),
        ({"to": []}, "to"),
        ({"to": ["me"]}, "no mail address"),
        ({"to": ["me@example.com\nBcc: you@example.com"]}, "no mail address"),
        ({"to": ["me@example.com, you@example.com"]}, "no mail address"),
        ({"sender": "Alerts <alerts@example.com>"}, "no mail address"),
        ({"host": ""}, "host"),
        ({"port": 0}, "port"),
        ({"security": "ssl"}, "starttls"),
    ],
)
def test_refuses(changes: dict[str, Any], told: str) -> None:
    with pytest.raises(ValidationError, match=told) as refused:
        options(**changes)
    assert "canary" not in str(refused.value)


def test_the_password_is_not_shown() -> None:
    shown = options(user="me", password="canary")
    assert "canary" not in f"{shown!r} {shown.model_dump_json()}"
