"""Connecting Discord channels: by the address of a webhook, or by Discord's own consent page (OAuth 2)."""

from __future__ import annotations

from collections.abc import Sequence
from urllib.parse import urlencode

import msgspec

from stratumd.plugin import MINUTE, iso
from stratumd.plugin.desk import Reading, Writing
from stratumd.plugin.known import known_types
from stratumd.plugin.routes import Answer, Call, Endpoint, Refused
from stratumd_accounts import texts, tokens
from stratumd_accounts.discord_api import Discord, Unreachable, Webhook, challenge, place_of
from stratumd_accounts.parts import OWN, TAG, Parts, me
from stratumd_accounts.rights import rights_of
from stratumd_accounts.rows import Connection, Cursor, OAuthState
from stratumd_accounts.views import (
    Callback,
    Connections,
    ConnectionView,
    Consent,
    NewWebhook,
    Preferences,
    connection_view,
)

PATH = "/api/v1/account/discord"
CALLBACK = f"{PATH}/callback"
CONSENT_WITHIN = 10 * MINUTE
"""How long somebody may take at Discord."""
_NO_PLAN = "Discord channels come with another plan: take one first."
_NO_CONNECTION = "There is no such connection."


class DiscordEndpoints:
    """The Discord channels of the own account."""

    def __init__(self, parts: Parts, discord: Discord) -> None:
        self._parts = parts
        self._desk = parts.context.desk
        self._discord = discord
        self._options = parts.options.discord

    def endpoints(self) -> Sequence[Endpoint]:
        """Return them."""
        one = f"{PATH}/connections/{{connection}}"
        return [
            Endpoint(
                method="GET", path=f"{PATH}/connections", call=self.list, name="list_discord_connections", tag=TAG,
                summary="The account's Discord channels", access=OWN, answers={200: Connections},
            ),
            Endpoint(
                method="POST", path=f"{PATH}/connections", call=self.by_webhook, name="connect_discord_webhook",
                tag=TAG, summary="Connect a channel by its webhook's address", access=OWN, body=NewWebhook,
                answers={201: ConnectionView}, deadline=15_000_000,
            ),
            Endpoint(
                method="PATCH", path=one, call=self.change, name="change_discord_connection", tag=TAG,
                summary="Say what a channel gets", access=OWN, body=Preferences, answers={200: ConnectionView},
            ),
            Endpoint(
                method="DELETE", path=one, call=self.remove, name="remove_discord_connection", tag=TAG,
                summary="Disconnect a channel", access=OWN, answers={204: None},
            ),
            Endpoint(
                method="POST", path=f"{PATH}/authorizations", call=self.begin, name="begin_discord_consent", tag=TAG,
                summary="Begin to connect a channel at Discord", access=OWN, answers={201: Consent},
                description="Open the address in the browser that is logged in: Discord sends people back to it.",
            ),
            Endpoint(
                method="GET", path=CALLBACK, call=self.finish, name="finish_discord_consent", tag=TAG,
                summary="Where Discord sends people back to", access=OWN, query=Callback, answers={303: None},
                deadline=15_000_000,
            ),
        ]  # fmt: skip

    async def list(self, call: Call) -> Answer:
        """List the channels."""
        account = me(call).account
        rows = await self._desk.read(lambda reading: _connections(reading, account))
        return Answer(body=Connections(items=[connection_view(row) for row in rows]))

    async def by_webhook(self, call: Call) -> Answer:
        """Connect a channel by the address of its webhook, which Discord has to know."""
        body: NewWebhook = call.body
        place = place_of(body.url)
        if place is None:
            detail = "Expected a webhook's address, https://discord.com/api/webhooks/…, as the channel's settings show."
            raise Refused(422, detail)
        await known_types(self._parts.context.archive, body.types)
        await self._check(me(call).account)
        await self._parts.throttle.count("discord", client=call.client, address=me(call).account)
        webhook = await self._asked(place)
        if webhook is None:
            raise Refused(422, "Discord does not know this webhook: make a new one in the channel's settings.")
        connection = await self._add(call, webhook, "webhook", body)
        return Answer(status=201, body=connection_view(connection))

    async def _asked(self, place: str) -> Webhook | None:
        try:
            return await self._discord.webhook(place)
        except Unreachable as error:
            raise Refused(503, f"{error}: try again later.", headers={"retry-after": "30"}) from None

    async def _check(self, account: str) -> None:
        """Refuse an account whose plan has no room for a channel, before Discord is asked anything."""
        await self._desk.read(lambda reading: self._check_room(reading, account))

    def _check_room(self, reading: Reading, account: str) -> Sequence[Connection]:
        rights = rights_of(reading, account, self._parts.plans, self._parts.context.clock.now())
        if rights is None or not rights.web.discord:
            raise Refused(403, _NO_PLAN)
        known = _connections(reading, account)
        if len(known) >= self._options.most:
            raise Refused(409, f"An account has {self._options.most} channels at most: remove one first.")
        return known

    async def _add(self, call: Call, webhook: Webhook, via: str, wanted: NewWebhook | None) -> Connection:
        """Keep a connection. It gets what is found from now on."""
        account, id = me(call).account, tokens.new_id()
        _, newest = await self._parts.context.archive.read(lambda history: history.ends())
        connection = Connection(
            id=id,
            account=account,
            via=via,
            sealed=self._parts.sealer.seal(webhook.place, about(id)),
            name=texts.name(wanted.name if wanted is not None and wanted.name else webhook.name),
            channel=webhook.channel,
            types=" ".join(wanted.types) if wanted is not None else "",
            min_strength=wanted.min_strength if wanted is not None else 0,
            status="active",
            created_at=call.at,
        )

        def work(writing: Writing) -> None:
            for known in self._check_room(writing, account):
                if self._parts.sealer.open(known.sealed, about(known.id)) == webhook.place:
                    raise Refused(409, "This channel is connected already: change what it gets, or remove it first.")
            writing.put(connection, Cursor(connection=id, sequence=newest))

        await self._desk.write(work, call.act("discord.connect", id))
        return connection

    async def change(self, call: Call) -> Answer:
        """Change what a channel gets."""
        body: Preferences = call.body
        await known_types(self._parts.context.archive, body.types or ())
        id, account = call.params["connection"], me(call).account

        def work(writing: Writing) -> Connection:
            known = _found(writing, id, account)
            changed = msgspec.structs.replace(
                known,
                name=known.name if body.name is None else texts.name(body.name),
                types=known.types if body.types is None else " ".join(body.types),
                min_strength=known.min_strength if body.min_strength is None else body.min_strength,
            )
            writing.put(changed)
            return changed

        return Answer(body=connection_view(await self._desk.write(work, call.act("discord.change", id))))

    async def remove(self, call: Call) -> Answer:
        """Disconnect a channel."""
        id, account = call.params["connection"], me(call).account

        def work(writing: Writing) -> None:
            disconnect(writing, _found(writing, id, account).id)

        await self._desk.write(work, call.act("discord.disconnect", id))
        return Answer(status=204)

    # ---- OAuth

    async def begin(self, call: Call) -> Answer:
        """Make the address of Discord's consent page. Its state belongs to this session, and works once."""
        if not self._options.client_id or self._options.client_secret is None:
            raise Refused(409, "Consent at Discord is not set up here: connect the channel by its webhook's address.")
        who, state, verifier = me(call), tokens.one_time(), tokens.one_time()
        await self._check(who.account)
        row = OAuthState(
            hash=tokens.digest(state),
            session=who.credential,
            account=who.account,
            sealed=self._parts.sealer.seal(verifier, f"pkce:{who.credential}"),
            expires_at=call.at + CONSENT_WITHIN,
        )
        await self._desk.write(lambda writing: writing.put(row))
        asked = {
            "client_id": self._options.client_id,
            "response_type": "code",
            "scope": "webhook.incoming",
            "redirect_uri": self._redirect_uri(),
            "state": state,
            "code_challenge": challenge(verifier),
            "code_challenge_method": "S256",
        }
        url = f"{self._options.authorize_url}?{urlencode(asked)}"
        view = Consent(url=url, expires_at=iso(row.expires_at))
        return Answer(status=201, body=view, headers={"cache-control": "no-store"})

    async def finish(self, call: Call) -> Answer:
        """Take the code that Discord sent along, and connect the channel that was chosen there."""
        query: Callback = call.query
        verifier = await self._take(call, query.state)
        if query.error or not query.code:
            return self._back("denied")
        try:
            webhook = await self._discord.exchange(query.code, verifier, self._redirect_uri())
        except Unreachable as error:
            raise Refused(503, f"{error}: begin again later.") from None
        if webhook is None:
            raise Refused(422, "Discord does not accept this consent: begin again.")
        await self._add(call, webhook, "oauth", None)
        return self._back("connected")

    async def _take(self, call: Call, state: str) -> str:
        """Use up a state and return its verifier. `Refused` where it is another session's, used, or too old."""
        hash, who = tokens.digest(state), me(call)

        def work(writing: Writing) -> str | None:
            row = writing.get(OAuthState, hash=hash)
            if row is None or row.session != who.credential:
                return None
            writing.drop(OAuthState, hash=hash)
            if row.expires_at <= writing.at:
                return None
            return self._parts.sealer.open(row.sealed, f"pkce:{who.credential}")

        verifier = await self._desk.write(work)
        if verifier is None:
            raise Refused(400, "This consent was not begun in this session, or is used up or too old: begin again.")
        return verifier

    def _redirect_uri(self) -> str:
        return f"{self._parts.options.public_url}{CALLBACK}"

    def _back(self, outcome: str) -> Answer:
        path = self._options.return_to
        joint = "&" if "?" in path else "?"
        location = f"{self._parts.options.public_url}{path}{joint}discord={outcome}"
        return Answer(status=303, headers={"location": location, "cache-control": "no-store"})


def about(id: str) -> str:
    """Return what a connection's place is sealed for."""
    return f"discord:{id}"


def disconnect(writing: Writing, id: str) -> None:
    """Forget a connection."""
    writing.drop(Connection, id=id)
    writing.drop(Cursor, connection=id)


def _connections(reading: Reading, account: str) -> Sequence[Connection]:
    return reading.find(Connection, account=account, order=("created_at", "id"))


def _found(reading: Reading, id: str, account: str) -> Connection:
    known = reading.get(Connection, id=id)
    if known is None or known.account != account:
        raise Refused(404, _NO_CONNECTION)
    return known
