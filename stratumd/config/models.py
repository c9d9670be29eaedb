"""The file's own sections and keys; the options of components are their plugins' models."""

from __future__ import annotations

import re
from collections.abc import Mapping
from datetime import timedelta
from ipaddress import ip_network
from pathlib import Path
from typing import Annotated, Any, Literal
from urllib.parse import parse_qsl, quote, unquote, urlsplit

from pydantic import AfterValidator, Field, field_validator, model_validator

from stratumd.config.section import Hinted, Section
from stratumd.odds import MarginModel, Method, Pricing
from stratumd.plugin import Secret, Signal
from stratumd.plugin.known import suggest

_SCHEMES = ("sqlite", "postgresql")
_ORIGIN = re.compile(r"(?P<scheme>https?)://(\[[0-9a-f:]+\]|[a-z0-9]([a-z0-9.-]*[a-z0-9])?)(:(?P<port>[1-9]\d{0,4}))?")
_LISTEN = re.compile(r"(?P<host>\[[0-9A-Fa-f:.]+\]|[^\s:/\[\]]+):(?P<port>\d{1,5})")


class Database(Section):
    """Where everything is stored."""

    url: str = "sqlite:///stratumd.db"
    """`sqlite:///path` (from the working directory; four slashes for an absolute path) or
    `postgresql://user@host:5432/name`; several hosts with commas between them: the one that takes writes is used."""
    password: Secret | None = None
    """The password of a PostgreSQL user, apart from the URL, such as `${cred:db}`."""
    lease: timedelta = timedelta(seconds=10)
    """Several daemons on one PostgreSQL: after so long without a word of a daemon, another works its pipelines."""

    @field_validator("lease")
    @classmethod
    def _long_enough(cls, lease: timedelta) -> timedelta:
        if lease < timedelta(seconds=1):
            raise Hinted("must be one second or longer", "write 10s, for example")
        return lease

    @field_validator("url")
    @classmethod
    def _check(cls, url: str) -> str:
        scheme, separator, rest = url.partition("://")
        if not separator or scheme not in _SCHEMES:
            raise Hinted("expected sqlite:///path or postgresql://user@host/name", _meant_scheme(url))
        if scheme == "sqlite" and (not rest.startswith("/") or rest in ("/", "/:memory:")):
            raise Hinted("a SQLite URL names a file after three slashes", "write sqlite:///stratumd.db")
        if scheme == "postgresql":
            _check_postgresql(url)
        return url

    @model_validator(mode="after")
    def _one_password(self) -> Database:
        if self.password is None:
            return self
        if self.url.startswith("sqlite"):
            raise Hinted("a SQLite database has no password", "remove 'password'")
        if urlsplit(self.url).username is None:
            raise Hinted("a password needs a user in the URL", "write postgresql://user@host/name")
        if urlsplit(self.url).password is not None:
            raise Hinted("the URL already has a password", "remove one of the two; better the one in the URL")
        return self

    def connect_url(self) -> str:
        """Return the URL with the password in it. Only for the driver: it must not be shown."""
        if self.password is None:
            return self.url
        user, _, rest = self.url.partition("@")
        return f"{user}:{quote(self.password.reveal(), safe='')}@{rest}"

    @property
    def secret(self) -> Secret | None:
        """The password, wherever it is written."""
        split = urlsplit(self.url)
        inside = unquote(split.password or "") or dict(parse_qsl(split.query)).get("password")
        return Secret(inside) if inside else self.password

    def shown_url(self) -> str:
        """Return the URL as it may be shown, the password starred."""
        return masked(self.url)

    def placed_url(self) -> str:
        """Return the same for somebody in another folder: a SQLite file with its whole path."""
        scheme, _, path = self.url.partition(":///")
        return f"sqlite:///{Path(path).absolute()}" if scheme == "sqlite" else self.shown_url()


def masked(url: str) -> str:
    """Return a database's URL, be it right or wrong, without any password in it."""
    return _QUERY_PASSWORD.sub(r"\1***", _USER_PASSWORD.sub(r"\1***\2", url))


# Up to the last @, for a password may hold one; without any, whatever is no port may be the password.
_USER_PASSWORD = re.compile(r"(://[^/@:]*:)(?:.*(@)|(?!\d+(?:[/?]|$)).+)")
_QUERY_PASSWORD = re.compile(r"([?&][a-z]*password=)[^&]*", re.IGNORECASE)


def _meant_scheme(url: str) -> str | None:
    scheme, separator, rest = url.partition(":")
    family = scheme.partition("+")[0].lower()
    if separator and family in ("postgres", "postgresql"):
        return "begin it with postgresql://" if _maybe_secret(rest) else f"write postgresql://{rest.lstrip('/')}"
    if separator and family.startswith("sqlite"):
        return f"write sqlite:///{rest.lstrip('/') or 'stratumd.db'}"
    near = suggest(scheme, _SCHEMES)
    if near or separator:
        return near or "stratumd stores in SQLite or in PostgreSQL"
    if not url:
        return "write sqlite:///stratumd.db"
    return "begin it with postgresql://" if _maybe_secret(url) else f"write sqlite:///{url}"


def _maybe_secret(text: str) -> bool:
    return any(sign in text for sign in "@?:")


def _check_postgresql(url: str) -> None:
    try:
        split = urlsplit(url)
        hosts = split.netloc.rpartition("@")[2].split(",")
        ports = [urlsplit(f"//{host}").port for host in hosts]
    except ValueError:
        raise Hinted("the host or port of this URL cannot be read", "write postgresql://user@host:5432/name") from None
    if 0 in ports or not split.path.strip("/"):
        raise Hinted("the URL names no database", "write postgresql://user@host/name")


class Retention(Section):
    """How long rows are kept. Without the section all is kept for ever, but for notices: these for 90 days."""

    observations: timedelta | None = None
    """Answers as received, all else rests on them; without it for ever. Imported history always stays."""
    polls: timedelta | None = None
    """The log of polls with what each cost; without it for ever."""
    changes: timedelta | None = None
    """Quotes of an event, all together, after it was observed last; without it for ever."""
    consensus: timedelta | None = timedelta(days=14)
    """Consensus and other records of detectors; the newest of each market stays."""
    signals: timedelta | None = timedelta(days=30)
    """Signals with their deliveries; one that waits to be delivered stays, and one that a job such as `clv` has yet to
    value."""
    deliveries: timedelta | None = timedelta(days=30)
    """Deliveries after they ended, dead letters too, and those that wait for a sink that the file has no more."""
    issues: timedelta | None = timedelta(days=30)
    """What was wrong with quotes, and where plugins failed."""
    kpi: timedelta | None = timedelta(days=30)
    """The figures of each cycle."""
    notices: timedelta | None = timedelta(days=90)
    """What the daemon told its operator, also where it waits for a sink still."""

    @field_validator("polls")
    @classmethod
    def _a_month(cls, length: timedelta | None) -> timedelta | None:
        if length is not None and length < timedelta(days=40):
            raise Hinted("must be 40 days or longer: budgets count the credits of a month", "write 90d")
        return length

    @field_validator("observations", "changes", "consensus", "signals", "deliveries", "issues", "kpi", "notices")
    @classmethod
    def _long_enough(cls, length: timedelta | None) -> timedelta | None:
        if length is not None and length < timedelta(days=8):
            raise Hinted("must be 8 days or longer: a restart and closing lines look back a week", "write 14d")
        return length


class HttpSpec(Section):
    """The HTTP interface: health, status and metrics."""

    listen: str = "127.0.0.1:8080"
    """Host and port, such as `127.0.0.1:8080`, `0.0.0.0:8080` or `[::1]:8080`. Port 0 takes a free one."""
    trusted_proxies: tuple[str, ...] = ()
    """Addresses and networks of proxies, such as `10.0.0.0/8`, whose word on who calls (`X-Forwarded-For`) counts."""
    connections_per_address: int = Field(default=256, ge=1)
    """The most connections that one address keeps open; trusted proxies may have any number."""
    cors: tuple[str, ...] = ()
    """Origins of other pages, such as `https://app.example.com`, that a browser lets read the answers; exactly these.
    Cookies do not count there: such a page shows a key."""

    @field_validator("listen", mode="before")
    @classmethod
    def _check(cls, listen: Any) -> Any:
        match = _LISTEN.fullmatch(listen) if isinstance(listen, str) else None
        if match is None or int(match["port"]) > 65535:
            raise Hinted("expected host:port, with a port up to 65535", _meant_address(listen))
        return listen

    @field_validator("trusted_proxies")
    @classmethod
    def _networks(cls, proxies: tuple[str, ...]) -> tuple[str, ...]:
        for proxy in proxies:
            try:
                ip_network(proxy)
            except ValueError:
                raise Hinted(f"{proxy!r} is no address and no network", "write 127.0.0.1 or 10.0.0.0/8") from None
        return proxies

    @field_validator("cors")
    @classmethod
    def _origins(cls, origins: tuple[str, ...]) -> tuple[str, ...]:
        for origin in origins:
            if origin == "*":
                # Also without cookies: who opens a page may stand where only this machine or this network gets in.
                text = "'*' would show all that is here to every page that somebody opens who can reach it"
                raise Hinted(text, "list the origins, such as https://app.example.com")
            if not _is_origin(origin):
                raise Hinted(f"{origin!r} is no origin as a browser writes it", _meant_origin(origin))
        return origins

    @property
    def host(self) -> str:
        """The host to bind to, without brackets."""
        return self.listen.rpartition(":")[0].strip("[]")

    @property
    def port(self) -> int:
        """The port to bind to."""
        return int(self.listen.rpartition(":")[2])


def _is_origin(text: str) -> bool:
    match = _ORIGIN.fullmatch(text)
    usual = {"http": "80", "https": "443"}
    return match is not None and match["port"] != usual[match["scheme"]] and int(match["port"] or 1) in range(1, 65536)


def _meant_origin(text: str) -> str:
    url = text.lower() if "://" in text else f"https://{text.lower()}"
    scheme, _, rest = url.partition("://")
    usual = {"http": ":80", "https": ":443"}.get(scheme, "")
    guess = f"{scheme}://{rest.partition('/')[0].removesuffix(usual)}"
    return f"write {guess}" if _is_origin(guess) else "write https://app.example.com, for example"


def _meant_address(listen: Any) -> str:
    port = str(listen).rpartition(":")[2]
    if port.isdecimal() and int(port) <= 65535:
        return f"write 127.0.0.1:{port} for this machine only, 0.0.0.0:{port} for all"
    return "write 127.0.0.1:8080"


class LogSpec(Section):
    """What stratumd says while it runs."""

    level: Literal["debug", "info", "warning", "error"] = "info"
    """The least that is said."""
    format: Literal["auto", "console", "json"] = "auto"
    """`auto`: for people on a terminal, JSON elsewhere."""
    file: Path | None = None
    """Where the log goes in place of standard error, from the working directory. It is appended to; a rotation by
    rename, as logrotate does it, is noticed at the next line."""

    @field_validator("file")
    @classmethod
    def _named(cls, file: Path | None) -> Path | None:
        if file is not None and not file.name:
            raise Hinted("expected the name of a file", "write /var/log/stratumd/stratumd.log, for example")
        return file


class When(Section):
    """Which signals a sink gets; what is not given admits all."""

    types: tuple[str, ...] = ()
    """Signal types, such as `STEAM`; exactly these. Without it all but those that the sink keeps in shadow."""
    min_strength: int = Field(default=1, ge=1, le=100)
    """The least strength, 1 to 100."""
    markets: tuple[str, ...] = ()
    """Market keys, such as `spreads`."""
    sports: tuple[str, ...] = ()
    """Sport keys, such as `basketball_nba`."""
    events: tuple[str, ...] = ()
    """Event ids."""

    def admits(self, signal: Signal, shadow: frozenset[str] = frozenset()) -> bool:
        """Say whether a sink that keeps the types `shadow` in shadow gets `signal`."""
        return (
            signal.strength >= self.min_strength
            and (signal.type in self.types if self.types else signal.type not in shadow)
            and _among(signal.market, self.markets)
            and _among(signal.sport, self.sports)
            and _among(signal.event, self.events)
        )


def _among(value: str, wanted: tuple[str, ...]) -> bool:
    return not wanted or value in wanted


def _sigma(points: float) -> float:
    if points <= 0:
        raise Hinted("must be more than 0", "write it in points, such as 11.2")
    return points


Sigma = Annotated[float, AfterValidator(_sigma), Field(json_schema_extra={"exclusiveMinimum": 0})]


def _sport(key: str) -> str:
    if not re.fullmatch(r"[a-z][a-z0-9_]*", key):
        raise Hinted("expected a sport's key, in small letters", "write basketball_nba, for example")
    return key


SportKey = Annotated[str, AfterValidator(_sport)]


class Margins(Section):
    """How far a sport's final scores spread around the line, in points: what half a point near the line is worth."""

    spread: Sigma
    """σ of the margin between the two sides, for spreads."""
    total: Sigma
    """σ of the sum of both, for totals."""


class PricingMethods(Section):
    """How fair prices are made of a book's prices (docs/explanation/numbers.md)."""

    two_way: Method = Pricing().two_way
    """The de-vig method for markets of two sides."""
    three_way: Method = Pricing().three_way
    """The de-vig method for markets of three and more sides."""
    margins: dict[SportKey, Margins] = {}
    """By sport, how far final scores spread around the line (σ, in points), in place of the built-in figures. A sport
    with neither compares lines by probability, at equal lines only."""

    def pricing(self) -> Pricing:
        """Return the same for the engine."""
        margins = {
            sport: MarginModel(sigma.spread, sigma.total, True, "configured") for sport, sigma in self.margins.items()
        }
        return Pricing(self.two_way, self.three_way, margins)


class QualityRules(Section):
    """What counts as wrong in quotes. It is flagged; nothing is dropped, unless `reject_invalid` says so."""

    min_hold: float = Field(default=0.02, ge=-1, lt=1)
    """The least hold that a book's market has, as a fraction: `hold_range`."""
    max_hold: float = Field(default=0.15, ge=0, lt=1)
    """The most hold that a book's market has, as a fraction: `hold_range`."""
    max_movement: float = Field(default=10.0, gt=0)
    """Points that a book's line moves at most between two answers: `excessive_movement`."""
    reject_invalid: bool = False
    """Leave out offers of unknown books and those with a wrong price, hold or line; they count as not offered. A line
    that moved too far is left out of one answer, and counts when the next one confirms it."""

    @model_validator(mode="after")
    def _in_order(self) -> QualityRules:
        if self.min_hold >= self.max_hold:
            raise Hinted("'min_hold' must be less than 'max_hold'", "write min_hold: 0.02 and max_hold: 0.15")
        return self


Name = Annotated[str, Field(pattern=r"^[A-Za-z][A-Za-z0-9_-]{0,62}$")]
"""What a source, a pipeline or a sink may be called: it becomes part of ids, metrics and file names."""
NAME = re.compile(r"[A-Za-z][A-Za-z0-9_-]{0,62}")


def by_book(operators: Mapping[str, tuple[str, ...]]) -> dict[str, str]:
    """Turn operators with their books into the operator of each book."""
    return {book: operator for operator, books in operators.items() for book in books}
