"""Everything that is kept, in SQLite or PostgreSQL: the only room that knows SQL."""

from stratumd.store.deliveries import Waiting
from stratumd.store.errors import StoreBroken, StoreBusy, StoreDown, StoreError, StoreFull, StoreRefused
from stratumd.store.files import plugin_migrations
from stratumd.store.lookup import UnknownEventError, UnknownSignalError
from stratumd.store.migrate import Revision
from stratumd.store.opening import enable_sink, open_reader, open_store, schema
from stratumd.store.reader import Reader
from stratumd.store.sinks import Disabled
from stratumd.store.store import Commit, NewDelivery, Store

__all__ = [
    "Commit",
    "Disabled",
    "NewDelivery",
    "Reader",
    "Revision",
    "Store",
    "StoreBroken",
    "StoreBusy",
    "StoreDown",
    "StoreError",
    "StoreFull",
    "StoreRefused",
    "UnknownEventError",
    "UnknownSignalError",
    "Waiting",
    "enable_sink",
    "open_reader",
    "open_store",
    "plugin_migrations",
    "schema",
]
