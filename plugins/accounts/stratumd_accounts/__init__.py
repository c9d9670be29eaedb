"""Accounts: people and partners, how they log in, what they may do, and the keys that they call the API with."""

from stratumd import hookimpl
from stratumd.plugin.operations import Operation
from stratumd.plugin.routes import Routes
from stratumd_accounts import key_operations, operations
from stratumd_accounts.routes import AccountsRoutes

__all__ = ["AccountsRoutes"]


@hookimpl
def register_routes() -> list[type[Routes]]:
    """Provide the routes `accounts`."""
    return [AccountsRoutes]


@hookimpl
def register_operations() -> list[type[Operation]]:
    """Provide `stratumd accounts …` and `stratumd keys …`."""
    return [*operations.OPERATIONS, *key_operations.OPERATIONS]
