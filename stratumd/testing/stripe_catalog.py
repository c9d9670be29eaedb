"""Products, prices, features and meters of the fake Stripe, and what an amount of usage costs."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime
from decimal import ROUND_HALF_UP, Decimal, InvalidOperation
from typing import NamedTuple

from stratumd.testing.stripe_shelf import Shelf
from stratumd.testing.stripe_wire import Obj, Problem, need, page, truth

_MONTHS = {"month": 1, "year": 12}


class Charge(NamedTuple):
    """A part of what a quantity costs."""

    quantity: int
    unit: Decimal
    """In minor units of the currency."""
    amount: int


class Catalog:
    """What is sold."""

    def __init__(self, shelf: Shelf) -> None:
        self._shelf = shelf

    # ---- products and features

    def create_product(self, asked: Obj) -> Obj:
        """POST /v1/products. An own `id` may be given, once."""
        need(asked, "name")
        if any(each["id"] == asked.get("id") for each in self._shelf.of("product")):
            raise Problem(400, "Product already exists.", code="resource_already_exists", param="id")
        usual = {"active": True, "metadata": {}, "description": None, "tax_code": None}
        made = self._shelf.add("product", "prod", **{**usual, **asked})
        self._shelf.tell("product.created", made)
        return made

    def product(self, asked: Obj, id: str) -> Obj:
        """GET /v1/products/{id}."""
        return self._shelf.get("product", id)

    def create_feature(self, asked: Obj) -> Obj:
        """POST /v1/entitlements/features. A lookup key is unique."""
        need(asked, "lookup_key", "name")
        if self._shelf.of("entitlements.feature", lookup_key=asked["lookup_key"]):
            raise Problem(400, "A feature with this lookup key already exists.", param="lookup_key")
        return self._shelf.add("entitlements.feature", "feat", active=True, metadata={}, **asked)

    def features(self, asked: Obj) -> Obj:
        """GET /v1/entitlements/features."""
        wanted = {"lookup_key": asked["lookup_key"]} if "lookup_key" in asked else {}
        return page(self._shelf.of("entitlements.feature", **wanted), asked, "/v1/entitlements/features")

    def attach(self, asked: Obj, id: str) -> Obj:
        """POST /v1/products/{id}/features."""
        need(asked, "entitlement_feature")
        self._shelf.get("product", id)
        feature = self._shelf.get("entitlements.feature", asked["entitlement_feature"], param="entitlement_feature")
        return self._shelf.add("product_feature", "prodft", entitlement_feature=feature, product=id)

    def attached(self, asked: Obj, id: str) -> Obj:
        """GET /v1/products/{id}/features."""
        return page(self._shelf.of("product_feature", product=id), asked, f"/v1/products/{id}/features")

    # ---- prices

    def create_price(self, asked: Obj) -> Obj:
        """POST /v1/prices."""
        need(asked, "currency", "product")
        self._shelf.get("product", asked["product"], param="product")
        recurring = self._recurring(asked.get("recurring"))
        key = asked.get("lookup_key")
        self._claim(key, transfer=truth(asked.pop("transfer_lookup_key", False)))
        made = self._shelf.add(
            "price",
            "price",
            active=True,
            billing_scheme=asked.get("billing_scheme", "per_unit"),
            currency=asked["currency"],
            custom_unit_amount=None,
            lookup_key=key,
            metadata=asked.get("metadata", {}),
            nickname=asked.get("nickname"),
            product=asked["product"],
            recurring=recurring,
            tax_behavior=asked.get("tax_behavior", "unspecified"),
            tiers_mode=asked.get("tiers_mode"),
            transform_quantity=None,
            type="recurring" if recurring else "one_time",
            **_amounts(asked),
        )
        self._shelf.tell("price.created", _shown(made))
        return _shown(made)

    def _recurring(self, asked: Obj | None) -> Obj | None:
        if asked is None:
            return None
        if asked.get("interval") not in _MONTHS:
            raise Problem(400, "Invalid recurring[interval]", param="recurring[interval]")
        metered = asked.get("usage_type") == "metered"
        # Since 2025-03-31.basil a metered price must have a meter (docs.stripe.com/changelog/basil).
        if metered != ("meter" in asked):
            raise Problem(400, "Metered prices must be backed by a meter.", param="recurring[meter]")
        if metered:
            self._shelf.get("billing.meter", asked["meter"], param="recurring[meter]")
        count = int(asked.get("interval_count", 1))
        usual = {"trial_period_days": None, "meter": None, "usage_type": "licensed"}
        return {**usual, **asked, "interval_count": count}

    def _claim(self, key: str | None, *, transfer: bool) -> None:
        holders = self._shelf.of("price", lookup_key=key) if key else []
        if holders and not transfer:
            raise Problem(
                400,
                f"A price (`{holders[0]['id']}`) already uses that lookup key.",
                code="resource_already_exists",
                param="lookup_key",
            )
        for holder in holders:
            holder["lookup_key"] = None

    def prices(self, asked: Obj) -> Obj:
        """GET /v1/prices; `tiers` are shown where they are asked for."""
        found = self._shelf.of("price")
        keys = asked.get("lookup_keys")
        if keys is not None:
            found = [each for each in found if each["lookup_key"] in keys]
        if "active" in asked:
            found = [each for each in found if each["active"] == truth(asked["active"])]
        tiers = "data.tiers" in asked.get("expand", [])
        return page([each if tiers else _shown(each) for each in found], asked, "/v1/prices")

    def update_price(self, asked: Obj, id: str) -> Obj:
        """POST /v1/prices/{id}: amounts never change."""
        price = self._shelf.get("price", id)
        if "active" in asked:
            asked["active"] = truth(asked["active"])
        self._shelf.change(price, "price.updated", **asked)
        return _shown(price)

    def price(self, id: str, param: str) -> Obj:
        """Return a price that is sold, with its tiers."""
        found = self._shelf.get("price", id, param=param)
        if not found["active"]:
            raise Problem(400, f"The price specified is inactive. (`{id}`)", code="price_inactive", param=param)
        return found

    # ---- meters

    def create_meter(self, asked: Obj) -> Obj:
        """POST /v1/billing/meters. An event name belongs to one active meter."""
        need(asked, "default_aggregation", "display_name", "event_name")
        if self._shelf.of("billing.meter", event_name=asked["event_name"], status="active"):
            raise Problem(400, "There is already an active meter with this event name.", param="event_name")
        mapping = {"event_payload_key": "stripe_customer_id", "type": "by_id"}
        usual = {"customer_mapping": mapping, "value_settings": {"event_payload_key": "value"}}
        fixed = {"status": "active", "updated": self._shelf.now(), "event_time_window": None}
        return self._shelf.add("billing.meter", "mtr", **{**fixed, **usual, **asked})

    def meters(self, asked: Obj) -> Obj:
        """GET /v1/billing/meters."""
        wanted = {"status": asked["status"]} if "status" in asked else {}
        return page(self._shelf.of("billing.meter", **wanted), asked, "/v1/billing/meters")


def _shown(price: Obj) -> Obj:
    return {name: value for name, value in price.items() if name != "tiers"}


def _amounts(asked: Obj) -> Obj:
    if asked.get("billing_scheme") == "tiered":
        need(asked, "tiers", "tiers_mode")
        return {"unit_amount": None, "unit_amount_decimal": None, "tiers": [_tier(each) for each in asked["tiers"]]}
    unit = _decimal(asked.get("unit_amount", asked.get("unit_amount_decimal")))
    return {"unit_amount": int(unit) if unit == int(unit) else None, "unit_amount_decimal": _plain(unit), "tiers": None}


def _tier(asked: Obj) -> Obj:
    unit = _decimal(asked.get("unit_amount", asked.get("unit_amount_decimal", "0")))
    most = None if asked["up_to"] == "inf" else int(asked["up_to"])
    return {"flat_amount": None, "unit_amount_decimal": _plain(unit), "up_to": most}


def _decimal(text: str | None) -> Decimal:
    try:
        found = Decimal(text or "")
    except InvalidOperation:
        raise Problem(400, "Invalid decimal", code="parameter_invalid_decimal", param="unit_amount_decimal") from None
    # "at most 12 decimal places" (API reference, prices/create).
    if found < 0 or -int(found.as_tuple().exponent) > 12:
        raise Problem(400, "Invalid decimal", code="parameter_invalid_decimal", param="unit_amount_decimal")
    return found


def _plain(value: Decimal) -> str:
    return format(value.normalize(), "f")


def charges(price: Obj, quantity: int) -> Iterator[Charge]:
    """Yield what a quantity costs. A graduated price gives a line for each tier that is used, as on real invoices."""
    if price["tiers"] is None:
        yield _charge(quantity, Decimal(price["unit_amount_decimal"]))
        return
    begun = 0
    for tier in price["tiers"]:
        end = quantity if tier["up_to"] is None else min(quantity, tier["up_to"])
        if end > begun or quantity == begun == 0:
            yield _charge(end - begun, Decimal(tier["unit_amount_decimal"]))
        begun = max(begun, end)
        if begun >= quantity:
            return


def _charge(quantity: int, unit: Decimal) -> Charge:
    return Charge(quantity, unit, int((unit * quantity).quantize(Decimal(1), ROUND_HALF_UP)))


def after(start: int, price: Obj, anchor: int) -> int:
    """Return the end of the period of `price` that begins at `start`: on the anchor's day, or the month's last."""
    recurring = price["recurring"]
    months = _MONTHS[recurring["interval"]] * recurring["interval_count"]
    begun, day = datetime.fromtimestamp(start, UTC), datetime.fromtimestamp(anchor, UTC).day
    year, month = divmod(begun.year * 12 + begun.month - 1 + months, 12)
    for last in (day, 30, 29, 28):
        try:
            return int(begun.replace(year=year, month=month + 1, day=min(day, last)).timestamp())
        except ValueError:
            continue
    raise AssertionError("every month has 28 days")
