"""Compares what invoices bill for usage with what was served."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

from stratumd.plugin import HOUR, SECOND, Clock, Micros
from stratumd.plugin.desk import Desk, Reading
from stratumd.plugin.partners import Usage
from stratumd.plugin.routes import Refused
from stratumd_stripe_billing.catalogue import Catalogue
from stratumd_stripe_billing.gateway import Gateway
from stratumd_stripe_billing.metering import SENT, stamp
from stratumd_stripe_billing.rows import Customer, Metered


class Period(NamedTuple):
    """What an invoice bills for one period of usage."""

    invoice: str
    status: str
    account: str
    start: Micros
    end: Micros
    billed: int
    """Requests on the invoice, those included in the plan among them."""
    served: int
    """Requests of the hours that count in the period."""
    sent: int
    """Requests that Stripe was told of."""

    @property
    def difference(self) -> int:
        """How many more are billed than were served; less than zero where some are not billed."""
        return self.billed - self.served


class Reconciler:
    """Works an invoice's metered quantity out again from the usage rows."""

    def __init__(self, gateway: Gateway, catalogue: Catalogue, desk: Desk, clock: Clock) -> None:
        self._gateway = gateway
        self._catalogue = catalogue
        self._desk = desk
        self._clock = clock
        self.usage: Usage
        """Set when everything is opened."""

    async def account(self, account: str, since: Micros) -> list[Period]:
        """Return every metered period on the account's invoices since then, the oldest first."""
        customer = await self._desk.read(lambda reading: reading.get(Customer, account=account))
        if customer is None:
            raise no_customer(account)
        invoices = await self._gateway.all(
            lambda v1: v1.invoices.list_async(
                {"customer": customer.customer, "created": {"gte": since // SECOND}, "limit": 100}
            )
        )
        found = [period for each in reversed(invoices) for period in await self._periods(each, account)]
        return sorted(found, key=lambda each: (each.start, each.invoice))

    async def _periods(self, invoice: Mapping[str, Any], account: str) -> list[Period]:
        lines = await self._lines(invoice)
        overages = await self._desk.read(self._catalogue.overages)
        billed: dict[tuple[int, int], int] = defaultdict(int)
        for line in lines:
            # A price in tiers has a line for each: together they are the quantity.
            if _price(line) in overages:
                billed[line["period"]["start"], line["period"]["end"]] += line["quantity"] or 0
        return [
            await self._desk.read(
                lambda reading, key=key, quantity=quantity: self._compared(reading, invoice, account, key, quantity)  # type: ignore[misc]  # mypy knows no lambda with a default
            )
            for key, quantity in billed.items()
        ]

    async def _lines(self, invoice: Mapping[str, Any]) -> Sequence[Mapping[str, Any]]:
        lines = invoice["lines"]
        if not lines["has_more"]:
            shown: Sequence[Mapping[str, Any]] = lines["data"]
            return shown
        return await self._gateway.all(lambda v1: v1.invoices.line_items.list_async(invoice["id"], {"limit": 100}))

    def _compared(
        self, reading: Reading, invoice: Mapping[str, Any], account: str, seconds: tuple[int, int], billed: int
    ) -> Period:
        start, end = seconds
        # An hour counts in the period that its last second is in.
        since, until = (start * SECOND) // HOUR * HOUR, end * SECOND
        hours = self.usage.hours(reading, since=since, until=until, account=account)
        rows = reading.find(Metered, account=account, state=SENT, since=("hour", since), until=("hour", until))
        return Period(
            invoice=invoice["id"],
            status=invoice["status"],
            account=account,
            start=start * SECOND,
            end=end * SECOND,
            billed=billed,
            served=sum(each.requests for each in hours if start <= stamp(each.hour) < end),
            sent=sum(row.value for row in rows if start <= stamp(row.hour) < end),
        )


def _price(line: Mapping[str, Any]) -> str | None:
    pricing = line.get("pricing") or {}
    price = (pricing.get("price_details") or {}).get("price")
    return price.get("id") if isinstance(price, dict) else price


def no_customer(account: str) -> Refused:
    """Return what to say where an account never bought anything, or is named by its address."""
    return Refused(404, f"the account {account!r} is no customer: give the id of one, as `billing status` shows it")
