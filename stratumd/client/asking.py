"""One exchange as a source tells of it, for sources that ask for JSON and pay nothing for it."""

from __future__ import annotations

from collections.abc import Callable

from stratumd.client import Client, checked
from stratumd.errors import SourceError
from stratumd.plugin import Observation, Poll, Request, Source

KEPT_HEADERS = ("content-type", "date", "last-modified")
"""Headers of an answer that are kept with its observation."""


async def ask(
    source: Source, client: Client, request: Request, *, deadline: float, refusal: Callable[[int], SourceError]
) -> Poll:
    """Ask once, with `deadline` seconds for all of it, and return what came of it; nothing is raised.

    An answer of status 200 is an observation of `source`, kept as received; where its body is no strict JSON the poll
    also has the error. Of any other status the poll has the `refusal`, and no observation.
    """
    clock = source.context.clock
    started = clock.now()
    try:
        answer = await client.get(request.path, request.params, deadline=deadline)
    except SourceError as error:
        return Poll(request, started, clock.now() - started, error=error)
    now = clock.now()
    if answer.status != 200:
        return Poll(request, started, now - started, error=refusal(answer.status))
    observation = Observation(
        source=source.context.name,
        format=source.format,
        received_at=now,
        request=request,
        status=answer.status,
        body=answer.body,
        headers={name: answer.headers[name] for name in KEPT_HEADERS if name in answer.headers},
    )
    return Poll(request, started, now - started, observation, await checked(answer.body))
