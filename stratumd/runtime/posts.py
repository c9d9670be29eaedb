"""Posts: what runs under a name each, and can be replaced by another of that name while the rest goes on."""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import asynccontextmanager, contextmanager

import anyio
from anyio.abc import TaskGroup


def _nobody() -> None:
    """Tell nobody."""


class Turns:
    """The turns of a part: who retires it lets those at hand end, a stop of the daemon does not."""

    def __init__(self) -> None:
        self._retired = False
        self._scopes: set[anyio.CancelScope] = set()

    @contextmanager
    def turn(self) -> Iterator[None]:
        """Mark what is to be ended once it was begun: a poll, a batch. A part may have several at hand."""
        with anyio.CancelScope(shield=self._retired) as scope:
            self._scopes.add(scope)
            try:
                yield
            finally:
                self._scopes.discard(scope)

    def retire(self) -> None:
        """Keep the cancellation that follows away from the turns at hand."""
        self._shield(True)

    def hurry(self) -> None:
        """Keep it away no longer."""
        self._shield(False)

    def _shield(self, retired: bool) -> None:
        self._retired = retired
        for scope in self._scopes:
            scope.shield = retired


class Post:
    """One holder of a name. It begins when the one before it has ended."""

    def __init__(self, run: Callable[[], Awaitable[None]], turns: Turns | None, before: Post | None) -> None:
        self.ended = anyio.Event()
        self._run = run
        self._turns = turns or Turns()
        self._before = before
        self._scope = anyio.CancelScope()

    async def hold(self) -> None:
        """Run until it ends by itself or is retired."""
        try:
            if self._before is not None:
                await self._before.ended.wait()
                self._before = None
            if not self._scope.cancel_called:
                with self._scope:
                    await self._run()
        finally:
            self.ended.set()

    def retire(self) -> None:
        """End it after the turn at hand."""
        self._turns.retire()
        self._scope.cancel()

    def hurry(self) -> None:
        """Do not wait for the turn at hand any more."""
        self._turns.hurry()


class Posts:
    """All holders, in one task group. A failure of one ends all; `keep` is what keeps a part from failing."""

    def __init__(self, group: TaskGroup) -> None:
        self._group = group
        self._posts: dict[str, list[Post]] = {}

    def put(self, name: str, run: Callable[[], Awaitable[None]], turns: Turns | None = None) -> None:
        """Start `run`. One of that name that runs is retired, and ends before."""
        before = self.retire(name)
        post = Post(run, turns, before)
        self._posts.setdefault(name, []).append(post)
        self._group.start_soon(self._hold, name, post, _nobody, name=name)

    def remove(self, name: str, gone: Callable[[], None] = _nobody) -> None:
        """Retire the one of that name; call `gone` when it has ended, unless another came in its place."""
        last = self.retire(name)
        post = Post(_nothing, None, last)
        self._posts.setdefault(name, []).append(post)
        self._group.start_soon(self._hold, name, post, gone, name=f"{name} (leaving)")

    def retire(self, name: str) -> Post | None:
        """End the one of that name after its turn; return the last one, where there is one."""
        held = self._posts.get(name, [])
        for post in held:
            post.retire()
        return held[-1] if held else None

    def hurry(self) -> None:
        """Wait for no turn any more: the daemon stops."""
        for held in self._posts.values():
            for post in held:
                post.hurry()

    def cancel(self) -> None:
        """End everything."""
        self.hurry()
        self._group.cancel_scope.cancel()

    async def _hold(self, name: str, post: Post, gone: Callable[[], None]) -> None:
        await post.hold()
        held = self._posts[name]
        held.remove(post)
        if not held:
            del self._posts[name]
            gone()


@asynccontextmanager
async def open_posts() -> AsyncIterator[Posts]:
    """Open posts for as long as the block lasts. What still runs at its end is waited for, unless it was cancelled."""
    async with anyio.create_task_group() as group:
        posts = Posts(group)
        try:
            yield posts
        finally:
            posts.hurry()


async def _nothing() -> None:
    """Hold a name until the one before has left."""
