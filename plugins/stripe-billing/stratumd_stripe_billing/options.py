"""Options of `stripe-billing`."""

from __future__ import annotations

from datetime import timedelta
from decimal import Decimal
from ipaddress import ip_address
from typing import Literal
from urllib.parse import urlsplit

from pydantic import ConfigDict, Field, field_validator, model_validator

from stratumd.plugin import PluginConfig, Secret

STRIPE = "https://api.stripe.com"


class Offer(PluginConfig):
    """What a plan costs."""

    cents: int = Field(ge=0, le=99_999_999)
    """The price of a period, in the smallest unit of the currency."""
    every: Literal["month", "year"] = "month"
    """How long a period is. Overage is billed each month, whatever it is."""
    overage_cents: Decimal | None = Field(default=None, gt=0, max_digits=15, decimal_places=6)
    """What `overage_per` requests cost beyond those that the plan includes; nothing is metered without."""
    overage_per: Literal[1, 1_000] = 1_000
    """How many requests `overage_cents` is the price of."""

    @property
    def unit(self) -> Decimal | None:
        """The price of one request beyond those included, in the smallest unit of the currency."""
        return None if self.overage_cents is None else self.overage_cents / self.overage_per


class Options(PluginConfig):
    """Options of `stripe-billing`."""

    model_config = ConfigDict(hide_input_in_errors=True)

    secret_key: Secret
    """The secret key, or a restricted one that may write customers, products, prices, features, checkout sessions,
    portal sessions, subscriptions and meter events, and read invoices and events."""
    webhook_secrets: tuple[Secret, ...] = Field(min_length=1, max_length=8)
    """What signs Stripe's webhooks, `whsec_…`: several while one is replaced."""
    offers: dict[str, Offer] = Field(min_length=1, max_length=20)
    """What is sold, by the name of the plan: the accounts' plans say what each allows."""
    currency: str = Field(default="usd", pattern=r"^[a-z]{3}$")
    """The currency of all prices, as ISO 4217 writes it, in small letters."""
    tax: bool = False
    """Let Stripe Tax work out taxes. It has to be set up in the Dashboard before."""
    grace: timedelta = timedelta(days=7)
    """How long access goes on after a payment failed or a renewal is awaited. A cancelled plan has none."""
    success_url: str
    """Where a customer comes back to after buying: `https://`."""
    cancel_url: str
    """Where a customer comes back to who did not buy, or leaves the billing portal: `https://`."""
    meter: str = Field(default="stratumd_requests", pattern=r"^[a-z0-9_]{1,60}$")
    """The event name of the meter in Stripe. Two installations that share a Stripe account need two names."""
    base_url: str = STRIPE
    """Where Stripe's API is. Another one is for tests: `https://`, or a loopback address."""

    @field_validator("grace")
    @classmethod
    def _check_grace(cls, grace: timedelta) -> timedelta:
        if not timedelta() <= grace <= timedelta(days=60):
            raise ValueError("expected a grace of at most 60d")
        return grace

    @field_validator("success_url", "cancel_url")
    @classmethod
    def _check_return(cls, url: str) -> str:
        if urlsplit(url).scheme not in ("https", "http") or not urlsplit(url).hostname:
            raise ValueError("expected a URL such as https://example.com/billing")
        return url

    @field_validator("base_url")
    @classmethod
    def _check_base(cls, url: str) -> str:
        """Refuse to send the key over the network in the clear."""
        found = urlsplit(url)
        if found.scheme == "https" or (found.scheme == "http" and _is_loopback(found.hostname)):
            return url.rstrip("/")
        raise ValueError("expected https://, or http:// and a loopback address")

    @field_validator("secret_key", "webhook_secrets")
    @classmethod
    def _check_secrets(cls, found: Secret | tuple[Secret, ...]) -> Secret | tuple[Secret, ...]:
        for secret in (found,) if isinstance(found, Secret) else found:
            if not secret.reveal().strip() or not secret.reveal().isascii():
                raise ValueError("expected a secret as Stripe shows it")
        return found

    @model_validator(mode="after")
    def _check_units(self) -> Options:
        """Unit prices have at most twelve decimal places, or Stripe refuses them."""
        for name, offer in self.offers.items():
            if offer.unit is not None and -int(offer.unit.normalize().as_tuple().exponent) > 12:
                raise ValueError(f"the overage of {name!r} has more than twelve decimal places for a request")
        return self


def _is_loopback(host: str | None) -> bool:
    try:
        return host == "localhost" or ip_address(host or "").is_loopback
    except ValueError:
        return False
