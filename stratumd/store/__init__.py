"""Everything that is kept, in SQLite or PostgreSQL: the only room that knows SQL."""

from stratumd.store.deliveries import Waiting
from stratumd.store.errors import StoreBroken, StoreBusy, StoreDown, StoreError, StoreFull
from stratumd.store.opening import open_reader, open_store
from stratumd.store.reader import Reader
from stratumd.store.store import Commit, NewDelivery, Store

__all__ = [
    "Commit",
    "NewDelivery",
    "Reader",
    "Store",
    "StoreBroken",
    "StoreBusy",
    "StoreDown",
    "StoreError",
    "StoreFull",
    "Waiting",
    "open_reader",
    "open_store",
]
