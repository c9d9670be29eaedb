"""Meter events of the fake Stripe: their windows, their identifiers, and what they add up to."""

from __future__ import annotations

from stratumd.testing.stripe_shelf import Shelf
from stratumd.testing.stripe_wire import Obj, Problem, need, page

OLDEST = 35 * 24 * 3600
"""Seconds: "within the past 35 calendar days" (API reference, billing/meter-event/create)."""
AHEAD = 5 * 60
"""Seconds: "up to 5 minutes in the future" (the same)."""
UNIQUE = 24 * 3600
"""Seconds: an identifier is unique "within a rolling period of at least 24 hours" (the same). Here no longer."""


class Meters:
    """What was used."""

    def __init__(self, shelf: Shelf) -> None:
        self._shelf = shelf
        self.received: list[Obj] = []
        """Every event that counts, in the order of arrival; `received` is when it came."""
        self._seen: dict[str, int] = {}

    def create(self, asked: Obj) -> Obj:
        """POST /v1/billing/meter_events."""
        need(asked, "event_name", "payload")
        now = self._shelf.now()
        at = int(asked.get("timestamp", now))
        identifier = asked.get("identifier") or self._shelf.id("evt_idn")
        self._check(asked, at, identifier, now)
        made = {
            "object": "billing.meter_event",
            "created": now,
            "event_name": asked["event_name"],
            "identifier": identifier,
            "livemode": False,
            "payload": asked["payload"],
            "timestamp": at,
        }
        self._seen[identifier] = now
        self.received.append({**made, "received": now})
        return made

    def _check(self, asked: Obj, at: int, identifier: str, now: int) -> None:
        if not self._shelf.of("billing.meter", event_name=asked["event_name"], status="active"):
            raise Problem(400, f"No active meter found for event name {asked['event_name']}.", code="no_meter")
        if now - at > OLDEST:
            raise Problem(
                400, "The event timestamp is too far in the past.", code="timestamp_too_far_in_past", param="timestamp"
            )
        if at - now > AHEAD:
            raise Problem(400, "The event timestamp is in the future.", code="timestamp_in_future", param="timestamp")
        payload = asked["payload"]
        if not str(payload.get("value", "")).isdigit():
            raise Problem(400, "The event value is invalid.", code="meter_event_invalid_value", param="payload[value]")
        customer = str(payload.get("stripe_customer_id"))
        if not any(each["id"] == customer for each in self._shelf.of("customer")):
            raise Problem(400, f"No such customer: '{customer}'", code="meter_event_customer_not_found")
        # The real one answers so, with no code of its own and `Stripe-Should-Retry: false`:
        # github.com/langfuse/langfuse pull request 16292 quotes it.
        if identifier in self._seen and now - self._seen[identifier] < UNIQUE:
            raise Problem(400, f"An event already exists with identifier {identifier}.")

    def used(self, customer: str, meter: str, start: int, end: int) -> int:
        """Return the sum of a customer's events in [start, end)."""
        name = self._shelf.get("billing.meter", meter)["event_name"]
        return sum(
            int(each["payload"]["value"])
            for each in self.received
            if each["payload"]["stripe_customer_id"] == customer
            and each["event_name"] == name
            and start <= each["timestamp"] < end
        )

    def summaries(self, asked: Obj, id: str) -> Obj:
        """GET /v1/billing/meters/{id}/event_summaries, without grouping."""
        need(asked, "customer", "start_time", "end_time")
        start, end = int(asked["start_time"]), int(asked["end_time"])
        if start % 60 or end % 60:
            raise Problem(400, "Times must be aligned with minute boundaries.", param="start_time")
        self._shelf.get("customer", asked["customer"], param="customer")
        summary = {
            "id": f"mtrusg_{id}_{start}_{end}",
            "object": "billing.meter_event_summary",
            "aggregated_value": float(self.used(asked["customer"], id, start, end)),
            "start_time": start,
            "end_time": end,
            "livemode": False,
            "meter": id,
        }
        return page([summary], asked, f"/v1/billing/meters/{id}/event_summaries")
