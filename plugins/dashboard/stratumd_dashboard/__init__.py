"""The dashboard: the board, events, signals, closing lines and the daemon's health on one page."""

from stratumd import hookimpl
from stratumd.plugin.routes import Routes
from stratumd_dashboard.routes import Dashboard


@hookimpl
def register_routes() -> list[type[Routes]]:
    """Provide the routes `dashboard`."""
    return [Dashboard]
