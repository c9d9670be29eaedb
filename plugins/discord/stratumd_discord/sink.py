"""The sink `discord`."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from stratumd.plugin import Context, Delivery, Notice, Signal, Sink
from stratumd_discord.answers import Refused
from stratumd_discord.embeds import announcement, embed
from stratumd_discord.limits import EMBEDS, Embed, fit, terse
from stratumd_discord.options import Options
from stratumd_discord.webhook import Webhook


class DiscordSink(Sink):
    """Posts signals to a Discord channel, up to ten in a message."""

    name, config = "discord", Options
    batch = EMBEDS
    expires = True
    notices = True
    shadow = frozenset({"STEAM"})
    options: Options

    def __init__(self, options: Options, context: Context) -> None:
        super().__init__(options, context)
        self._webhook: Webhook | None = None

    async def open(self) -> None:
        """Make the connections' pool; nothing is sent yet."""
        self._webhook = Webhook(self.options.webhook)

    async def close(self) -> None:
        """Close the connections."""
        if self._webhook is not None:
            await self._webhook.close()

    async def probe(self) -> str:
        """Ask Discord for the webhook; nothing is posted."""
        await self.open()
        assert self._webhook is not None, "just opened"
        name = await self._webhook.name()
        return f"the webhook {name!r} is there" if name else "the webhook is there"

    def wants(self, signal: Signal) -> bool:
        """Say what the options say."""
        return self.options.wants(signal)

    async def deliver(self, deliveries: Sequence[Delivery]) -> str | None:
        """Post them as one message and return its id. One that Discord refuses is tried once more, tersely."""
        return await self._post_or_shorten([embed(delivery.signal) for delivery in deliveries])

    async def notify(self, notice: Notice) -> None:
        """Post the notice as a message of its own."""
        await self._post_or_shorten([announcement(notice)])

    async def _post_or_shorten(self, embeds: Sequence[Embed]) -> str | None:
        try:
            return await self._post(fit(embeds))
        except Refused as error:
            self.context.log.warning("Discord refused a message, sending it shorter", error=str(error))
            return await self._post(fit([terse(each) for each in embeds]))

    async def _post(self, embeds: Sequence[Embed]) -> str | None:
        assert self._webhook is not None, "core opens a sink before it delivers"
        message: dict[str, Any] = {
            "embeds": [each.payload() for each in embeds],
            "allowed_mentions": {"parse": []},  # a team called @everyone wakes nobody
        }
        return await self._webhook.post(message)
