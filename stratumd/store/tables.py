"""The tables, the same in both databases. Times are microseconds UTC, prices decimal odds, `event_id` and `series_id`
the keys of keys.py, JSON is kept as text exactly as it was written.

`changes`, `latest` and `series` hold facts per pipeline, through the series' key. Narrow tables are clustered by event
and time: a market's history lies on few pages however large the table grows.
"""

from __future__ import annotations

from typing import Any

from sqlalchemy import (
    BigInteger,
    Column,
    Double,
    Index,
    Integer,
    LargeBinary,
    MetaData,
    Table,
    Text,
    UniqueConstraint,
    text,
)
from sqlalchemy.dialects import postgresql

from stratumd.store.packed import Packed

metadata = MetaData()

# The C collation sorts by code point, as SQLite does: the same order from both.
_TEXT = Text().with_variant(postgresql.TEXT(collation="C"), "postgresql")
# In SQLite an INTEGER primary key is the row's own address.
_POSITION = BigInteger().with_variant(Integer(), "sqlite")


def _text(name: str, *, key: bool = False, null: bool = False) -> Column[str]:
    return Column(name, _TEXT, primary_key=key, nullable=null)


def _int(name: str, *, key: bool = False, null: bool = False) -> Column[int]:
    return Column(name, BigInteger, primary_key=key, nullable=null, autoincrement=False)


def _default(name: str, value: str) -> Column[str]:
    return Column(name, _TEXT, nullable=False, server_default=value)


def _float(name: str, *, key: bool = False, null: bool = False) -> Column[float]:
    return Column(name, Double, primary_key=key, nullable=null)


def _table(name: str, *columns: Any, clustered: bool = False) -> Table:
    return Table(name, metadata, *columns, sqlite_with_rowid=not clustered)


counters = _table("counters", _text("name", key=True), _int("value"), clustered=True)
"""Gap-free positions, raised inside the transaction that uses them: who reads up to one has missed nothing below."""

observations = _table(
    "observations",
    Column("position", _POSITION, primary_key=True, autoincrement=False),
    Column("id", _TEXT, nullable=False, unique=True),
    _text("source"),
    _text("format"),
    _int("received_at"),
    _int("status"),
    _text("path"),
    _text("params"),
    _int("request_key"),
    _text("headers"),
    _text("origin"),
    _text("body_sha256"),
    _int("body_bytes"),
    Column("body", LargeBinary, nullable=False),
    Index("observations_by_source", "source", "position"),
    Index("observations_by_time", "received_at"),
)
"""T1: every answer as received; `body` is compressed with zstd, `body_sha256` and `body_bytes` are of the original."""

polls = _table(
    "polls",
    _text("id", key=True),
    _text("source"),
    _int("started_at"),
    _int("elapsed"),
    _text("path"),
    _text("params"),
    _int("status", null=True),
    _text("error", null=True),
    _text("code", null=True),
    _text("detail", null=True),
    _int("credits_remaining", null=True),
    _int("credits_used", null=True),
    _int("credits_last", null=True),
    _int("body_bytes", null=True),
    _text("observation", null=True),
    Index("polls_by_source", "source", "started_at"),
    Index("polls_by_observation", "observation"),
)
"""T1: every exchange with a provider, answered or not; `error` is the class of what went wrong."""

cursors = _table("cursors", _text("pipeline", key=True), _text("source", key=True), _int("floor"), clustered=True)
"""Every observation of the source up to position `floor` has been processed by the pipeline; later ones are looked up
in `processed` one by one, so an observation that arrives late is never passed over."""

processed = _table(
    "processed",
    _text("pipeline", key=True),
    _text("observation", key=True),
    _int("position"),
    _text("source"),
    _int("request_key"),
    _int("received_at"),
    _int("observed_at"),
    _int("whole"),
    _int("quotes"),
    _int("events"),
    _int("changes"),
    _int("signals"),
    UniqueConstraint("pipeline", "position", name="processed_in_order"),
    Index("processed_by_time", "pipeline", "received_at"),
    Index("processed_by_request", "pipeline", "request_key", "received_at"),
)
"""T2: one row per step that was committed; `position` is the order in which the pipeline took them."""

builds = _table("builds", _text("pipeline", key=True), _int("position", key=True), _text("body"), clustered=True)
"""What a pipeline was built from (JSON) since its step `position`: versions, options, hashes of the code."""

events = _table(
    "events",
    _int("event_id", key=True),
    Column("event", _TEXT, nullable=False, unique=True),
    _text("sport"),
    _text("home"),
    _text("away"),
    _int("commence_at"),
    _int("first_seen"),
    _int("observed_at"),
    Index("events_by_start", "commence_at"),
)
"""The newest word on each event."""

event_starts = _table(
    "event_starts",
    _int("event_id", key=True),
    _int("observed_at", key=True),
    _int("commence_at"),
    clustered=True,
)
"""Every start that was announced for an event, and when."""

event_phases = _table(
    "event_phases",
    _int("event_id", key=True),
    _int("observed_at", key=True),
    _text("phase"),
    _text("source"),
    _int("home_score", null=True),
    _int("away_score", null=True),
    clustered=True,
)
"""An event's life: every phase it entered, whose word that is (`offers`, or a source of scores), and the score then."""

event_results = _table(
    "event_results",
    _int("event_id", key=True),
    _text("phase"),
    _int("since"),
    _text("source"),
    _text("game"),
    _int("home_score", null=True),
    _int("away_score", null=True),
    _text("clock"),
    _int("observed_at"),
)
"""The newest word on each event's phase and score; `game` is empty where offers alone speak of it."""

games = _table(
    "games",
    _text("source", key=True),
    _text("game", key=True),
    _text("sport"),
    _text("home"),
    _text("away"),
    _int("commence_at"),
    _text("phase"),
    _int("home_score", null=True),
    _int("away_score", null=True),
    _text("clock"),
    _text("named", null=True),
    _int("observed_at"),
    _text("observation"),
    _int("event_id", null=True),
    _text("matched_by"),
    _text("reason"),
    Index("games_by_start", "sport", "commence_at"),
    Index("games_by_event", "event_id"),
)
"""The newest word of each source of scores on each of its games, and the event that it belongs to: NULL where none is
sure. `named` is the event's id where the provider shares its ids with the odds."""

game_matches = _table(
    "game_matches",
    _text("source", key=True),
    _text("game", key=True),
    _int("decided_at", key=True),
    _int("event_id", null=True),
    _text("matched_by"),
    _text("reason"),
)
"""Which event each game was given or refused, when, and by whom: `id`, `teams`, or `hand` with the person's name."""

books = _table("books", _text("key", key=True), _int("first_seen"), clustered=True)

series = _table(
    "series",
    _int("event_id", key=True),
    _int("series_id", key=True),
    _text("pipeline"),
    _text("book"),
    _text("market"),
    _text("player", null=True),
    _text("outcome"),
    _float("rung", null=True),
    clustered=True,
)

changes = _table(
    "changes",
    _int("event_id", key=True),
    _int("observed_at", key=True),
    _int("series_id", key=True),
    _float("line", null=True),
    _float("price", null=True),
    _int("last_update", null=True),
    clustered=True,
)
"""Every quote that appeared, changed, or (`price` NULL) disappeared."""

latest = _table(
    "latest",
    _int("event_id", key=True),
    _int("series_id", key=True),
    _int("changed_at"),
    _float("line", null=True),
    _float("price", null=True),
    _int("last_update", null=True),
    clustered=True,
)
"""The newest change of every series."""

coverage = _table(
    "coverage",
    _text("pipeline", key=True),
    _int("event_id", key=True),
    _text("market", key=True),
    _text("player", key=True),
    _int("first_seen"),
    _int("observed_at"),
    clustered=True,
)
"""When a market was last observed: whatever is present there was confirmed then. `player` is empty for team markets."""

issues = _table(
    "issues",
    _text("pipeline", key=True),
    _text("observation", key=True),
    _int("number", key=True),
    _int("observed_at"),
    _text("rule"),
    _text("severity"),
    _text("detail"),
    _text("event", null=True),
    _text("book", null=True),
    _text("market", null=True),
    Index("issues_by_time", "observed_at"),
)

consensus = _table(
    "consensus",
    _int("event_id", key=True),
    _int("observed_at", key=True),
    _text("pipeline", key=True),
    _text("market", key=True),
    _text("player", key=True),
    _text("outcomes"),
    _float("line", null=True),
    _float("fair_line", null=True),
    _text("probabilities"),
    _text("prices"),
    _float("dispersion", null=True),
    _int("books"),
    _int("operators"),
    Column("contributors", Packed, nullable=False),
    _text("reason", null=True),
)
"""T2: the points of each market; `contributors` are JSON, packed."""

records = _table(
    "records",
    _int("event_id", key=True),
    _int("observed_at", key=True),
    _text("pipeline", key=True),
    _text("kind", key=True),
    _text("market", key=True),
    _text("player", key=True),
    _text("body"),
)
"""What detectors record besides the consensus, as JSON."""

signals = _table(
    "signals",
    _text("id", key=True),
    _text("type"),
    _text("pipeline"),
    _text("detector"),
    _text("detector_version"),
    _text("sport"),
    _text("event"),
    _text("home"),
    _text("away"),
    _int("commence_at"),
    _text("market"),
    _text("player", null=True),
    _text("outcome"),
    _text("direction"),
    _text("operator", null=True),
    _text("books"),
    _float("magnitude"),
    _float("threshold"),
    _int("strength"),
    _int("observed_at"),
    _int("expires_at", null=True),
    _text("observation"),
    _text("metadata"),
    Index("signals_by_time", "observed_at", "id"),
    Index("signals_by_event", "event", "observed_at"),
)

feed = _table(
    "feed",
    Column("sequence", _POSITION, primary_key=True, autoincrement=False),
    Column("signal", _TEXT, nullable=False),
    UniqueConstraint("signal", name="feed_of_signals"),
)
"""T2: the signals of all pipelines in the order of their commits: `sequence` is raised inside the transaction, so who
has read up to one has missed none before it."""

roots = _table(
    "roots",
    _text("day", key=True),
    _int("first"),
    _int("size"),
    _text("root"),
    _text("previous"),
    Column("leaves", LargeBinary, nullable=False),
    _text("signature", null=True),
)
"""What binds the signals of each day, for good: `Head` of the record, the hashes of its leaves one after the other."""

audit = _table(
    "audit",
    Column("sequence", _POSITION, primary_key=True, autoincrement=False),
    _int("at"),
    _text("actor"),
    _text("action"),
    _text("target"),
    _text("before"),
    _text("after"),
    _text("reason"),
    _text("request_id"),
    _text("previous"),
    _text("hash"),
    Index("audit_by_actor", "actor", "sequence"),
    Index("audit_by_target", "target", "sequence"),
)
"""What people did: the rows before and after (JSON), each row with the hash of the one before it."""

states = _table(
    "states",
    _text("pipeline", key=True),
    _text("component", key=True),
    _text("event", key=True),
    _text("body"),
)
"""What the gate, the records and the detectors of a pipeline remember, as JSON."""

failures = _table(
    "failures",
    _text("pipeline", key=True),
    _text("observation", key=True),
    _text("component", key=True),
    _text("event", key=True),
    _int("observed_at"),
    _text("error"),
    _text("place"),
    Index("failures_by_time", "observed_at"),
)
"""Components that were skipped at an observation; `event` is empty where all of it was."""

_WAITING = text("state IN ('pending', 'in_flight')")

deliveries = _table(
    "deliveries",
    _text("id", key=True),
    _text("signal"),
    _text("sink"),
    _text("event"),
    _int("observed_at"),
    _int("expires_at", null=True),
    _text("state"),
    _int("attempts"),
    _int("due_at"),
    _text("owner", null=True),
    _int("lease_until", null=True),
    _text("error", null=True),
    _text("receipt", null=True),
    _int("ended_at", null=True),
    Index(
        "deliveries_waiting",
        "sink",
        "observed_at",
        "signal",
        sqlite_where=_WAITING,
        postgresql_where=_WAITING,
    ),
    Index(
        "deliveries_in_order",
        "sink",
        "event",
        "observed_at",
        "signal",
        sqlite_where=_WAITING,
        postgresql_where=_WAITING,
    ),
    Index("deliveries_by_state", "sink", "state"),
)
"""One row per signal and sink: `pending`, `in_flight`, `delivered`, `expired` or `dead`."""

disabled_sinks = _table("disabled_sinks", _text("sink", key=True), _text("reason"), _int("since"), _text("options"))
"""Sinks whose receiver is gone; `options` is a salted hash of those that the sink had."""

breakers = _table(
    "breakers",
    _text("kind", key=True),
    _text("name", key=True),
    _text("reason"),
    _int("failures"),
    _int("since"),
    _int("retry_at"),
    _text("options"),
)
"""Components that are left alone after failures, by kind (`sink`, …) and name; a row is there until one succeeds."""

pauses = _table("pauses", _text("source", key=True), _text("reason"), _int("since"), _int("until", null=True))
"""Sources and jobs that a person paused, by name, until a time or until they are resumed."""

schedules = _table("schedules", _text("schedule", key=True), _int("newest"), clustered=True)
"""The newest instant of each schedule that was taken."""

instants = _table(
    "instants",
    _text("schedule", key=True),
    _int("instant", key=True),
    _int("taken_at"),
    _text("owner"),
    clustered=True,
)
"""Due instants of the last days: whoever inserted one ran it."""

leases = _table("leases", _text("pipeline", key=True), _text("owner"), _int("epoch"), _int("until"))
"""Which daemon works each pipeline, until when by the database's clock; each new holder raises the epoch."""

charges = _table(
    "charges",
    _text("poll", key=True),
    _text("source"),
    _int("charged_at"),
    _text("feature"),
    _text("tier"),
    _int("credits"),
    _int("price", null=True),
    _text("asked"),
    Index("charges_by_source", "source", "charged_at"),
)
"""T1: what each exchange of the poll log counts in the budgets, what it should cost by the source's own model, the band
of the cadence that made it due, and the only events that it asked for (JSON; none where all were)."""

notices = _table(
    "notices",
    _text("id", key=True),
    _text("kind"),
    _text("title"),
    _text("text"),
    _int("at"),
    _text("recipient", null=True),
    _text("about"),
    _text("state"),
    _default("severity", "info"),
    _default("resolved", ""),
    _default("figures", "{}"),
    Index("notices_by_state", "state", "at"),
    Index("notices_by_time", "at"),
)
"""What the daemon has to tell its operator, or one person (`recipient`): `new`, or `out` to sinks, but not to the sink
`about`. The text of one to a person is empty once it was sent, and after an hour. `resolved` is `yes` where it says
that something is over, `figures` is JSON."""

notice_sinks = _table(
    "notice_sinks",
    _text("notice", key=True),
    _text("sink", key=True),
    _text("state"),
    _int("attempts"),
    _int("due_at"),
    _text("owner", null=True),
    _int("lease_until", null=True),
    _text("error", null=True),
    _int("ended_at", null=True),
    Index("notice_sinks_by_state", "state", "sink", "due_at"),
)
"""One row per notice and sink: `pending`, `in_flight`, `delivered`, `expired` or `dead`."""

alerts = _table(
    "alerts",
    _text("key", key=True),
    _text("kind"),
    _text("subject"),
    _text("severity"),
    _text("title"),
    _text("text"),
    _int("since"),
    _int("said_at", null=True),
    _int("clear_since", null=True),
    _text("owner", null=True),
    _int("seen_at"),
)
"""What is wrong now, or was until a moment ago (`clear_since`). `said_at` is when a notice told of it last; `owner` is
the only daemon that can know, where it is not the store's word."""

cycles = _table(
    "cycles",
    _text("pipeline", key=True),
    _int("position", key=True),
    _int("observations"),
    _int("finished_at"),
    _int("latency"),
    _int("requests_used_delta"),
    _int("requests_last", null=True),
    _int("snapshots_inserted"),
    _int("consensus_points_written"),
    _text("signals_created_by_type"),
    Index("cycles_by_time", "finished_at"),
)
"""T2: the figures of each cycle, the steps that one commit holds: `position` is of the last of them,
`signals_created_by_type` is JSON. What became of its signals' deliveries is counted when it is read."""
