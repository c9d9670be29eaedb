"""Running operations for whoever may: permission, reason, fresh login and typed target first, and a receipt after."""

from __future__ import annotations

import hashlib
import re
import secrets
from collections.abc import Mapping, Sequence
from typing import Annotated, Any, NamedTuple

import msgspec
from anyio import CancelScope
from msgspec import Meta

from stratumd.errors import ConfigError
from stratumd.plugin import iso
from stratumd.plugin.desk import Act, AuditRow, Reading, Writing
from stratumd.plugin.operations import Operation
from stratumd.plugin.partners import Sessions
from stratumd.plugin.routes import Call, Refused, RoutesContext
from stratumd_admin.permissions import STAFF_TARGET
from stratumd_admin.rows import Claim, Receipt
from stratumd_admin.staff import SCHEME as STAFF
from stratumd_admin.staff import caller_of

IDEMPOTENCY = "idempotency-key"
"""The header that makes a repeat harmless."""
_KEY = re.compile(r"[!-~]{1,128}")
IdempotencyKey = Annotated[
    str, Meta(pattern=f"^{_KEY.pattern}$", description="A text of yours: a repeat with the same runs nothing.")
]
ASKED: Mapping[str, Any] = {IDEMPOTENCY: IdempotencyKey}
"""What endpoints that run something read of a request's headers."""
STARS = "***"
_CREDENTIAL = re.compile(r"strm_[a-z]+_[0-9a-f]{16}_[0-9A-Za-z]+")
_DEPTH = 8
_LARGEST = 1 << 63
_ENCODE = msgspec.json.Encoder(order="deterministic").encode
Rows = list[dict[str, Any]]


class Asked(NamedTuple):
    """What somebody wants done."""

    name: str
    arguments: Mapping[str, Any]
    reason: str = ""
    confirm: str | None = None
    scope: str | None = None
    """What the endpoint asked of the caller already; None: the operation's own permission is asked for."""


class Runner:
    """Runs operations of all plugins."""

    def __init__(self, context: RoutesContext) -> None:
        self._context = context
        self._desk = context.desk

    def named(self, command: tuple[str, str]) -> type[Operation] | None:
        """Return the operation of this command; None where no plugin that is loaded has it."""
        return next((each for each in self._context.operations() if each.command == command), None)

    async def read(self, call: Call, asked: Asked) -> Rows:
        """Return what an operation that changes nothing shows."""
        operation = self._built(call, asked)
        assert not operation.writes, "a view changes nothing"
        return await _run(operation, call.act(asked.name, operation.target))

    async def run(self, call: Call, asked: Asked) -> dict[str, Any]:
        """Run an operation, and return its receipt. `Refused` says what is missing."""
        operation = self._built(call, asked)
        await self._check(call, operation, asked)
        act = call.act(asked.name, operation.target, asked.reason)
        claim = _claim(call, asked, act)
        if claim is None:
            return await self._done(act, operation, None)
        before = await self._desk.write(lambda writing: _taken(writing, claim))
        if before is not None:
            return before
        return await self._once(act, operation, claim)

    async def _once(self, act: Act, operation: Operation, claim: Claim) -> dict[str, Any]:
        try:
            return await self._done(act, operation, claim)
        except Refused:  # it did nothing: the key may be used again
            with CancelScope(shield=True):
                await self._desk.write(
                    lambda writing: writing.drop(Claim, actor=claim.actor, idempotency=claim.idempotency)
                )
            raise

    async def _done(self, act: Act, operation: Operation, claim: Claim | None) -> dict[str, Any]:
        newest = await self._desk.read(_newest)
        rows = await _run(operation, act)
        kept = _ENCODE([_without_secrets(row, operation.once) for row in rows]).decode()

        def work(writing: Writing) -> Receipt:
            audit = " ".join(str(number) for number in _acts(writing, act, newest))
            receipt = Receipt(
                secrets.token_hex(8), act.actor, act.action, act.target, act.reason, act.request_id, writing.at, kept,
                audit,
            )  # fmt: skip
            writing.put(receipt)
            if claim is not None:
                writing.put(msgspec.structs.replace(claim, receipt=receipt.id))
            return receipt

        with CancelScope(shield=True):  # it is done: that has to be on record
            receipt = await self._desk.write(work)
        return shown(receipt) | {"rows": rows}

    def _built(self, call: Call, asked: Asked) -> Operation:
        _check_plain(asked.arguments)
        found = next((each for each in self._context.operations() if each.name == asked.name), None)
        if found is None:
            raise Refused(404, "There is no such operation: GET /api/v1/admin/operations lists them.")
        if (asked.scope or found.permission) not in _scopes(call):
            raise Refused(403, f"This needs the permission {found.permission!r}, which your role does not have.")
        try:
            operation: Operation = self._context.operation(asked.name, asked.arguments)
        except ConfigError as error:
            raise Refused(422, f"The arguments do not fit: {error}") from None
        return operation

    async def _check(self, call: Call, operation: Operation, asked: Asked) -> None:
        if not operation.writes:
            return
        if not asked.reason.strip():
            raise Refused(422, "Say why, in `reason`: it stands in the audit.")
        if operation.target and STAFF_TARGET not in _scopes(call):
            await self._check_target(operation.target)
        if operation.sensitive:
            _check_sensitive(call, operation, asked)

    async def _check_target(self, target: str) -> None:
        """Refuse what is done to a member of staff by somebody who could become that person by it."""
        sessions = self._context.service(Sessions)  # type: ignore[type-abstract]  # asked for by its protocol
        if await self._desk.read(lambda reading: sessions.role_of(reading, target)):
            raise Refused(403, f"{target!r} is a member of staff: this needs the permission {STAFF_TARGET!r}.")


def _scopes(call: Call) -> frozenset[str]:
    return call.identity.scopes if call.identity is not None else frozenset()


def _check_sensitive(call: Call, operation: Operation, asked: Asked) -> None:
    assert call.identity is not None, "no endpoint of this plugin is public"
    caller = caller_of(call)
    if call.identity.scheme != STAFF or caller is None:
        raise Refused(403, "This is for a member of staff alone, who is freshly logged in.")
    if caller.fresh_until <= call.at:
        detail = "This needs your password once more: POST /api/v1/session/fresh, then try again."
        raise Refused(403, detail, step_up=True)
    target = operation.target or asked.name
    if asked.confirm != target:
        raise Refused(409, f"Type what it is done to, in `confirm`: {target!r}.", confirm=target)


async def _run(operation: Operation, act: Act) -> Rows:
    try:
        return [dict(row) for row in await operation.run(act)]
    except ConfigError as error:
        raise Refused(422, str(error)) from None
    except LookupError as error:
        if type(error) is not LookupError:  # a mistake of the operation's own
            raise
        raise Refused(409, f"This cannot be done here: {error}.") from None


def _claim(call: Call, asked: Asked, act: Act) -> Claim | None:
    key = call.headers.get(IDEMPOTENCY)
    if key is None:
        return None
    if not _KEY.fullmatch(key):
        raise Refused(400, f"{IDEMPOTENCY}: up to 128 visible characters of ASCII.")
    fingerprint = hashlib.sha256(_ENCODE((asked.name, asked.arguments, asked.reason))).hexdigest()
    return Claim(act.actor, key, fingerprint, call.request_id, call.at, None)


def _taken(writing: Writing, claim: Claim) -> dict[str, Any] | None:
    """Take an idempotency key, or return the receipt of the one that took it before."""
    if writing.insert(claim):
        return None
    before = writing.get(Claim, actor=claim.actor, idempotency=claim.idempotency)
    assert before is not None, "it was there a moment ago"
    if before.fingerprint != claim.fingerprint:
        raise Refused(422, f"This {IDEMPOTENCY} was used for something else: take a new one.")
    if before.receipt is None:
        raise Refused(
            409,
            f"This was asked for already and is under way, or was cut off: see in the audit what the request "
            f"{before.request_id} did before you ask with another {IDEMPOTENCY}.",
        )
    receipt = writing.get(Receipt, id=before.receipt)
    assert receipt is not None, "a receipt is kept longer than the key that leads to it"
    return shown(receipt)


def shown(receipt: Receipt) -> dict[str, Any]:
    """Return a receipt as answers show it."""
    return {
        "id": receipt.id,
        "operation": receipt.operation,
        "target": receipt.target,
        "actor": receipt.actor,
        "reason": receipt.reason,
        "rows": msgspec.json.decode(receipt.rows),
        "audit": [int(number) for number in receipt.audit.split()],
        "request_id": receipt.request_id,
        "at": iso(receipt.at),
    }


def _newest(reading: Reading) -> int:
    found = reading.find(AuditRow, newest=True, limit=1)
    return found[0].sequence if found else 0


def _acts(reading: Reading, act: Act, after: int) -> Sequence[int]:
    """Return what the audit has of this act."""
    rows = reading.find(
        AuditRow, since=("sequence", after + 1), actor=act.actor, action=act.action, request_id=act.request_id
    )
    return [row.sequence for row in rows]


def _without_secrets(row: Mapping[str, Any], once: Sequence[str]) -> dict[str, Any]:
    return {name: STARS if name in once and value else _starred(value) for name, value in row.items()}


def _starred(value: Any) -> Any:
    """Star whatever is a credential of ours, also where its plugin does not say so."""
    if isinstance(value, str):
        return _CREDENTIAL.sub(STARS, value)
    if isinstance(value, Mapping):
        return {name: _starred(each) for name, each in value.items()}
    return [_starred(each) for each in value] if isinstance(value, list | tuple) else value


def _check_plain(value: Any, depth: int = 0) -> None:
    """Refuse what no database holds: a NUL, a whole number beyond 64 bits, nesting without end."""
    if depth > _DEPTH:
        raise Refused(422, "The arguments nest too deeply.")
    if isinstance(value, str) and ("\0" in value or (not value.isascii() and _has_surrogates(value))):
        raise Refused(422, "The arguments hold characters that cannot be stored.")
    if isinstance(value, int) and not -_LARGEST <= value < _LARGEST:
        raise Refused(422, "The arguments hold a number that is too large.")
    inner = [*value, *value.values()] if isinstance(value, Mapping) else value if isinstance(value, list) else ()
    for each in inner:
        _check_plain(each, depth + 1)


def _has_surrogates(text: str) -> bool:
    return any("\ud800" <= each <= "\udfff" for each in text)
