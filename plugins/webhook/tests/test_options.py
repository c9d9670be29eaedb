"""What can never be sent to is found when the configuration is checked, and shows no secret."""

from __future__ import annotations

from typing import Any

import pytest
from pydantic import ValidationError

from stratumd.client.webhooks.urls import endpoint, port_of
from stratumd.plugin import Secret
from stratumd_webhook.options import Options

SECRET = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"
CANARY = "canary-T0ken"


def options(url: str, **changes: Any) -> Options:
    return Options.model_validate({"url": url, "secret": SECRET} | changes)


@pytest.mark.parametrize(
    "url",
    [
        "https://example.com/hooks/x?key=1",
        "https://example.com:8443/",
        "https://example.com",
        "https://bücher.example/",
        "https://1.1.1.1/",
        "https://[2606:4700:4700::1111]/",
        "https://hooks-1.internal_name.example\n",
    ],
)
def test_accepts(url: str) -> None:
    assert endpoint(options(url).url).scheme == "https"


@pytest.mark.parametrize(
    "url",
    [
        f"http://example.com/{CANARY}",
        f"ftp://example.com/{CANARY}",
        f"//example.com/{CANARY}",
        f"https:///{CANARY}",
        f"https://user:{CANARY}@example.com/",
        f"https://{CANARY}@example.com/",
        f"https://example.com/#{CANARY}",
        f"https://example.com:0/{CANARY}",
        f"https://example.com:99999/{CANARY}",
        f"https://example.com:port/{CANARY}",
        f"https://exa mple.com/{CANARY}",
        f"https://[::1%25lo]/{CANARY}",
        f"https://[::1/{CANARY}",
        f"https://127.0.0.1/{CANARY}",
        f"https://[::1]/{CANARY}",
        f"https://2130706433/{CANARY}",
        f"https://0x7f.1/{CANARY}",
        f"https://0177.0.0.1/{CANARY}",
        f"https://127.0.0.1./{CANARY}",
        f"https://127.1/{CANARY}",
        f"https://127。0。0。1/{CANARY}",
        f"https://1.1.1.1:25/{CANARY}",
        CANARY,
        "",
    ],
)
def test_refuses_without_showing_it(url: str) -> None:
    for written in (url, Secret(url)):
        with pytest.raises(ValidationError, match="url") as refused:
            Options.model_validate({"url": written, "secret": SECRET})
        assert CANARY not in str(refused.value)


@pytest.mark.parametrize("url", ["http://10.1.2.3:8080/", "https://10.1.2.3/", "http://receiver.lan/"])
def test_networks_of_ones_own_may_be_allowed(url: str) -> None:
    options(url, allow=["10.0.0.0/8"])


def test_an_address_outside_of_them_stays_refused() -> None:
    with pytest.raises(ValidationError, match=r"192\.168\.0\.1 is private"):
        options("http://192.168.0.1/", allow=["10.0.0.0/8"])


def test_every_secret_is_checked() -> None:
    for changes in ({"secret": "whsec_short"}, {"previous_secrets": [SECRET, "short"]}):
        with pytest.raises(ValidationError, match="expected whsec_") as refused:
            options("https://example.com/", **changes)
        assert "short" not in str(refused.value)


def test_the_options_show_nothing() -> None:
    shown = options(f"https://example.com/{CANARY}", previous_secrets=[SECRET])
    assert CANARY not in f"{shown!r} {shown.model_dump_json()}"
    assert SECRET not in f"{shown!r} {shown.model_dump_json()}"


@pytest.mark.parametrize(
    ("url", "port"), [("https://a.example/", 443), ("https://a.example:8443/", 8443), ("http://a.example/", 80)]
)
def test_ports_go_without_saying(url: str, port: int) -> None:
    assert port_of(endpoint(Secret(url))) == port
