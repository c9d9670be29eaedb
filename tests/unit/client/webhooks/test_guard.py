"""Nothing is connected to but addresses that were checked, however they are spelled and whatever the resolver says."""

from __future__ import annotations

import ssl
from collections.abc import Iterable, Sequence
from ipaddress import IPv4Address, IPv6Address, ip_address, ip_network
from typing import Any

import anyio
import httpcore
import pytest

from stratumd.client.webhooks import guard
from stratumd.client.webhooks.guard import Guard
from stratumd.errors import DeliveryError

pytestmark = pytest.mark.anyio

PUBLIC, OTHER = "93.184.215.14", "2606:4700:4700::1111"
BLOCKED = [
    "0.0.0.0", "10.0.0.1", "100.64.0.1", "127.0.0.1", "127.255.255.254", "169.254.169.254", "172.16.0.1",
    "172.31.255.255", "192.0.0.1", "192.0.2.1", "192.88.99.1", "192.168.0.1", "198.18.0.1", "198.51.100.1",
    "203.0.113.1", "224.0.0.1", "240.0.0.1", "255.255.255.255",
    "::1", "fe80::1", "fc00::1", "ff02::1", "2001:db8::1", "64:ff9b::7f00:1", "2002:7f00:1::1", "2001:0:7f00:1::1",
]  # fmt: skip


def spellings(text: str) -> list[str]:
    """Return five ways to write an address, all of which the system's resolver or a name server may understand."""
    address = ip_address(text)
    if isinstance(address, IPv4Address):
        octal = ".".join(f"0{byte:o}" for byte in address.packed)
        return [str(int(address)), hex(int(address)), octal, f"::ffff:{text}", f"{text}."]
    tail = str(IPv4Address(int(address) & 0xFFFFFFFF))
    head = address.exploded.rsplit(":", 2)[0]
    bare = ":".join(f"{int(group, 16):X}" for group in address.exploded.split(":"))
    return [text, address.exploded, bare, f"{head}:{tail}", f"{text}."]


class Dialled(httpcore.AsyncNetworkBackend):
    """Counts connections instead of making them."""

    def __init__(self, unreachable: Sequence[str] = ()) -> None:
        self.hosts: list[str] = []
        self.tls_names: list[str | None] = []
        self._unreachable = unreachable

    async def connect_tcp(
        self,
        host: str,
        port: int,
        timeout: float | None = None,  # noqa: ASYNC109  # httpcore's interface
        local_address: str | None = None,
        socket_options: Iterable[httpcore.SOCKET_OPTION] | None = None,
    ) -> httpcore.AsyncNetworkStream:
        self.hosts.append(host)
        if host in self._unreachable:
            raise httpcore.ConnectError("unreachable")
        return Stream(self)


class Stream(httpcore.AsyncMockStream):
    """Answers every request with 204 and notes under which name TLS began."""

    def __init__(self, dialled: Dialled) -> None:
        super().__init__([b"HTTP/1.1 204 No Content\r\n\r\n"])
        self.written = b""
        self._dialled = dialled

    async def start_tls(
        self,
        ssl_context: ssl.SSLContext,
        server_hostname: str | None = None,
        timeout: float | None = None,  # noqa: ASYNC109  # httpcore's interface
    ) -> httpcore.AsyncNetworkStream:
        self._dialled.tls_names.append(server_hostname)
        return self


class Names:
    """A resolver that gives these answers one after the other, the last one for ever."""

    def __init__(self, *answers: Sequence[str]) -> None:
        self.answers = list(answers)
        self.asked = 0

    async def __call__(self, host: str, port: int) -> Sequence[str]:
        self.asked += 1
        return self.answers.pop(0) if len(self.answers) > 1 else self.answers[0]


def test_there_are_26_addresses_and_5_spellings() -> None:
    written = [each for address in BLOCKED for each in spellings(address)]
    assert (len(BLOCKED), len(written), len(set(written))) == (26, 130, 130)


@pytest.mark.parametrize("address", BLOCKED)
async def test_a_blocked_address_is_not_connected_to_however_it_is_spelled(address: str) -> None:
    """With the system's own resolver."""
    dialled = Dialled()
    for host in [address, *spellings(address)]:
        with pytest.raises(DeliveryError, match=r"nothing is sent to|was not found"):
            await Guard(tls=True, network=dialled).connect_tcp(host, 443)
    assert dialled.hosts == []


@pytest.mark.parametrize("address", BLOCKED)
async def test_a_name_with_a_blocked_address_is_not_connected_to(address: str) -> None:
    """Neither alone nor among good ones, first or last."""
    dialled = Dialled()
    for answer in ([address], [PUBLIC, address], [address, PUBLIC], [OTHER, PUBLIC, address]):
        with pytest.raises(DeliveryError, match=r"nothing is sent to hooks\.example"):
            await Guard(tls=True, resolve=Names(answer), network=dialled).connect_tcp("hooks.example", 443)
    assert dialled.hosts == []


async def test_a_resolver_that_changes_its_mind_is_asked_once() -> None:
    """Good at the check, bad afterwards: what is connected to is the address that was checked."""
    dialled, names = Dialled(), Names([PUBLIC], ["127.0.0.1"])
    await Guard(tls=True, resolve=names, network=dialled).connect_tcp("rebinding.example", 443)
    assert (dialled.hosts, names.asked) == ([PUBLIC], 1)


async def test_a_rebinding_resolver_gets_no_connection_to_its_second_answer() -> None:
    """Over a whole pool, a connection for each request: the first is good, all others are refused."""
    dialled, names = Dialled(), Names([PUBLIC], ["127.0.0.1"])
    refused = 0
    async with httpcore.AsyncConnectionPool(
        max_keepalive_connections=0, network_backend=Guard(tls=True, resolve=names, network=dialled)
    ) as pool:
        for _ in range(5):
            try:
                await pool.request("POST", "https://rebinding.example/", content=b"{}")
            except DeliveryError:
                refused += 1
    assert (dialled.hosts, refused, names.asked) == ([PUBLIC], 4, 5)


async def test_tls_goes_on_under_the_name() -> None:
    """The certificate is checked for the name, not for the address."""
    dialled = Dialled()
    async with httpcore.AsyncConnectionPool(
        network_backend=Guard(tls=True, resolve=Names([PUBLIC]), network=dialled)
    ) as pool:
        response = await pool.request("POST", "https://hooks.example/", content=b"{}")
    assert response.status == 204
    assert (dialled.hosts, dialled.tls_names) == ([PUBLIC], ["hooks.example"])


async def test_the_next_address_is_tried_where_one_does_not_answer() -> None:
    dialled = Dialled(unreachable=[OTHER])
    await Guard(tls=True, resolve=Names([OTHER, PUBLIC]), network=dialled).connect_tcp("hooks.example", 443)
    assert dialled.hosts == [OTHER, PUBLIC]


async def test_where_none_answers_the_last_failure_is_told() -> None:
    dialled = Dialled(unreachable=[PUBLIC])
    with pytest.raises(httpcore.ConnectError, match="unreachable"):
        await Guard(tls=True, resolve=Names([PUBLIC]), network=dialled).connect_tcp("hooks.example", 443)


async def test_a_name_without_addresses_is_a_failure() -> None:
    with pytest.raises(DeliveryError, match=r"hooks\.example has no address"):
        await Guard(tls=True, resolve=Names([]), network=Dialled()).connect_tcp("hooks.example", 443)


async def test_a_resolver_that_never_answers_is_not_waited_for(monkeypatch: pytest.MonkeyPatch) -> None:
    async def resolve(host: str, port: int) -> Sequence[str]:
        await anyio.sleep_forever()
        raise AssertionError

    monkeypatch.setattr(guard, "RESOLVING", 0.05)
    with anyio.fail_after(30), pytest.raises(DeliveryError, match=r"was not found within 0\.05 s"):
        await Guard(tls=True, resolve=resolve, network=Dialled()).connect_tcp("hooks.example", 443)


@pytest.mark.parametrize("error", [OSError("no such name"), UnicodeError("label too long")])
async def test_a_resolver_that_fails_is_a_failure_that_passes(error: Exception) -> None:
    async def resolve(host: str, port: int) -> Sequence[str]:
        raise error

    with pytest.raises(DeliveryError, match=r"hooks\.example was not found") as failure:
        await Guard(tls=True, resolve=resolve, network=Dialled()).connect_tcp("hooks.example", 443)
    assert (failure.value.permanent, failure.value.disable) == (False, False)


async def test_allowed_networks_are_connected_to() -> None:
    dialled = Dialled()
    allow = [ip_network("127.0.0.0/8")]
    await Guard(tls=False, allow=allow, network=dialled).connect_tcp("2130706433", 8_080)
    assert dialled.hosts == ["127.0.0.1"]


async def test_no_socket_of_this_machine_is_connected_to() -> None:
    with pytest.raises(DeliveryError, match="Unix socket"):
        await Guard(tls=True).connect_unix_socket("/run/stratumd.sock")


async def test_the_systems_resolver_gives_each_address_once() -> None:
    found: Any = await guard.resolve("127.0.0.1", 443)
    assert found == ["127.0.0.1"]
    assert isinstance(ip_address((await guard.resolve("::1", 443))[0]), IPv6Address)
