"""When a source is polled, and what that may cost."""

from __future__ import annotations

from datetime import timedelta
from functools import cache
from itertools import pairwise
from typing import Annotated, Any, Literal
from zoneinfo import ZoneInfo, available_timezones

from croniter import CroniterBadDateError, croniter
from pydantic import BeforeValidator, Field, field_validator, model_validator

from stratumd.config.section import Hinted, Section
from stratumd.plugin import format_duration
from stratumd.plugin.known import suggest

Preset = Literal["fixed", "adaptive", "tiers", "close-capture"]


def _longer_than_nothing(length: timedelta | None) -> timedelta | None:
    if length is not None and length <= timedelta():
        raise Hinted("must be longer than nothing", "write 60s, for example")
    return length


class Band(Section):
    """How often an event is polled while its start is no further away than `within`."""

    within: timedelta | None = None
    """To the event's announced start. Without it the band has no end: every event that is known."""
    every: timedelta
    """From one poll of the event to the next."""
    name: str = ""
    """What the poll log calls it; without a name, `within`."""

    @field_validator("within", "every")
    @classmethod
    def _positive(cls, length: timedelta | None) -> timedelta | None:
        return _longer_than_nothing(length)


def _band(name: str, within: timedelta | None, every: timedelta) -> Band:
    return Band(name=name, within=within, every=every)


_MINUTE, _HOUR, _DAY = timedelta(minutes=1), timedelta(hours=1), timedelta(days=1)

PRESETS: dict[str, tuple[Band, ...]] = {
    "fixed": (_band("fixed", None, 30 * _MINUTE),),
    "adaptive": (
        _band("distant", None, 30 * _MINUTE),
        _band("day", 24 * _HOUR, 15 * _MINUTE),
        _band("hours", 3 * _HOUR, 5 * _MINUTE),
        _band("final", _HOUR, _MINUTE),
    ),
    "tiers": (
        _band("opening", None, 48 * _HOUR),
        _band("early", 3 * _DAY, 24 * _HOUR),
        _band("sharp", _DAY, 12 * _HOUR),
        _band("pregame", 12 * _HOUR, 3 * _HOUR),
        _band("closing", 3 * _HOUR, 30 * _MINUTE),
    ),
    "close-capture": (
        _band("early", None, 15 * _MINUTE),
        _band("approach", 3 * _HOUR, 5 * _MINUTE),
        _band("close", _HOUR, _MINUTE),
    ),
}
"""The bands of the named cadences, the farthest first."""


def _read_cadence(value: Any) -> Any:
    """Read a preset's name here, so that a wrong one is answered with those there are and not with bands."""
    if isinstance(value, str) and value not in PRESETS:
        raise Hinted(f"no cadence {value!r} is known", suggest(value, PRESETS, listed="there are"))
    if isinstance(value, list | tuple) and not value:
        raise Hinted("a cadence has at least one band", "write [{every: 30m}, {within: 1h, every: 60s}]")
    return value


_FIELDS = {
    "minute": "0 to 59",
    "hour": "0 to 23",
    "day": "1 to 31",
    "month": "1 to 12, or jan to dec",
    "weekday": "0 to 7, or sun to sat",
}
"""The fields of cron, and what each of them takes."""


def _wrong_field(cron: str) -> str:
    """Say what is wrong with a text that is no cron."""
    fields = cron.split()
    if len(fields) == len(_FIELDS):
        for number, (name, takes) in enumerate(_FIELDS.items()):
            alone = ["*"] * len(_FIELDS)
            alone[number] = fields[number]
            if not croniter.is_valid(" ".join(alone)):
                return f"{fields[number]!r} is no {name} of cron: these are {takes}"
    return f"expected the five fields of cron: {', '.join(_FIELDS)}"


class Schedule(Section):
    """When a source is polled: `every`, `cron` or `cadence`."""

    every: timedelta | None = None
    """From one poll's start to the next, such as `60s`."""
    cron: str | None = None
    """Five fields, such as `*/5 * * * *`: minute, hour, day, month, weekday."""
    timezone: str = "UTC"
    """The zone of `cron`, such as `America/New_York`."""
    cadence: Annotated[Preset | tuple[Band, ...] | None, BeforeValidator(_read_cadence)] = None
    """Each event by the time to its start: `fixed`, `adaptive`, `tiers`, `close-capture`, or a list of bands."""
    after_start: timedelta = timedelta(minutes=15)
    """`cadence`: how long the nearest band goes on after the announced start, which moves."""
    max_events_per_cycle: int = Field(default=10, ge=1)
    """`cadence`: the most events of one poll, those nearest their start first; the others are due at the next."""
    idle: timedelta = timedelta(seconds=300)
    """`every`: the least interval while no event that the source knows of is live or starts within a day."""
    jitter: timedelta | None = None
    """Each instant is put off by a length up to this, always the same for a source, so that many do not ask at once."""
    overlap: Literal["skip", "queue"] = "skip"
    """What becomes of instants that pass while a poll is running: all are skipped, or one is made up for at once.
    With `catch_up: all` each of them is."""
    catch_up: Literal["last", "all", "none"] = "last"
    """Which of the instants are made up for that passed while no daemon could run them: the newest, each, or none."""
    misfire_grace: timedelta | None = None
    """An instant that is later than this is not made up for any more; without it there is no limit."""

    @field_validator("every", "jitter", "idle", "misfire_grace")
    @classmethod
    def _positive(cls, length: timedelta | None) -> timedelta | None:
        return _longer_than_nothing(length)

    @field_validator("cron")
    @classmethod
    def _five_fields(cls, cron: str | None) -> str | None:
        if cron is not None and (len(cron.split()) != 5 or not croniter.is_valid(cron)):
            raise Hinted(_wrong_field(cron), '"*/5 * * * *" is every five minutes, "0 9 * * 1" Mondays at nine')
        if cron is not None and not _comes(cron):
            raise Hinted("this never comes: no day is like that", "February has 29 days at most, April has 30")
        return cron

    @field_validator("timezone")
    @classmethod
    def _known_zone(cls, zone: str) -> str:
        if zone not in _zones():
            raise Hinted(
                f"no time zone {zone!r} is known",
                suggest(zone, _zones()) or "write Europe/London, for example",
            )
        return zone

    @field_validator("cadence")
    @classmethod
    def _nearer_and_nearer(cls, cadence: Any) -> Any:
        if not isinstance(cadence, tuple):
            return cadence
        reaches = [band.within or timedelta.max for band in cadence]
        if any(near >= far for far, near in pairwise(reaches)):
            raise Hinted(
                "each band must be nearer to the start than the one before",
                "write [{every: 30m}, {within: 3h, every: 5m}, {within: 1h, every: 60s}]",
            )
        return cadence

    @model_validator(mode="after")
    def _one_way(self) -> Schedule:
        ways = [way for way in ("every", "cron", "cadence") if getattr(self, way) is not None]
        if len(ways) != 1:
            raise Hinted(
                "a schedule has either 'every', 'cron' or 'cadence'", 'write {every: 60s} or {cron: "*/5 * * * *"}'
            )
        for option, way in _BELONGS.items():
            if option in self.model_fields_set and way not in ways:
                raise Hinted(f"{option!r} belongs to {way!r}", f"remove it: {ways[0]!r} does not need it")
        if self.every is not None and self.jitter is not None and self.jitter >= self.every:
            raise Hinted("'jitter' must be shorter than 'every'", None)
        return self

    @property
    def zone(self) -> ZoneInfo:
        """The zone of `cron`."""
        return ZoneInfo(self.timezone)

    @property
    def bands(self) -> tuple[Band, ...]:
        """The bands of `cadence`, the farthest first; none where there is no cadence."""
        return PRESETS[self.cadence] if isinstance(self.cadence, str) else self.cadence or ()

    def shown(self) -> str:
        """Return it as a person would say it: `every 60s`, `cron */5 * * * * UTC`, `close-capture`."""
        if self.every is not None:
            return f"every {format_duration(self.every)}"
        if self.cron is not None:
            return f"cron {self.cron} {self.timezone}"
        return self.cadence if isinstance(self.cadence, str) else "own bands"


_BELONGS = {
    "timezone": "cron",
    "idle": "every",
    "after_start": "cadence",
    "max_events_per_cycle": "cadence",
}
"""Options that one way of saying when has and the others have not."""


def _comes(cron: str) -> bool:
    try:
        croniter(cron, 0.0).get_next()
    except CroniterBadDateError:
        return False
    return True


@cache
def _zones() -> frozenset[str]:
    return frozenset(available_timezones())


Feature = Literal["base", "live", "historical", "props"]
"""What credits are spent on."""


class Budget(Section):
    """What a source may spend. A request that could go over any of these is not made."""

    daily_credits: int | None = Field(default=None, ge=1)
    """Credits for a day (UTC). With `every` the polls are spread evenly over it; with `cadence` what quiet hours leave
    is saved, and spent first on the events nearest their start."""
    monthly_credits: int | None = Field(default=None, ge=1)
    """Credits for a month; the provider's begins on the 1st, UTC."""
    features: dict[Feature, Annotated[int, Field(ge=0)]] = {}
    """Credits a day for `base`, `live`, `historical` or `props`, inside `daily_credits`."""
    warn_percent: int = Field(default=80, ge=1, le=100)
    """From this part of a budget on it is warned of, and what is left of a month is spread over the rest of it."""
    low_credit: int = Field(default=200, ge=0)
    """When the provider says that no more than this is left, polls are `low_credit_every` apart."""
    low_credit_every: timedelta = timedelta(seconds=900)
    """The least interval then."""

    @field_validator("low_credit_every")
    @classmethod
    def _positive(cls, length: timedelta) -> timedelta | None:
        return _longer_than_nothing(length)
