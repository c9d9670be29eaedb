"""What is sold: products, prices, features and the meter in Stripe, found by lookup key or made."""

from __future__ import annotations

from collections.abc import Mapping
from decimal import Decimal
from typing import Any, NamedTuple

from msgspec.structs import replace

from stratumd.plugin import Clock
from stratumd.plugin.desk import Act, Desk, Reading, Writing
from stratumd.plugin.partners import Plan
from stratumd.plugin.routes import Refused
from stratumd_stripe_billing.gateway import Declined, Gateway
from stratumd_stripe_billing.options import Offer, Options
from stratumd_stripe_billing.rows import Sold

PLAN, ROLE = "stratumd_plan", "stratumd_role"
"""Metadata of prices: from them a subscription's plan is known, also when its price was replaced."""
BASE, OVERAGE, METER = "base", "overage", "meter"


class Found(NamedTuple):
    """Something that is sold, and whether it was there."""

    row: Sold
    how: str
    """`found`, `made`, or `replaced` where a price was there and was another one."""


class Prices(NamedTuple):
    """What a plan is sold by: ids in Stripe."""

    base: str
    overage: str | None


def key(plan: str, role: str, meter: str) -> str:
    """Return the lookup key of a price: the meter's name tells apart installations that share a Stripe account."""
    return f"{meter}:{plan}:{role}"


class Catalogue:
    """Sets up what is sold, and knows its ids."""

    def __init__(self, options: Options, gateway: Gateway, desk: Desk, clock: Clock) -> None:
        self._options = options
        self._gateway = gateway
        self._desk = desk
        self._clock = clock

    async def set_up(self, plans: Mapping[str, Plan], act: Act) -> list[Found]:
        """Find or make everything. Called again it finds all of it; amounts that differ are replaced by new prices."""
        for name, offer in self._options.offers.items():
            if name not in plans:
                raise Refused(422, f"the offer {name!r} is no plan: name one of {', '.join(sorted(plans))}")
            if offer.unit is not None and not plans[name].overage:
                raise Refused(422, f"the offer {name!r} bills overage, which its plan does not: give one of them up")
        meter = await self._meter()
        found = [meter]
        for name, offer in self._options.offers.items():
            found += await self._plan(plans[name], offer, meter.row.id)
        await self._desk.write(lambda writing: self._keep(writing, [each.row for each in found]), act)
        return found

    def _keep(self, writing: Writing, rows: list[Sold]) -> None:
        for row in rows:
            for old in writing.find(Sold, name=row.name, role=row.role, current=1):
                if old.id != row.id:
                    writing.put(replace(old, current=0))
            known = writing.get(Sold, id=row.id)
            writing.put(row if known is None else replace(row, made_at=known.made_at))

    def _row(self, id: str, name: str, role: str, plan: str = "") -> Sold:
        return Sold(id=id, name=name, role=role, plan=plan, current=1, made_at=self._clock.now())

    async def _meter(self) -> Found:
        name = self._options.meter
        for each in await self._gateway.all(
            lambda v1: v1.billing.meters.list_async({"status": "active", "limit": 100})
        ):
            if each["event_name"] == name:
                return Found(self._row(each["id"], name, METER), "found")
        made = await self._gateway.ask(
            lambda v1: v1.billing.meters.create_async(
                {
                    "display_name": "API requests",
                    "event_name": name,
                    "default_aggregation": {"formula": "sum"},
                    "customer_mapping": {"type": "by_id", "event_payload_key": "stripe_customer_id"},
                    "value_settings": {"event_payload_key": "value"},
                }
            )
        )
        return Found(self._row(made["id"], name, METER), "made")

    async def _plan(self, plan: Plan, offer: Offer, meter: str) -> list[Found]:
        product = await self._product(plan)
        found = [product, await self._feature(plan, product.row.id)]
        base: dict[str, Any] = {"unit_amount": offer.cents, "recurring": {"interval": offer.every}}
        found.append(await self._price(plan, BASE, product.row.id, base))
        if offer.unit is not None:
            found.append(await self._price(plan, OVERAGE, product.row.id, _metered(offer.unit, plan.included, meter)))
        return found

    async def _product(self, plan: Plan) -> Found:
        id = f"{self._options.meter}_{plan.name}"
        try:
            await self._gateway.ask(lambda v1: v1.products.retrieve_async(id))
            return Found(self._row(id, id, "product", plan.name), "found")
        except Declined as error:
            if error.status != 404:
                raise
        title = plan.title or plan.name
        await self._gateway.ask(
            lambda v1: v1.products.create_async({"id": id, "name": title, "metadata": {PLAN: plan.name}})
        )
        return Found(self._row(id, id, "product", plan.name), "made")

    async def _feature(self, plan: Plan, product: str) -> Found:
        name = f"{self._options.meter}_{plan.name}"
        listed = await self._gateway.all(lambda v1: v1.entitlements.features.list_async({"lookup_key": name}))
        how = "found" if listed else "made"
        feature = (
            listed[0]
            if listed
            else await self._gateway.ask(
                lambda v1: v1.entitlements.features.create_async({"lookup_key": name, "name": plan.title or plan.name})
            )
        )
        attached = await self._gateway.all(lambda v1: v1.products.features.list_async(product))
        if all(each["entitlement_feature"]["id"] != feature["id"] for each in attached):
            await self._gateway.ask(
                lambda v1: v1.products.features.create_async(product, {"entitlement_feature": feature["id"]})
            )
        return Found(self._row(feature["id"], name, "feature", plan.name), how)

    async def _price(self, plan: Plan, role: str, product: str, terms: dict[str, Any]) -> Found:
        name = key(plan.name, role, self._options.meter)
        listed = await self._gateway.all(
            lambda v1: v1.prices.list_async({"lookup_keys": [name], "expand": ["data.tiers"]})
        )
        wanted = {
            **{"currency": self._options.currency, "product": product, "lookup_key": name},
            **{"tax_behavior": "exclusive", "metadata": {PLAN: plan.name, ROLE: role}, **terms},
        }
        if listed and _same(listed[0], wanted):
            return Found(self._row(listed[0]["id"], name, role, plan.name), "found")
        # A price's amount never changes: another price takes over its key, and subscriptions keep the old one.
        wanted["transfer_lookup_key"] = True
        made = await self._gateway.ask(lambda v1: v1.prices.create_async(wanted))  # type: ignore[arg-type]  # stripe's own types are closed dictionaries
        for old in listed:
            await self._gateway.ask(lambda v1, old=old: v1.prices.update_async(old["id"], {"active": False}))  # type: ignore[misc]  # mypy knows no lambda with a default
        return Found(self._row(made["id"], name, role, plan.name), "replaced" if listed else "made")

    # ---- what is known

    def prices(self, reading: Reading, plan: str) -> Prices | None:
        """Return what a plan is sold by; None before the set-up."""
        current = {row.role: row.id for row in reading.find(Sold, plan=plan, current=1)}
        metered = self._options.offers[plan].unit is not None
        if BASE not in current or (metered and OVERAGE not in current):
            return None
        return Prices(current[BASE], current[OVERAGE] if metered else None)

    def overages(self, reading: Reading) -> frozenset[str]:
        """Return all prices that are or were metered."""
        return frozenset([row.id for row in reading.find(Sold, role=OVERAGE)])

    def meter(self, reading: Reading) -> str | None:
        """Return the meter's id; None before the set-up."""
        found = reading.find(Sold, name=self._options.meter, role=METER, current=1)
        return found[0].id if found else None


def _metered(unit: Decimal, included: int | None, meter: str) -> dict[str, Any]:
    """Return the terms of overage: Stripe is told of every request, and those included cost nothing."""
    recurring = {"interval": "month", "usage_type": "metered", "meter": meter}
    if not included:
        return {"unit_amount_decimal": unit, "recurring": recurring}
    free = {"up_to": included, "unit_amount_decimal": Decimal(0)}
    tiers = [free, {"up_to": "inf", "unit_amount_decimal": unit}]
    return {"billing_scheme": "tiered", "tiers_mode": "graduated", "tiers": tiers, "recurring": recurring}


def _same(price: dict[str, Any], wanted: dict[str, Any]) -> bool:
    return _terms(price) == _terms(wanted)


def _terms(price: dict[str, Any]) -> tuple[Any, ...]:
    recurring = price["recurring"]
    fixed = (price["currency"], price["product"], recurring["interval"], recurring.get("meter"))
    tiers = [(None if each["up_to"] == "inf" else each["up_to"], _unit(each)) for each in price.get("tiers") or ()]
    return (*fixed, tiers or _unit(price))


def _unit(priced: dict[str, Any]) -> Decimal:
    unit = priced.get("unit_amount_decimal")
    return Decimal(str(priced["unit_amount"] if unit is None else unit))
