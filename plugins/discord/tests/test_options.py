"""Only Discord's own webhooks, and only the signals that are wanted."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from pydantic import ValidationError

from stratumd.plugin import Secret, Signal
from stratumd_discord.options import HOSTS, Options

MakeSignal = Callable[..., Signal]
CANARY = "canary-T0ken"
WEBHOOK = f"https://discord.com/api/webhooks/1199/{CANARY}"


def wants(signal: Signal, **options: Any) -> bool:
    return Options(webhook=Secret(WEBHOOK), **options).wants(signal)


@pytest.mark.parametrize("host", HOSTS)
def test_accepts_discords_hosts(host: str) -> None:
    Options(webhook=Secret(f"https://{host}/api/webhooks/1199/{CANARY}\n"))


@pytest.mark.parametrize(
    "url",
    [
        f"http://discord.com/api/webhooks/1/{CANARY}",
        f"https://discord.com:8443/api/webhooks/1/{CANARY}",
        f"https://discordapp.com/api/webhooks/1/{CANARY}",
        f"https://discord.com.evil.example/api/webhooks/1/{CANARY}",
        f"https://discord.com@evil.example/api/webhooks/1/{CANARY}",
        f"https://{CANARY}@discord.com/api/webhooks/1/{CANARY}",
        f"https://evil.example/discord.com/api/webhooks/1/{CANARY}",
        f"https://127.0.0.1/api/webhooks/1/{CANARY}",
        f"https://discord.com/api/webhooks/{CANARY}",
        f"https://discord.com/api/webhooks/1/../../{CANARY}",
        f"https://discord.com/api/webhooks/1/{CANARY}/slack",
        f"https://discord.com/api/webhooks/1/{CANARY}?wait=false",
        f"https://discord.com/api/webhooks/1/{CANARY}#there",
        f"https://[discord.com/api/webhooks/1/{CANARY}",
        f"https://discord.com:port/api/webhooks/1/{CANARY}",
        f"//discord.com/api/webhooks/1/{CANARY}",
        CANARY,
        "",
    ],
)
def test_refuses_everything_else_without_showing_it(url: str) -> None:
    """Also where the URL came as a plain text."""
    for written in (Secret(url), url):
        with pytest.raises(ValidationError, match="webhook") as failure:
            Options.model_validate({"webhook": written})
        assert CANARY not in str(failure.value)
        assert CANARY not in failure.value.errors()[0]["msg"]


@pytest.mark.parametrize("host", ["127.0.0.1:8123", "localhost:8123", "[::1]:8123"])
def test_this_machine_is_accepted_only_on_demand(host: str) -> None:
    webhook = Secret(f"http://{host}/api/webhooks/1199/{CANARY}")
    Options(webhook=webhook, allow_loopback=True)
    with pytest.raises(ValidationError, match="must be at https://"):
        Options(webhook=webhook)


@pytest.mark.parametrize("host", ["10.0.0.1", "evil.example", "169.254.169.254", "127.0.0.1.nip.io", "0.0.0.0"])
def test_no_other_machine_is_accepted_on_demand(host: str) -> None:
    with pytest.raises(ValidationError, match="must be at https://"):
        Options(webhook=Secret(f"http://{host}/api/webhooks/1199/{CANARY}"), allow_loopback=True)


def test_the_options_do_not_show_the_webhook() -> None:
    options = Options(webhook=Secret(WEBHOOK))
    assert CANARY not in f"{options!r} {options.model_dump_json()}"


@pytest.mark.parametrize(
    ("options", "signal", "wanted"),
    [
        ({}, {"strength": 1}, True),
        ({"alert_spreads": False}, {"market": "spreads"}, False),
        ({"alert_spreads": False}, {"market": "spreads_h1"}, False),
        ({"alert_spreads": False}, {"market": "totals"}, True),
        ({"alert_totals": False}, {"market": "totals"}, False),
        ({"alert_totals": False}, {"market": "player_points"}, False),
        ({"alert_totals": False}, {"market": "h2h"}, True),
        ({"alert_multibook": False}, {"type": "MULTIBOOK_SYNC"}, False),
        ({"alert_dislocation": False}, {"type": "DISLOCATION"}, False),
        ({"alert_dislocation": False}, {"type": "MOVE"}, True),
        ({"alert_spreads": False}, {"type": "DISLOCATION", "market": "spreads"}, False),
        ({}, {"type": "STEAM"}, True),
        ({}, {"type": "STRANGE"}, True),
        ({"watchlist": ["boston celtics"]}, {}, True),
        ({"watchlist": ["Miami Heat", "Denver Nuggets"]}, {}, True),
        ({"watchlist": ["dd23179c"]}, {}, True),
        ({"watchlist": ["Celtics"]}, {}, False),
    ],
)
def test_every_preference_must_agree(
    make_signal: MakeSignal, options: dict[str, Any], signal: dict[str, Any], wanted: bool
) -> None:
    assert wants(make_signal(**signal), **options) is wanted


@pytest.mark.parametrize("option", ["types", "markets", "min_strength", "alert_steam"])
def test_what_when_decides_is_no_option_here(option: str) -> None:
    with pytest.raises(ValidationError, match="Extra inputs are not permitted"):
        Options.model_validate({"webhook": Secret(WEBHOOK), option: 1})
