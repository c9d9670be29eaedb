"""The partner API: the feed, streams, exports and webhooks behind keys, limits and counted usage."""

from stratumd import hookimpl
from stratumd.plugin.routes import Routes
from stratumd_partner_api.routes import PartnerApi


@hookimpl
def register_routes() -> list[type[Routes]]:
    """Provide the routes `partner-api`."""
    return [PartnerApi]
