"""Webhooks that partners manage themselves: where to, which signals, and what became of each."""

from __future__ import annotations

import base64
import hmac
import secrets
from collections.abc import Collection, Iterator, Sequence
from typing import Any, Protocol

import msgspec

from stratumd.client.webhooks import endpoint as parts_of
from stratumd.client.webhooks import mistake
from stratumd.errors import DeliveryError
from stratumd.plugin import DAY, Micros, Secret, iso
from stratumd.plugin.desk import Reading, Writing
from stratumd.plugin.known import known_types
from stratumd.plugin.routes import Access, Answer, Endpoint, Refused, RoutesContext
from stratumd_partner_api import answers, questions
from stratumd_partner_api.lens import Json
from stratumd_partner_api.market import Looking
from stratumd_partner_api.options import Options
from stratumd_partner_api.rows import DELIVERED, PENDING, Attempted, Webhook
from stratumd_partner_api.serving import HEADERS, PARTS, Asked, Counter, Page, listed, page

MANAGE = Access(schemes=("key", "session"), scope="webhooks:write")
_SENT = (
    'What is posted is `{"type": "signal.created", "timestamp": …, "data": …}`, whose `data` is a SignalShown; a '
    "test has the type `test`. It is signed as Standard Webhooks says: one of the signatures in `webhook-signature`, "
    "which blanks part, is `v1,` and the Base64 of HMAC-SHA256 over `webhook-id`, `webhook-timestamp` and the body "
    "as it came, joined by dots; the key is what follows `whsec_` in the secret, decoded from Base64. Refuse a "
    "timestamp that is more than five minutes off, and answer 2xx within seconds: what fails is sent again under the "
    "same `webhook-id`."
)
_ROTATED = (
    "Only the newest two secrets sign: let the receiver know this one before you ask for the next, also where the "
    "answer to this was lost."
)
OVERLAP: Micros = DAY
"""How long the secret before a rotation signs, too."""
_NONE = "There is no such webhook: see /api/v1/intel/webhooks."


class Sends(Protocol):
    """Who sends to webhooks."""

    def wake(self) -> None:
        """Look for work now."""

    async def test(self, row: Webhook) -> int:
        """Send a test, and return the answer's status. `DeliveryError` where it was not taken."""


class Keyring:
    """The secrets of webhooks, made of the plugin's own: none of them is stored. `use` first."""

    def __init__(self) -> None:
        self._key = b""

    def use(self, key: bytes) -> None:
        """Derive the key of webhooks from the plugin's own."""
        self._key = hmac.digest(key, b"webhooks", "sha256")

    def secret(self, webhook: str, generation: int) -> Secret:
        """Return the secret of a generation."""
        made = hmac.digest(self._key, b"%d:%b" % (generation, webhook.encode()), "sha256")
        return Secret("whsec_" + base64.b64encode(made).decode())

    def signing(self, row: Webhook, now: Micros) -> tuple[Secret, ...]:
        """Return the secrets that sign at present."""
        newest = self.secret(row.id, row.generation)
        if row.generation > 1 and now < row.overlap_until:
            return newest, self.secret(row.id, row.generation - 1)
        return (newest,)


class Webhooks:
    """The endpoints of webhooks."""

    def __init__(
        self,
        options: Options,
        context: RoutesContext,
        counter: Counter,
        looking: Looking,
        keyring: Keyring,
        sender: Sends,
    ) -> None:
        self._options = options
        self._desk = context.desk
        self._archive = context.archive
        self._counter = counter
        self._look = looking
        self._keyring = keyring
        self._sender = sender

    def endpoints(self) -> Iterator[Endpoint]:
        """Yield them."""
        one, given = "/{webhook}", {200: answers.WebhookShown}
        yield self._declare("GET", "", self.list, "list_webhooks", "Your webhooks", {200: answers.WebhookPage})
        yield self._declare(
            "POST", "", self.make, "create_webhook", "Make a webhook; its secret is shown this once",
            {201: answers.WebhookMade}, body=questions.WebhookBody, description=_SENT,
        )  # fmt: skip
        yield self._declare("GET", one, self.get, "get_webhook", "One of your webhooks", given)
        yield self._declare(
            "PATCH", one, self.change, "change_webhook", "Change a webhook, or begin to send again", given,
            body=questions.WebhookChange,
        )  # fmt: skip
        yield self._declare("DELETE", one, self.drop, "delete_webhook", "Delete a webhook", {204: None})
        yield self._declare(
            "POST", one + "/rotate", self.rotate, "rotate_webhook_secret",
            "Get a new secret; the one before signs for a day too", {200: answers.WebhookMade},
            description=_ROTATED,
        )  # fmt: skip
        yield self._declare(
            "POST", one + "/test", self.test, "test_webhook", "Send a test event now", {200: answers.Tested}
        )
        yield self._declare(
            "GET", one + "/deliveries", self.deliveries, "list_deliveries", "What was sent, the newest first",
            {200: answers.DeliveryPage}, query=questions.DeliveriesQuery,
        )  # fmt: skip
        yield self._declare(
            "POST", one + "/deliveries/{delivery}/replay", self.replay, "replay_delivery",
            "Send a delivery once more, under the same id", {200: answers.DeliveryShown},
        )  # fmt: skip

    def _declare(
        self, method: str, path: str, inner: Any, name: str, summary: str, gives: dict[int, Any], **more: Any
    ) -> Endpoint:
        if method == "GET":
            gives = {**gives, 304: None}
        return Endpoint(
            method=method,
            path=f"/api/v1/intel/webhooks{path}",
            call=self._counter.around(inner),
            parts=PARTS,
            name=name,
            summary=summary,
            access=MANAGE,
            tag="Webhooks",
            answers=gives,
            headers=HEADERS,
            **more,
        )

    async def list(self, asked: Asked) -> Page:
        """All of the account's."""
        rows = await self._desk.read(lambda reading: reading.find(Webhook, account=asked.account))
        return listed([_shown(row, asked.call.at) for row in sorted(rows, key=lambda row: (row.created_at, row.id))])

    async def get(self, asked: Asked) -> Page:
        """One of them."""
        row = await self._desk.read(lambda reading: _own(reading, asked))
        return page(_shown(row, asked.call.at))

    async def make(self, asked: Asked) -> Answer:
        """A new one, which is sent what comes from now on."""
        body: questions.WebhookBody = asked.call.body
        self._check(body.url)
        types = await known_types(self._archive, body.types)
        newest = await self._archive.read(lambda history: history.ends()[1])
        id = secrets.token_hex(12)

        def work(writing: Writing) -> Webhook:
            most = self._options.webhooks_per_account
            if writing.count(Webhook, account=asked.account) >= most:
                raise Refused(409, f"An account has {most} webhooks at most: delete one first.")
            row = Webhook(
                id=id,
                account=asked.account,
                url=body.url.strip(),
                types=" ".join(sorted(types)),
                markets=" ".join(sorted(set(body.markets))),
                min_strength=int(body.min_strength),
                generation=1,
                overlap_until=0,
                created_at=asked.call.at,
                position=newest,
                disabled="",
                failing_since=None,
                rest_until=0,
            )
            writing.put(row)
            return row

        row = await self._desk.write(work, asked.call.act("webhooks.create", id))
        return Answer(body=self._made(row, asked.call.at), status=201, headers={"cache-control": "no-store"})

    async def change(self, asked: Asked) -> Answer:
        """Change it."""
        body: questions.WebhookChange = asked.call.body
        if isinstance(body.url, str):
            self._check(body.url)
        types = await known_types(self._archive, body.types) if isinstance(body.types, tuple) else None

        def work(writing: Writing) -> Webhook:
            row = _changed(_own(writing, asked), body, types)
            writing.put(row)
            return row

        row = await self._desk.write(work, asked.call.act("webhooks.change", asked.call.params["webhook"]))
        self._sender.wake()
        return Answer(body=_shown(row, asked.call.at))

    async def drop(self, asked: Asked) -> Answer:
        """Delete it with its deliveries."""

        def work(writing: Writing) -> None:
            row = _own(writing, asked)
            writing.drop(Webhook, id=row.id)

        await self._desk.write(work, asked.call.act("webhooks.delete", asked.call.params["webhook"]))
        await self._desk.write(lambda writing: writing.drop(Attempted, webhook=asked.call.params["webhook"]))
        return Answer(status=204)

    async def rotate(self, asked: Asked) -> Answer:
        """Make a new secret."""

        def work(writing: Writing) -> Webhook:
            row = _own(writing, asked)
            row = msgspec.structs.replace(row, generation=row.generation + 1, overlap_until=asked.call.at + OVERLAP)
            writing.put(row)
            return row

        row = await self._desk.write(work, asked.call.act("webhooks.rotate", asked.call.params["webhook"]))
        return Answer(body=self._made(row, asked.call.at), headers={"cache-control": "no-store"})

    async def test(self, asked: Asked) -> Answer:
        """Send a test event."""
        row = await self._desk.read(lambda reading: _own(reading, asked))
        try:
            status = await self._sender.test(row)
        except DeliveryError as error:
            return Answer(body={"delivered": False, "status": error.status, "error": str(error)})
        return Answer(body={"delivered": True, "status": status, "error": None})

    async def deliveries(self, asked: Asked) -> Page:
        """What was sent."""
        query: questions.DeliveriesQuery = asked.call.query
        name = f"deliveries {asked.call.params['webhook']}"
        mark = self._look.mark(asked, name, query)

        def work(reading: Reading) -> Sequence[Attempted]:
            row = _own(reading, asked)
            # Of one webhook each sequence number is there once.
            until: Any = ("sequence", -mark.position[0]) if mark else None
            asked_for: dict[str, Any] = {"webhook": row.id} | ({"state": query.state} if query.state else {})
            order = ("sequence",)
            return reading.find(Attempted, until=until, order=order, newest=True, limit=query.limit + 1, **asked_for)

        rows = [((-each.sequence,), _delivery(each)) for each in await self._desk.read(work)]
        return self._look.page(asked, name, query, rows, mark)

    async def replay(self, asked: Asked) -> Answer:
        """Send it once more."""

        def work(writing: Writing) -> Attempted:
            row = _own(writing, asked)
            found = writing.get(Attempted, id=asked.call.params["delivery"])
            if found is None or found.webhook != row.id:
                raise Refused(404, "There is no such delivery: see the webhook's deliveries.")
            if found.state != PENDING:
                found = msgspec.structs.replace(
                    found, state=PENDING, attempts=0, due_at=asked.call.at, ended_at=None, error="", status=None
                )
                writing.put(found)
            return found

        found = await self._desk.write(work, asked.call.act("webhooks.replay", asked.call.params["delivery"]))
        self._sender.wake()
        return Answer(body=_delivery(found))

    def _check(self, url: str) -> None:
        wrong = mistake(Secret(url), self._options.allow)
        if wrong is not None:
            raise Refused(422, f"url: {wrong}")

    def _made(self, row: Webhook, now: Micros) -> Json:
        return _shown(row, now) | {"secret": self._keyring.secret(row.id, row.generation).reveal()}


def _own(reading: Reading, asked: Asked) -> Webhook:
    """Return the webhook that the path names. `Refused` (404) where it is not the account's, or not at all."""
    row = reading.get(Webhook, id=asked.call.params["webhook"])
    if row is None or row.account != asked.account:
        raise Refused(404, _NONE)
    return row


def _changed(row: Webhook, body: questions.WebhookChange, types: Collection[str] | None) -> Webhook:
    changes: dict[str, Any] = {}
    if isinstance(body.url, str):
        changes["url"] = body.url.strip()
    if types is not None:
        changes["types"] = " ".join(sorted(types))
    if isinstance(body.markets, tuple):
        changes["markets"] = " ".join(sorted(set(body.markets)))
    if not isinstance(body.min_strength, msgspec.UnsetType):
        changes["min_strength"] = int(body.min_strength)
    if body.enabled is True and row.disabled:
        changes |= {"disabled": "", "failing_since": None, "rest_until": 0}
    if body.enabled is False and not row.disabled:
        changes["disabled"] = "you disabled it"
    return msgspec.structs.replace(row, **changes)


def _shown(row: Webhook, now: Micros) -> Json:
    until = row.overlap_until if row.generation > 1 and row.overlap_until > now else None
    return {
        "id": row.id,
        "url": redacted(row.url),
        "types": row.types.split(),
        "markets": row.markets.split(),
        "min_strength": row.min_strength,
        "enabled": not row.disabled,
        "disabled_reason": row.disabled or None,
        "created_at": iso(row.created_at),
        "failing_since": None if row.failing_since is None else iso(row.failing_since),
        "previous_secret_until": None if until is None else iso(until),
    }


def redacted(url: str) -> str:
    """Return a URL without what may be a token: the path's last part and the query."""
    parts = parts_of(Secret(url))
    path = parts.path.rpartition("/")[0] + "/***" if parts.path not in ("", "/") else "/"
    return f"{parts.scheme}://{parts.netloc.decode('ascii')}{path}"


def _delivery(row: Attempted) -> Json:
    return {
        "id": row.id,
        "signal": row.signal,
        "event": row.event,
        "state": row.state,
        "attempts": row.attempts,
        "due_at": iso(row.due_at) if row.state == PENDING else None,
        "status": row.status,
        "error": None if row.state == DELIVERED else row.error or None,
        "created_at": iso(row.created_at),
        "ended_at": None if row.ended_at is None else iso(row.ended_at),
    }
