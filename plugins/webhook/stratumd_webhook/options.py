"""Options of `webhook`."""

from __future__ import annotations

from ipaddress import IPv4Network, IPv6Network

from pydantic import ConfigDict, Field, ValidationInfo, field_validator

from stratumd.client.webhooks import key, mistake
from stratumd.plugin import PluginConfig, Secret


class Options(PluginConfig):
    """Options of `webhook`."""

    model_config = ConfigDict(hide_input_in_errors=True)

    allow: tuple[IPv4Network | IPv6Network, ...] = ()
    """Networks of your own, such as `[10.0.0.0/8]`, that may be sent to as well: any port, also `http://`."""
    url: Secret
    """Where signals are posted to: `https://`, on port 443 or one from 1024 on. It may hold a token, so it is shown
    nowhere."""
    secret: Secret
    """What signs the requests: `whsec_` and the base64 of 24 to 64 random bytes."""
    previous_secrets: tuple[Secret, ...] = ()
    """Older secrets that sign too, until every receiver knows the new one."""
    concurrency: int = Field(default=1, ge=1, le=32)
    """The most requests under way at once. Signals of one event still come one after the other."""
    per_second: float | None = Field(default=None, gt=0, le=1_000)
    """The most requests that are begun in a second, also when a receiver is back after an outage."""
    skip_stale: bool = False
    """Leave out signals that are past their `expires_at`; they are counted as expired."""

    @field_validator("url")
    @classmethod
    def _check_url(cls, url: Secret, info: ValidationInfo) -> Secret:
        """Refuse what can never be sent to. The message never holds the URL."""
        wrong = mistake(url, info.data.get("allow", ()))
        if wrong:
            raise ValueError(wrong)
        return url

    @field_validator("secret", "previous_secrets")
    @classmethod
    def _check_secrets(cls, found: Secret | tuple[Secret, ...]) -> Secret | tuple[Secret, ...]:
        for secret in (found,) if isinstance(found, Secret) else found:
            key(secret)
        return found
