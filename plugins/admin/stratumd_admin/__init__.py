"""Administration: roles and what they may do, operations over HTTP with receipts, the audit, and service tokens."""

from stratumd import hookimpl
from stratumd.plugin.operations import Operation
from stratumd.plugin.routes import Routes
from stratumd_admin.operations import OPERATIONS
from stratumd_admin.routes import AdminRoutes

__all__ = ["AdminRoutes"]


@hookimpl
def register_routes() -> list[type[Routes]]:
    """Provide the routes `admin`."""
    return [AdminRoutes]


@hookimpl
def register_operations() -> list[type[Operation]]:
    """Provide `stratumd service-tokens …` and `stratumd runs …`."""
    return OPERATIONS
