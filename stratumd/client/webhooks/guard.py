"""Connections to checked addresses only: a name is resolved once, and what was checked is what is connected to."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterable, Sequence
from ipaddress import ip_address
from socket import SOCK_STREAM

import anyio
import httpcore

from stratumd.client.webhooks.addresses import Address, Network, refusal
from stratumd.errors import DeliveryError

RESOLVING = 5.0
"""Seconds for finding the addresses of a name."""
CONNECTING = 5.0
"""Seconds for each of them to take a connection."""

Resolve = Callable[[str, int], Awaitable[Sequence[str]]]


async def resolve(host: str, port: int) -> Sequence[str]:
    """Return the addresses of `host` in the system's order, each once. `OSError` where there are none."""
    found = await anyio.getaddrinfo(host, port, type=SOCK_STREAM)
    return list(dict.fromkeys(str(place[4][0]) for place in found))


class Guard(httpcore.AsyncNetworkBackend):
    """Where every connection of a pool comes from. The pool goes on to use the name for `Host`, SNI and certificate.

    One refused address refuses all of them: a name that leads to the inside today and to the outside tomorrow is no
    receiver. A connection that is kept open stays with the address that was checked.
    """

    def __init__(
        self,
        *,
        tls: bool,
        allow: Iterable[Network] = (),
        resolve: Resolve = resolve,
        network: httpcore.AsyncNetworkBackend | None = None,
    ) -> None:
        """`network` makes the connections, of which it is given addresses only."""
        self._tls = tls
        self._allow = tuple(allow)
        self._resolve = resolve
        self._network = network or httpcore.AnyIOBackend()

    async def connect_tcp(
        self,
        host: str,
        port: int,
        timeout: float | None = None,  # noqa: ASYNC109  # httpcore's interface
        local_address: str | None = None,
        socket_options: Iterable[httpcore.SOCKET_OPTION] | None = None,
    ) -> httpcore.AsyncNetworkStream:
        """Connect to the first address of `host` that takes a connection.

        `DeliveryError` where one of them is refused or there is none, httpcore's errors where none answers.
        """
        failure: Exception | None = None
        for address in await self.checked(host, port):
            try:
                return await self._network.connect_tcp(str(address), port, CONNECTING, local_address, socket_options)
            except (httpcore.ConnectError, httpcore.ConnectTimeout) as error:
                failure = error
        raise failure or DeliveryError(f"{host} has no address")

    async def checked(self, host: str, port: int) -> Sequence[Address]:
        """Return the addresses of `host`, all of them fit to connect to. `DeliveryError` where one is not."""
        addresses = [ip_address(each) for each in await self._addresses(host, port)]
        for address in addresses:
            reason = refusal(address, port, tls=self._tls, allow=self._allow)
            if reason is not None:
                raise DeliveryError(f"nothing is sent to {host}: {reason}")
        return addresses

    async def _addresses(self, host: str, port: int) -> Sequence[str]:
        try:
            with anyio.fail_after(RESOLVING):
                return await self._resolve(host, port)
        except TimeoutError:
            raise DeliveryError(f"the address of {host} was not found within {RESOLVING:g} s") from None
        except (OSError, UnicodeError) as error:
            raise DeliveryError(f"the address of {host} was not found ({error})") from error

    async def connect_unix_socket(
        self,
        path: str,
        timeout: float | None = None,  # noqa: ASYNC109  # httpcore's interface
        socket_options: Iterable[httpcore.SOCKET_OPTION] | None = None,
    ) -> httpcore.AsyncNetworkStream:
        """Refuse: no receiver is a socket of this machine."""
        raise DeliveryError("nothing is sent to a Unix socket")

    async def sleep(self, seconds: float) -> None:
        """Sleep."""
        await anyio.sleep(seconds)
