"""Keys for the API: made, replaced, renamed, revoked. A key itself is in one answer, and nowhere else."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import msgspec

from stratumd.plugin import DAY, SECOND, Micros, micros
from stratumd.plugin.desk import Act, Reading, Writing
from stratumd.plugin.routes import Answer, Call, Endpoint, Refused
from stratumd_accounts import texts, tokens
from stratumd_accounts.parts import OWN, TAG, Parts, me
from stratumd_accounts.rights import rights_of, rise
from stratumd_accounts.rows import ApiKey, Use
from stratumd_accounts.views import Keys, KeyView, NewKey, Renaming, Rotation, key_status, key_view

KEPT = 100
"""Keys of an account that work no more and are shown all the same, the newest: the audit knows of all."""
_NO_KEY = "There is no such key."


class KeyDesk:
    """What is done with keys, for their owner and for staff."""

    def __init__(self, parts: Parts) -> None:
        self._parts = parts
        self._desk = parts.context.desk

    async def listed(self, account: str | None = None, limit: int | None = None) -> list[ApiKey]:
        """Return the keys of an account, or of all, the newest first; with `limit` so many at most."""
        where: dict[str, Any] = {} if account is None else {"account": account}
        order = ("created_at", "id")
        return await self._desk.read(
            lambda reading: reading.find(ApiKey, order=order, newest=True, limit=limit, **where)
        )

    async def view(self, key: ApiKey, token: str | None = None) -> KeyView:
        """Return a key as it is shown; with `token` where it was just made."""
        return msgspec.structs.replace((await self.views([key]))[0], key=token)

    async def views(self, keys: Sequence[ApiKey]) -> list[KeyView]:
        """Return keys as they are shown."""
        at, used = self._parts.context.clock.now(), self._parts.credentials.used

        def work(reading: Reading) -> list[KeyView]:
            stored = {key.id: reading.get(Use, credential=key.id) for key in keys}
            uses = {id: max(row.at if row is not None else 0, used.get(id, 0)) for id, row in stored.items()}
            return [key_view(key, at, uses[key.id] or None) for key in keys]

        return await self._desk.read(work)

    async def issue(
        self, act: Act, account: str, name: str, scopes: Sequence[str] | None, length: Micros | None
    ) -> KeyView:
        """Make a key. Scopes: those of the plan at most, and all of them where none are named."""
        made, shown = tokens.make(tokens.KEY), texts.name(name)

        def work(writing: Writing) -> ApiKey:
            allowed = self._check(writing, account, scopes)
            key = ApiKey(
                id=made.id,
                account=account,
                name=shown,
                hash=made.hash,
                scopes=" ".join(sorted(allowed)),
                created_at=writing.at,
                expires_at=None if length is None else writing.at + length,
                revoked_at=None,
                successor=None,
            )
            writing.put(key)
            return key

        return await self.view(await self._desk.write(work, act), made.token)

    def _check(self, writing: Writing, account: str, scopes: Sequence[str] | None) -> frozenset[str]:
        """Return the new key's scopes. `Refused` where the plan has no room for it."""
        rights = rights_of(writing, account, self._parts.plans, writing.at)
        if rights is None:
            raise Refused(404, "There is no such account.")
        if rights.suspended or rights.api is None:
            raise Refused(403, "Keys come with a plan for the API: take one first.")
        wanted = rights.api.scopes if scopes is None else frozenset(scopes)
        if not wanted or not wanted <= rights.api.scopes:
            raise Refused(422, f"The plan's keys may have these scopes: {', '.join(sorted(rights.api.scopes))}.")
        most = self._parts.options.most_keys
        keys = writing.find(ApiKey, account=account, order=("created_at", "id"), newest=True)
        dead = [key for key in keys if key_status(key, writing.at) != "active"]
        if len(keys) - len(dead) >= most:
            raise Refused(409, f"An account has {most} keys at most: revoke one first.")
        for key in dead[KEPT:]:
            writing.drop(ApiKey, id=key.id)
            writing.drop(Use, credential=key.id)
        return wanted

    async def rotate(self, act: Act, id: str, account: str | None, overlap: Micros | None) -> KeyView:
        """Make a key that takes another one's place; both work during the overlap."""
        made = tokens.make(tokens.KEY)
        both = micros(self._parts.options.overlap) if overlap is None else overlap

        def work(writing: Writing) -> ApiKey:
            old = found(writing, id, account)
            if key_status(old, writing.at) != "active" or old.successor is not None:
                raise Refused(409, "This key was replaced already, or works no more: make a new one.")
            self._check_replaced(writing, old.account)
            end = writing.at + both
            lasting = None if old.expires_at is None else writing.at + (old.expires_at - old.created_at)
            new = msgspec.structs.replace(old, id=made.id, hash=made.hash, created_at=writing.at, expires_at=lasting)
            ends = end if old.expires_at is None else min(end, old.expires_at)
            writing.put(new, msgspec.structs.replace(old, expires_at=ends, successor=new.id))
            rise(writing)
            return new

        new = await self._desk.write(work, act)
        self._parts.memory.forget()
        return await self.view(new, made.token)

    def _check_replaced(self, writing: Writing, account: str) -> None:
        """Refuse where as many keys are replaced and work on as there may be keys: else rotations made any number."""
        keys, most = writing.find(ApiKey, account=account), self._parts.options.most_keys
        replaced = [key for key in keys if key.successor is not None and key_status(key, writing.at) == "active"]
        if len(replaced) >= most:
            raise Refused(409, f"{most} replaced keys still work: revoke one of them, or wait until one has ended.")

    async def rename(self, act: Act, id: str, account: str | None, name: str) -> KeyView:
        """Give a key another name."""
        shown = texts.name(name)

        def work(writing: Writing) -> ApiKey:
            key = msgspec.structs.replace(found(writing, id, account), name=shown)
            writing.put(key)
            return key

        return await self.view(await self._desk.write(work, act))

    async def revoke(self, act: Act, id: str, account: str | None) -> KeyView:
        """End a key: within a second no process takes it any more. Again, nothing changes."""

        def work(writing: Writing) -> ApiKey:
            key = found(writing, id, account)
            if key.revoked_at is not None:
                return key
            key = msgspec.structs.replace(key, revoked_at=writing.at)
            writing.put(key)
            rise(writing)
            return key

        key = await self._desk.write(work, act)
        self._parts.memory.forget()
        return await self.view(key)

    async def one(self, id: str, account: str | None) -> KeyView:
        """Return a key."""
        return await self.view(await self._desk.read(lambda reading: found(reading, id, account)))


class KeyEndpoints:
    """The keys of the own account."""

    def __init__(self, keys: KeyDesk) -> None:
        self._keys = keys

    def endpoints(self) -> Sequence[Endpoint]:
        """Return them."""
        keys = "/api/v1/account/keys"
        one = f"{keys}/{{key}}"
        return [
            Endpoint(
                method="GET", path=keys, call=self.list, name="list_keys", tag=TAG, summary="The account's keys",
                access=OWN, answers={200: Keys},
            ),
            Endpoint(
                method="POST", path=keys, call=self.issue, name="issue_key", tag=TAG, access=OWN, body=NewKey,
                summary="Make a key: it is shown once", answers={201: KeyView},
            ),
            Endpoint(
                method="GET", path=one, call=self.show, name="get_key", tag=TAG, summary="A key", access=OWN,
                answers={200: KeyView},
            ),
            Endpoint(
                method="PATCH", path=one, call=self.rename, name="rename_key", tag=TAG, summary="Rename a key",
                access=OWN, body=Renaming, answers={200: KeyView},
            ),
            Endpoint(
                method="POST", path=f"{one}/rotation", call=self.rotate, name="rotate_key", tag=TAG, access=OWN,
                summary="Replace a key; both work for a while", body=Rotation, answers={201: KeyView},
            ),
            Endpoint(
                method="DELETE", path=one, call=self.revoke, name="revoke_key", tag=TAG, access=OWN,
                summary="Revoke a key, everywhere within a second", answers={204: None},
            ),
        ]  # fmt: skip

    async def list(self, call: Call) -> Answer:
        """List the keys, also those that work no more."""
        return Answer(body=Keys(items=await self._keys.views(await self._keys.listed(me(call).account))))

    async def issue(self, call: Call) -> Answer:
        """Make a key."""
        body: NewKey = call.body
        account = me(call).account
        length = None if body.expires_in_days is None else body.expires_in_days * DAY
        view = await self._keys.issue(call.act("keys.issue", account), account, body.name, body.scopes, length)
        return Answer(status=201, body=view, headers={"cache-control": "no-store"})

    async def show(self, call: Call) -> Answer:
        """Show a key, but not itself."""
        return Answer(body=await self._keys.one(call.params["key"], me(call).account))

    async def rename(self, call: Call) -> Answer:
        """Rename a key."""
        body: Renaming = call.body
        id = call.params["key"]
        return Answer(body=await self._keys.rename(call.act("keys.rename", id), id, me(call).account, body.name))

    async def rotate(self, call: Call) -> Answer:
        """Replace a key."""
        body: Rotation = call.body
        id = call.params["key"]
        overlap = None if body.overlap_seconds is None else body.overlap_seconds * SECOND
        view = await self._keys.rotate(call.act("keys.rotate", id), id, me(call).account, overlap)
        return Answer(status=201, body=view, headers={"cache-control": "no-store"})

    async def revoke(self, call: Call) -> Answer:
        """Revoke a key."""
        id = call.params["key"]
        await self._keys.revoke(call.act("keys.revoke", id), id, me(call).account)
        return Answer(status=204)


def found(reading: Reading, id: str, account: str | None) -> ApiKey:
    """Return a key; with `account`, one of that account alone. `Refused` (404) where there is none."""
    key = reading.get(ApiKey, id=id)
    if key is None or (account is not None and key.account != account):
        raise Refused(404, _NO_KEY)
    return key
