"""The partner API: the feed, streams, exports and webhooks behind keys, limits and counted usage."""

from stratumd import hookimpl
from stratumd.plugin.operations import Operation
from stratumd.plugin.routes import Routes
from stratumd_partner_api.operations import OPERATIONS
from stratumd_partner_api.routes import PartnerApi


@hookimpl
def register_routes() -> list[type[Routes]]:
    """Provide the routes `partner-api`."""
    return [PartnerApi]


@hookimpl
def register_operations() -> list[type[Operation]]:
    """Provide `stratumd usage …`."""
    return OPERATIONS
