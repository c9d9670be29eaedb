"""Options of `discord`: which webhook, and which signals are wanted there."""

from __future__ import annotations

import re
from ipaddress import ip_address
from urllib.parse import SplitResult, urlsplit

from pydantic import ConfigDict, ValidationInfo, field_validator

from stratumd.odds import Kind, kind
from stratumd.plugin import PluginConfig, Secret, Signal

HOSTS = ("discord.com", "ptb.discord.com", "canary.discord.com")
"""Where a webhook may be: Discord's stable, test and canary hosts."""
_PATH = re.compile(r"/api/webhooks/\d+/[A-Za-z0-9_-]+")


class Options(PluginConfig):
    """Options of `discord`. A signal is sent where all of them, and core's `when`, agree."""

    model_config = ConfigDict(hide_input_in_errors=True)

    allow_loopback: bool = False
    """Also accept a webhook on this machine (`http://127.0.0.1:…/api/webhooks/…`): a relay, or a fake for tests."""
    webhook: Secret
    """The webhook's URL, `https://discord.com/api/webhooks/…`. Whoever knows it can post: keep it out of the file."""
    alert_spreads: bool = True
    """Signals about spreads, of every type."""
    alert_totals: bool = True
    """Signals about totals, of every type."""
    alert_multibook: bool = True
    """Signals of the type MULTIBOOK_SYNC."""
    alert_dislocation: bool = True
    """Signals of the type DISLOCATION."""
    watchlist: tuple[str, ...] = ()
    """Events by id, or teams by name; empty for all."""

    @field_validator("webhook")
    @classmethod
    def _check_webhook(cls, webhook: Secret, info: ValidationInfo) -> Secret:
        """Refuse what is no webhook of Discord's. The message never holds the URL."""
        mistake = _mistake(webhook, loopback=info.data.get("allow_loopback", False))
        if mistake:
            raise ValueError(mistake)
        return webhook

    def wants(self, signal: Signal) -> bool:
        """Say whether `signal` is to be sent."""
        return self._is_on(signal) and self._is_watched(signal)

    def _is_on(self, signal: Signal) -> bool:
        types = {"MULTIBOOK_SYNC": self.alert_multibook, "DISLOCATION": self.alert_dislocation}
        families = {Kind.SPREAD: self.alert_spreads, Kind.TOTAL: self.alert_totals}
        return types.get(signal.type, True) and families.get(kind(signal.market), True)

    def _is_watched(self, signal: Signal) -> bool:
        wanted = {each.casefold() for each in self.watchlist}
        return not wanted or any(each.casefold() in wanted for each in (signal.event, signal.home, signal.away))


def endpoint(webhook: Secret) -> SplitResult:
    """Take the webhook's URL apart. `ValueError` where it is none."""
    return urlsplit(webhook.reveal().strip())


def _mistake(webhook: Secret, *, loopback: bool) -> str | None:
    try:
        url = endpoint(webhook)
        port = url.port
    except ValueError:
        return "expected a URL such as https://discord.com/api/webhooks/…"
    if not _PATH.fullmatch(url.path) or url.query or url.fragment:
        return "expected a webhook's URL, https://discord.com/api/webhooks/<id>/<token> and nothing after it"
    if "@" in url.netloc:
        return "a webhook's URL has no user or password"
    if loopback and url.scheme in ("http", "https") and _is_loopback(url.hostname or ""):
        return None
    if url.scheme != "https" or url.hostname not in HOSTS or port is not None:
        return f"the webhook must be at https:// and one of {', '.join(HOSTS)}, without a port"
    return None


def _is_loopback(host: str) -> bool:
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"
