"""What a file may say, and that no secret is in an error."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import pytest
from pydantic import ValidationError

from stratumd_stripe_billing.options import Options

GOOD: dict[str, Any] = {
    "secret_key": "sk_test_canary",
    "webhook_secrets": ["whsec_canary"],
    "offers": {"pro": {"cents": 1_900}, "api": {"cents": 9_900, "every": "year", "overage_cents": "0.5"}},
    "success_url": "https://example.org/thanks",
    "cancel_url": "https://example.org/",
}


def test_what_is_usual() -> None:
    options = Options.model_validate(GOOD)
    assert options.offers["api"].unit == Decimal("0.0005")
    assert options.offers["pro"].unit is None
    assert options.base_url == "https://api.stripe.com"
    assert "canary" not in repr(options)


@pytest.mark.parametrize("wrong", [
    {"secret_key": ""},
    {"secret_key": "sk_tést"},
    {"webhook_secrets": []},
    {"webhook_secrets": [""]},
    {"offers": {}},
    {"offers": {"pro": {"cents": -1}}},
    {"offers": {"pro": {"cents": 1, "every": "week"}}},
    {"offers": {"pro": {"cents": 1, "overage_cents": "0"}}},
    {"offers": {"pro": {"cents": 1, "overage_cents": "0.00000001"}}},
    {"currency": "USD"},
    {"grace": "90d"},
    {"grace": "-1d"},
    {"success_url": "ftp://example.org"},
    {"cancel_url": "example.org"},
    {"base_url": "http://example.org"},
    {"base_url": "http://127.0.0.1.example.org"},
    {"meter": "a b"},
    {"price": 5},
])  # fmt: skip
def test_what_is_refused(wrong: dict[str, Any]) -> None:
    with pytest.raises(ValidationError) as refused:
        Options.model_validate(GOOD | wrong)
    assert "canary" not in str(refused.value)
