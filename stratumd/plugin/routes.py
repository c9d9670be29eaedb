"""What a plugin answers over HTTP: endpoints that say of themselves who may call them and what they take and give."""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, Sequence
from functools import lru_cache
from ipaddress import IPv6Address, ip_address, ip_network
from typing import Any, ClassVar, Protocol, TypeVar

import msgspec

from stratumd.plugin.components import Clock, Component, Log
from stratumd.plugin.desk import Act, Desk
from stratumd.plugin.history import Archive
from stratumd.plugin.notices import Notice
from stratumd.plugin.times import SECOND, Micros

S = TypeVar("S")


class Refused(Exception):
    """The request is not answered as asked: a problem (RFC 9457) is, with this status and detail."""

    def __init__(
        self, status: int, detail: str = "", *, headers: Mapping[str, str] | None = None, **members: Any
    ) -> None:
        """`detail` says what to do next. `members` stand beside the problem's own: `type` gives it a URI of its own."""
        super().__init__(detail)
        self.status = status
        self.detail = detail
        self.headers = dict(headers or {})
        self.members = members


@lru_cache(maxsize=4_096)
def network_of(client: str) -> str:
    """Return what counts as one caller: an IPv4 address, or the /64 of an IPv6 address, of which anybody has all."""
    try:
        address = ip_address(client.partition("%")[0])
    except ValueError:
        return client
    if isinstance(address, IPv6Address) and address.ipv4_mapped is not None:
        return str(address.ipv4_mapped)
    return str(ip_network((address, 64), strict=False)) if isinstance(address, IPv6Address) else str(address)


class Identity(msgspec.Struct, frozen=True, kw_only=True):
    """Whom a request comes from."""

    scheme: str
    """How that was shown: `key`, `session`, `service`, …"""
    account: str
    """The account's id; empty where the caller has none."""
    credential: str
    """The id of the key, session or token: never a secret."""
    scopes: frozenset[str] = frozenset()
    """What it may do."""
    details: Any = None
    """What the authenticator gives its own plugin and those that know its type."""


class Access(msgspec.Struct, frozen=True):
    """Who may call an endpoint: whoever shows one of the schemes and has the scope."""

    schemes: tuple[str, ...] = ()
    """Any one of them; none: everybody."""
    scope: str = ""


PUBLIC = Access()
"""Everybody."""


class Call(msgspec.Struct, kw_only=True):
    """A request, checked against what its endpoint declares."""

    method: str
    path: str
    params: Mapping[str, str]
    """The parts of the path that the endpoint's path leaves open."""
    query: Any
    """An instance of `Endpoint.query`, None where it declares none."""
    body: Any
    """An instance of `Endpoint.body`; the bytes where that is `bytes`; None where it declares none."""
    headers: Mapping[str, str]
    """By name in small letters; of several with one name the first."""
    client: str
    """The caller's address: the proxy's word where the file trusts the proxy."""
    identity: Identity | None
    """None only where the access is public."""
    request_id: str
    at: Micros

    @property
    def network(self) -> str:
        """What counts as one caller: the IPv4 address, or the /64 of an IPv6 address."""
        return network_of(self.client)

    def act(self, action: str, target: str = "", reason: str = "") -> Act:
        """Return this call as an act, for the audit."""
        who = self.identity
        actor = f"{'account' if who.account else who.scheme}:{who.account or who.credential}" if who else "public"
        return Act(actor=actor, action=action, target=target, reason=reason, request_id=self.request_id)


class Answer(msgspec.Struct, kw_only=True):
    """A whole answer."""

    body: Any = None
    """JSON values and structs; bytes are sent as they are; None for none."""
    status: int = 200
    headers: Mapping[str, str] = {}
    media_type: str = "application/json"


Write = Callable[[bytes], bool]
"""Sends a chunk at once, behind all that was sent; False where it could not, as the caller takes nothing at present."""


class Stream(msgspec.Struct, kw_only=True):
    """An answer that is sent as it is made. `chunks` is closed when the caller goes or the daemon stops."""

    chunks: AsyncIterator[bytes]
    headers: Mapping[str, str] = {}
    media_type: str = "text/event-stream"
    straight: Callable[[Write], None] | None = None
    """Called before the first chunk is asked for, where the server can: with a way to send chunks while `chunks` waits
    for one, which saves the waking up of a task. What is to be sent to thousands at once is sent sooner."""


Handler = Callable[[Call], Awaitable[Answer | Stream]]
Authenticator = Callable[[Call], Awaitable[Identity | None]]
"""Says whom a call comes from; None where it shows nothing of this scheme. `Refused` (401) where what it shows is
wrong. The call has neither query, body nor identity yet."""


class Scheme(msgspec.Struct, frozen=True, kw_only=True):
    """A way to show who one is."""

    authenticate: Authenticator
    openapi: Mapping[str, Any]
    """Its OpenAPI security scheme, such as `{"type": "http", "scheme": "bearer"}`."""


class Header(msgspec.Struct, frozen=True, kw_only=True):
    """A header of answers, for the documentation."""

    about: str
    """What it says, in a sentence."""
    kind: type[str] | type[int] = str
    """What its value is."""
    always: bool = False
    """Whether every answer has it that it is declared for."""
    problems: bool = False
    """Whether problems may have it as well."""


class Endpoint(msgspec.Struct, frozen=True, kw_only=True):
    """One method of one path."""

    method: str
    path: str
    """Such as `/api/v1/intel/events/{event}`: under `/api/`, a part in braces takes anything without a slash. Or `/`,
    the front page."""
    call: Handler
    parts: Mapping[str, str] = {}
    """What the path's parts in braces mean, by name; it may say more than the path has."""
    name: str
    """Its OpenAPI operation id, such as `list_events`: unique, and never changed."""
    summary: str
    """One line."""
    description: str = ""
    tag: str = ""
    """The group that the documentation shows it in."""
    access: Access = PUBLIC
    query: type[msgspec.Struct] | None = None
    """Its query's parameters, a field each; lists may be written with commas or repeated. Unknown ones are refused."""
    asked: Mapping[str, Any] = {}
    """Headers of the request that `call` reads, each with its type, for the documentation. Core names those that it
    reads: `If-None-Match`, and what `access` needs."""
    body: Any = None
    """The type of its JSON body; `bytes` for the bytes as they came, whatever their type."""
    most_bytes: int = 64 * 1024
    """The longest body that is read."""
    deadline: Micros = 10 * SECOND
    """How long `call` may take; a stream's chunks are not counted."""
    answers: Mapping[int, Any] = {}
    """The type of the body by status; None where there is none. Problems need not be named, nor what `access` says.
    Whoever names 304 reads `If-None-Match`, and sends an `ETag` with it and with 200."""
    headers: Mapping[str, Header] = {}
    """Headers of the answers that are the plugin's own, by name, for the documentation: core names those that it sends,
    `ETag` and `Retry-After`."""
    media_type: str = "application/json"
    """Of the answers: what the documentation says."""
    deprecated: Micros | None = None
    """Since when it is deprecated: the header `Deprecation` says so (RFC 9745)."""
    sunset: Micros | None = None
    """When it goes away, at least 30 days later: the header `Sunset` says so (RFC 8594)."""


class RoutesContext(Protocol):
    """What core lends to routes and operations."""

    name: str
    clock: Clock
    log: Log
    desk: Desk
    archive: Archive

    def service(self, kind: type[S]) -> S:
        """Return what another plugin's routes provide under this type. Not before `open`.

        Declare it in `needs`; without, `LookupError` where nobody provides it.
        """

    async def notify(self, notice: Notice) -> None:
        """Tell the operator, or one person, something through the sinks that take notices: at least once."""

    def operations(self) -> Sequence[type[Any]]:
        """Return the operations of all plugins that are loaded, by name."""

    def operation(self, name: str, arguments: Mapping[str, Any]) -> Any:
        """Build the operation `name`. `LookupError` where there is none; `ConfigError` names the wrong arguments."""


class Routes(Component):
    """Answers requests, listed under `http: routes:` in the file. Everything of it lives on the event loop."""

    needs: ClassVar[tuple[type[Any], ...]] = ()
    """What it asks other routes for, see `RoutesContext.service`."""
    provides: ClassVar[tuple[type[Any], ...]] = ()
    """What it offers to others, see `provide`."""

    def __init__(self, options: Any, context: RoutesContext) -> None:
        super().__init__(options)
        self.context = context

    def provide(self, kind: type[Any]) -> Any:
        """Return what implements `kind`, one of `provides`: by default the component itself."""
        return self

    def endpoints(self) -> Sequence[Endpoint]:
        """Return what it answers. Called once, before `open`."""
        raise NotImplementedError

    def schemes(self) -> Mapping[str, Scheme]:
        """Return the ways to show who one is that it can check, for endpoints of all plugins."""
        return {}

    async def open(self) -> None:
        """Get ready, before the first request. `StartupError` where that cannot be."""

    async def run(self) -> None:
        """Do what has to be done beside requests, until cancelled; what fails is started again after a while."""

    async def close(self) -> None:
        """Finish what must not be lost. Called once, when no request is under way any more, also after a failure."""
