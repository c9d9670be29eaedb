"""Plans sold by Stripe subscriptions, entitlements that follow them, and usage that is billed exactly once."""

from stratumd import hookimpl
from stratumd.plugin.operations import Operation
from stratumd.plugin.routes import Routes
from stratumd_stripe_billing.operations import (
    Cancel,
    Events,
    Reactivate,
    Reconcile,
    Resync,
    SetUp,
    ShowQueue,
    Status,
)
from stratumd_stripe_billing.routes import StripeBilling

__all__ = ["StripeBilling"]


@hookimpl
def register_routes() -> list[type[Routes]]:
    """Provide the endpoints."""
    return [StripeBilling]


@hookimpl
def register_operations() -> list[type[Operation]]:
    """Provide what `stratumd billing` does."""
    return [Cancel, Events, Reactivate, Reconcile, Resync, SetUp, ShowQueue, Status]
