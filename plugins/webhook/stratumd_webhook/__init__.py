"""Signals to an HTTP endpoint of yours, signed as Standard Webhooks says."""

from stratumd import hookimpl
from stratumd.plugin import Sink
from stratumd_webhook.sink import WebhookSink


@hookimpl
def register_sinks() -> list[type[Sink]]:
    """Provide the sink `webhook`."""
    return [WebhookSink]
