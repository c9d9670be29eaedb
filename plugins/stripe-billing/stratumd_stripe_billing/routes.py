"""The plugin's endpoints: buying, the portal, what an account has, and Stripe's webhooks."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, ClassVar

import msgspec

from stratumd.plugin import SECOND
from stratumd.plugin.desk import Reading
from stratumd.plugin.partners import Accounts, Usage
from stratumd.plugin.routes import Access, Answer, Call, Endpoint, Refused, Routes, RoutesContext
from stratumd_stripe_billing.billing import Billing, seconds
from stratumd_stripe_billing.entitlement import LIVE
from stratumd_stripe_billing.gateway import Declined, Unreachable
from stratumd_stripe_billing.inbox import read_event, subscriptions
from stratumd_stripe_billing.options import Options
from stratumd_stripe_billing.rows import Customer, Granted
from stratumd_stripe_billing.signing import good

LONGEST = 256 * 1024
"""Bytes of a webhook that are read."""
SESSION = Access(schemes=("session",))
_TAG = "Billing"
_AWAY = "Stripe cannot be asked at present: try again in a minute"


class CheckoutRequest(msgspec.Struct, forbid_unknown_fields=True):
    """What is to be bought."""

    plan: str
    """Its name, such as `api_monthly`."""


class Link(msgspec.Struct):
    """A page of Stripe's to go to."""

    url: str
    expires_at: str | None = None
    """When it can be used no more."""


class SubscriptionView(msgspec.Struct):
    """A subscription, as Stripe showed it last."""

    plan: str
    kind: str
    status: str
    period_end: str | None
    cancel_at: str | None
    overdue_since: str | None


class EntitlementView(msgspec.Struct):
    """What follows from the subscriptions of a kind."""

    kind: str
    plan: str | None
    until: str | None
    """When it ends unless it is renewed, grace included."""


class BillingStatus(msgspec.Struct):
    """What an account has bought."""

    customer: bool
    """Whether it ever began to buy: then there is a billing portal."""
    subscriptions: list[SubscriptionView]
    """Those that are not over, the newest first."""
    entitlements: list[EntitlementView]
    offers: list[str]
    """The plans that are for sale."""


class Received(msgspec.Struct):
    """What became of a webhook."""

    result: str
    """`applied`, `duplicate`, `ignored` or `outdated`: all of them need not be sent again."""


class StripeBilling(Routes):
    """Sells plans by Stripe subscriptions, lets entitlements follow them, and bills usage."""

    name: ClassVar[str] = "stripe-billing"
    config: ClassVar[type[Options]] = Options
    needs: ClassVar[tuple[type[Any], ...]] = (Accounts, Usage)
    provides: ClassVar[tuple[type[Any], ...]] = (Billing,)

    def __init__(self, options: Options, context: RoutesContext) -> None:
        super().__init__(options, context)
        self.billing = Billing(options, context)

    def provide(self, kind: type[Any]) -> Any:
        """Return what the operations work with."""
        return self.billing

    async def open(self) -> None:
        """Get ready. Stripe need not be there."""
        self.billing.open()

    async def run(self) -> None:
        """Send usage, and take in what no webhook told of."""
        await self.billing.run()

    async def close(self) -> None:
        """Let go of the connections: what waits is stored."""
        await self.billing.gateway.close()

    def endpoints(self) -> Sequence[Endpoint]:
        """Return the endpoints under /api/v1/billing/."""
        return [
            Endpoint(
                method="POST",
                path="/api/v1/billing/checkout",
                call=self._checkout,
                name="create_checkout",
                summary="Begin to buy a plan",
                description="Answers with a page of Stripe's. Called again it answers with the same page while that is "
                "open; for another plan of the kind the page before is closed.",
                tag=_TAG,
                access=SESSION,
                body=CheckoutRequest,
                deadline=30 * SECOND,
                answers={201: Link},
            ),
            Endpoint(
                method="POST",
                path="/api/v1/billing/portal",
                call=self._portal,
                name="create_portal_session",
                summary="Open the billing portal: cards, invoices, cancelling",
                tag=_TAG,
                access=SESSION,
                deadline=30 * SECOND,
                answers={201: Link},
            ),
            Endpoint(
                method="GET",
                path="/api/v1/billing/status",
                call=self._status,
                name="get_billing_status",
                summary="Say what the account has bought",
                tag=_TAG,
                access=SESSION,
                answers={200: BillingStatus},
            ),
            Endpoint(
                method="POST",
                path="/api/v1/billing/webhook",
                call=self._webhook,
                name="receive_stripe_event",
                summary="Take in an event of Stripe's",
                description="For Stripe alone: the header `Stripe-Signature` has to fit the body and the time.",
                tag=_TAG,
                body=bytes,
                most_bytes=LONGEST,
                deadline=30 * SECOND,
                answers={200: Received},
            ),
        ]

    async def _checkout(self, call: Call) -> Answer:
        with asking():
            session = await self.billing.sales.checkout(account_of(call), call.body.plan)
        return Answer(status=201, body=Link(session.url, seconds(session.expires_at)))

    async def _portal(self, call: Call) -> Answer:
        with asking():
            return Answer(status=201, body=Link(await self.billing.sales.portal(account_of(call))))

    async def _status(self, call: Call) -> Answer:
        account = account_of(call)
        return Answer(body=await self.context.desk.read(lambda reading: self._view(reading, account)))

    def _view(self, reading: Reading, account: str) -> BillingStatus:
        rows = subscriptions(reading, account)
        return BillingStatus(
            customer=reading.get(Customer, account=account) is not None,
            subscriptions=[
                SubscriptionView(
                    **{"plan": row.plan, "kind": row.kind, "status": row.status},
                    period_end=seconds(row.period_end),
                    cancel_at=seconds(row.cancel_at),
                    overdue_since=seconds(row.overdue_since),
                )
                for row in rows
                if row.status in LIVE
            ],
            entitlements=[
                EntitlementView(row.kind, row.plan, seconds(row.until))
                for row in reading.find(Granted, account=account)
            ],
            offers=sorted(self.options.offers),
        )

    async def _webhook(self, call: Call) -> Answer:
        header = call.headers.get("stripe-signature", "")
        if not good(self.options.webhook_secrets, header, call.body, self.context.clock.now()):
            raise Refused(400, "the signature does not fit this body and this time")
        try:
            event = read_event(call.body)
        except ValueError:
            raise Refused(400, "the body is no event") from None
        with asking():
            taken = await self.billing.inbox.take(event)
        return Answer(body=Received(taken.how))


def account_of(call: Call) -> str:
    """Return whose session it is."""
    if call.identity is None or not call.identity.account:
        raise Refused(403, "only an account can buy: log in as one")
    return call.identity.account


class asking:  # noqa: N801  # it reads as a statement
    """Turns what goes wrong at Stripe into an answer."""

    def __enter__(self) -> None:
        return None

    def __exit__(self, kind: object, error: BaseException | None, trace: object) -> None:
        if isinstance(error, Unreachable):
            raise Refused(503, _AWAY, headers={"retry-after": "60"}) from error
        if isinstance(error, Declined):
            raise Refused(502, "Stripe declined: the operator finds the reason in the log") from error
