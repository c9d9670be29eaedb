"""Everything that is kept, in SQLite or PostgreSQL: the only room that knows SQL."""

from stratumd.store.alerts import Alert, Alerts, Change, Decide
from stratumd.store.backup import backup, restore
from stratumd.store.breakers import Outage
from stratumd.store.charges import Charge, Quota
from stratumd.store.cycles import Kpi
from stratumd.store.deliveries import Waiting
from stratumd.store.desk import StoreDesk
from stratumd.store.errors import (
    LeaseLost,
    NoDatabase,
    StoreBroken,
    StoreBusy,
    StoreDown,
    StoreError,
    StoreFull,
    StoreRefused,
)
from stratumd.store.facts import Facts, Question
from stratumd.store.figures import Figures
from stratumd.store.files import plugin_migrations
from stratumd.store.instants import Newest, Taken
from stratumd.store.leases import Lease
from stratumd.store.ledger import StoreLedger
from stratumd.store.letters import UnknownDeliveryError, Wanted
from stratumd.store.lookup import UnknownEventError, UnknownSignalError
from stratumd.store.migrate import Revision
from stratumd.store.moving import FORMS, Moved, Part
from stratumd.store.notices import Errand, Routed, Taker
from stratumd.store.opening import (
    audit_breaks,
    damage,
    enable_sink,
    is_made,
    may_make_tables,
    migrate_plugins,
    open_desk,
    open_ledger,
    open_reader,
    open_roots,
    open_store,
    pause_schedule,
    replay_deliveries,
    resume_schedule,
    schema,
)
from stratumd.store.reader import Reader
from stratumd.store.retention import LENGTHS, Cleaned, Keep
from stratumd.store.rewriting import Rewritten
from stratumd.store.roots import Breach, Closed, NotRecorded, Roots
from stratumd.store.sinks import Disabled
from stratumd.store.soundness import Damage
from stratumd.store.store import Commit, NewDelivery, Store

__all__ = [
    "FORMS",
    "LENGTHS",
    "Alert",
    "Alerts",
    "Breach",
    "Change",
    "Charge",
    "Cleaned",
    "Closed",
    "Commit",
    "Damage",
    "Decide",
    "Disabled",
    "Errand",
    "Facts",
    "Figures",
    "Keep",
    "Kpi",
    "Lease",
    "LeaseLost",
    "Moved",
    "NewDelivery",
    "Newest",
    "NoDatabase",
    "NotRecorded",
    "Outage",
    "Part",
    "Question",
    "Quota",
    "Reader",
    "Revision",
    "Rewritten",
    "Roots",
    "Routed",
    "Store",
    "StoreBroken",
    "StoreBusy",
    "StoreDesk",
    "StoreDown",
    "StoreError",
    "StoreFull",
    "StoreLedger",
    "StoreRefused",
    "Taken",
    "Taker",
    "UnknownDeliveryError",
    "UnknownEventError",
    "UnknownSignalError",
    "Waiting",
    "Wanted",
    "audit_breaks",
    "backup",
    "damage",
    "enable_sink",
    "is_made",
    "may_make_tables",
    "migrate_plugins",
    "open_desk",
    "open_ledger",
    "open_reader",
    "open_roots",
    "open_store",
    "pause_schedule",
    "plugin_migrations",
    "replay_deliveries",
    "restore",
    "resume_schedule",
    "schema",
]
