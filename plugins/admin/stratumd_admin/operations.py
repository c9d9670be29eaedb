"""The command lines `stratumd service-tokens …` and `stratumd runs …`."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import timedelta
from typing import Annotated, Any, ClassVar, Literal

from pydantic import Field, StringConstraints

from stratumd.plugin import PluginConfig, micros
from stratumd.plugin.desk import Act
from stratumd.plugin.operations import Operation
from stratumd.plugin.routes import Refused
from stratumd_admin import diagnostics
from stratumd_admin.backfills import Backfills, Wanted
from stratumd_admin.pages import moment
from stratumd_admin.tokens import ServiceTokens

Rows = Iterable[Mapping[str, Any]]
Id = Annotated[str, StringConstraints(min_length=1, max_length=64)]
Name = Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9][A-Za-z0-9_.-]{0,63}$")]
"""A name as files and command lines take it."""


class TokenOperation(Operation):
    """Base of what is done with service tokens."""

    permission: ClassVar[str] = "service-tokens:write"
    columns: ClassVar[Mapping[str, str]] = {
        "id": "ID", "name": "NAME", "status": "STATUS", "scopes": "SCOPES", "expires_at": "EXPIRES",
        "last_used_at": "LAST USED",
    }  # fmt: skip

    @property
    def tokens(self) -> ServiceTokens:
        """Where the work is done."""
        return self.context.service(ServiceTokens)


class ListTokens(TokenOperation):
    """List service tokens, but not themselves."""

    name = "admin.service-tokens.list"
    command = ("service-tokens", "list")
    permission = "service-tokens:read"
    writes = False

    async def run(self, act: Act) -> Rows:
        """List them."""
        return await self.tokens.listed()


class NewToken(PluginConfig):
    """A token to be made."""

    name: Name
    """Which program it is for."""
    scopes: tuple[Literal["ops:read", "ops:run"], ...] = Field(default=("ops:read",), min_length=1, max_length=8)
    """What it may do: `ops:read`, `ops:run`."""
    expires_in: timedelta | None = Field(default=None, gt=timedelta())
    """How long it works; as long as the options of `admin` allow where it is not given."""


class Issue(TokenOperation):
    """Make a service token: it is shown once."""

    name = "admin.service-tokens.issue"
    command = ("service-tokens", "issue")
    sensitive = True
    once = ("token",)
    columns: ClassVar[Mapping[str, str]] = {**TokenOperation.columns, "token": "TOKEN"}
    config = NewToken
    options: NewToken

    @property
    def target(self) -> str:
        """The program."""
        return self.options.name

    async def run(self, act: Act) -> Rows:
        """Make it."""
        return [await self.tokens.issue(act, self.options.name, self.options.scopes, self.options.expires_in)]


class OneToken(PluginConfig):
    """Which token."""

    token: Id
    """The token's id: the part between the second and the third underscore."""


class RotationOf(OneToken):
    """Which token is replaced."""

    overlap: timedelta | None = Field(default=None, ge=timedelta(), le=timedelta(days=30))
    """How long the old one works on; as the options of `admin` say where it is not given."""


class Rotate(TokenOperation):
    """Replace a service token by a new one, which is shown once; both work for a while."""

    name = "admin.service-tokens.rotate"
    command = ("service-tokens", "rotate")
    sensitive = True
    once = ("token",)
    columns: ClassVar[Mapping[str, str]] = {**TokenOperation.columns, "token": "TOKEN"}
    config = RotationOf
    options: RotationOf

    @property
    def target(self) -> str:
        """The token's id."""
        return self.options.token

    async def run(self, act: Act) -> Rows:
        """Replace it."""
        return [await self.tokens.rotate(act, self.target, self.options.overlap)]


class Revoke(TokenOperation):
    """Revoke a service token: the next request with it is refused."""

    name = "admin.service-tokens.revoke"
    command = ("service-tokens", "revoke")
    sensitive = True
    config = OneToken
    options: OneToken

    @property
    def target(self) -> str:
        """The token's id."""
        return self.options.token

    async def run(self, act: Act) -> Rows:
        """Revoke it."""
        return [await self.tokens.revoke(act, self.target)]


class Which(PluginConfig):
    """Which polls."""

    source: Name | None = None
    """Only of this source."""
    polls: int = Field(default=5, ge=1, le=50)
    """The newest so many of each source."""


class Diagnose(Operation):
    """Show how each source is polled: its newest polls and errors, credits, and its circuit breaker."""

    name = "admin.runs.diagnose"
    command = ("runs", "diagnose")
    permission = "runs:read"
    writes = False
    config = Which
    options: Which
    columns: ClassVar[Mapping[str, str]] = {
        "source": "SOURCE", "polls_24h": "POLLS 24H", "success_rate_24h": "SUCCESS", "credits_remaining": "CREDITS",
        "last_poll_at": "LAST POLL", "last_error": "LAST ERROR", "retry_at": "NEXT TRY",
    }  # fmt: skip

    async def run(self, act: Act) -> Rows:
        """Show a row for each source."""
        now, asked = self.context.clock.now(), self.options
        return await self.context.archive.read(lambda history: diagnostics.sources(history, now, asked))


class Again(PluginConfig):
    """Which deliveries."""

    sink: Name | None = None
    """Only to this sink, as `nba.discord` or `discord`."""
    states: tuple[Literal["dead", "expired", "delivered"], ...] = Field(default=("dead",), min_length=1, max_length=3)
    """Which of those that have ended: `dead`, `expired`, `delivered`."""
    since: str | None = Field(default=None, max_length=40)
    """Only signals observed since then, such as 2026-07-14T21:30:00Z."""
    event: Id | None = None
    """Only of this event: its id, or how it begins."""
    ids: tuple[Id, ...] = Field(default=(), max_length=100)
    """Only these: ids, or how they begin."""
    limit: int = Field(default=100, ge=1, le=1_000)
    """The newest so many at most."""


class Replay(Operation):
    """Send deliveries again that have ended: dead letters, unless told otherwise. Their ids stay the same."""

    name = "admin.runs.replay-deliveries"
    command = ("runs", "replay-deliveries")
    permission = "runs:write"
    config = Again
    options: Again

    @property
    def target(self) -> str:
        """The sink, or all."""
        return self.options.sink or "all sinks"

    async def run(self, act: Act) -> Rows:
        """Let them wait again."""
        asked = self.options
        since = None if asked.since is None else moment("since", asked.since)
        wanted: dict[str, Any] = {"sink": asked.sink, "states": asked.states, "since": since, "event": asked.event}
        try:
            found = await self.context.desk.write(
                lambda writing: writing.resend(**wanted, ids=asked.ids, limit=asked.limit), act
            )
        except LookupError as error:
            raise Refused(404, f"{error}.") from None
        return [row.public() for row in found]


class BackfillOperation(Operation):
    """Base of what is done with backfills."""

    permission: ClassVar[str] = "runs:write"
    columns: ClassVar[Mapping[str, str]] = {
        "id": "ID", "state": "STATE", "asked_by": "ASKED BY", "command": "COMMAND", "outcome": "OUTCOME",
    }  # fmt: skip

    @property
    def backfills(self) -> Backfills:
        """Where the work is done."""
        return Backfills(self.context.desk)


class NewBackfill(PluginConfig):
    """What is wanted of the past, and the limits that end it in any case."""

    source: Name
    """The source to ask."""
    sport: Name
    """Which of its sports, such as basketball_nba."""
    start: str = Field(max_length=40)
    """From then on, such as 2026-01-10T00:00:00Z."""
    end: str = Field(max_length=40)
    """Up to then, not included; at most 366 days later."""
    max_requests: int = Field(ge=1, le=100_000)
    """Requests at most."""
    min_remaining: int = Field(ge=0, le=1_000_000_000)
    """Credits that are left in any case."""
    step: timedelta = Field(default=timedelta(days=1), ge=timedelta(minutes=1), le=timedelta(days=31))
    """Between two snapshots."""
    markets: tuple[Name, ...] = Field(default=(), max_length=50)
    """Which markets; the source's own where none are named."""
    max_events: int | None = Field(default=None, ge=1, le=100_000)
    """Games at most."""


class AskBackfill(BackfillOperation):
    """Put a backfill into the queue, with limits. Whoever has the console runs it: `runs backfills` says how."""

    name = "admin.runs.request-backfill"
    command = ("runs", "request-backfill")
    config = NewBackfill
    options: NewBackfill

    @property
    def target(self) -> str:
        """The source."""
        return self.options.source

    async def run(self, act: Act) -> Rows:
        """Put it there."""
        asked = self.options
        wanted = Wanted(
            asked.source,
            asked.sport,
            asked.markets,
            moment("start", asked.start),
            moment("end", asked.end),
            micros(asked.step),
            asked.max_requests,
            asked.max_events,
            asked.min_remaining,
        )
        return [await self.backfills.ask(act, wanted)]


class WhichBackfills(PluginConfig):
    """Which backfills."""

    state: Literal["queued", "done", "cancelled"] | None = "queued"
    """Only in this state; those that wait where nothing is said."""
    limit: int = Field(default=100, ge=1, le=1_000)
    """The newest so many."""


class ListBackfills(BackfillOperation):
    """List the backfills that were asked for, each with the command that runs it."""

    name = "admin.runs.backfills"
    command = ("runs", "backfills")
    permission = "runs:read"
    writes = False
    config = WhichBackfills
    options: WhichBackfills

    async def run(self, act: Act) -> Rows:
        """List them."""
        return await self.backfills.listed(self.options.state, self.options.limit)


class Closing(PluginConfig):
    """Which backfill is over."""

    backfill: Id
    """Its id."""
    state: Literal["done", "cancelled"] = "done"
    """`done`, or `cancelled` where it shall not be run."""
    outcome: str = Field(default="", max_length=500)
    """What came of it."""


class CloseBackfill(BackfillOperation):
    """Take a backfill out of the queue: it was run, or shall not be."""

    name = "admin.runs.close-backfill"
    command = ("runs", "close-backfill")
    config = Closing
    options: Closing

    @property
    def target(self) -> str:
        """Its id."""
        return self.options.backfill

    async def run(self, act: Act) -> Rows:
        """Take it out."""
        return [await self.backfills.close(act, self.target, self.options.state, self.options.outcome)]


OPERATIONS: list[type[Operation]] = [
    AskBackfill, CloseBackfill, Diagnose, Issue, ListBackfills, ListTokens, Replay, Revoke, Rotate,
]  # fmt: skip
