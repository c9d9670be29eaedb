"""Which addresses may be sent to."""

from __future__ import annotations

from ipaddress import IPv4Address, IPv6Address, ip_address, ip_network

import pytest
from hypothesis import given
from hypothesis import strategies as st

from stratumd.client.webhooks.addresses import BLOCKED, refusal

PUBLIC = ["1.1.1.1", "8.8.8.8", "93.184.215.14", "172.15.255.255", "172.32.0.0", "100.63.255.255", "100.128.0.0",
          "2606:4700:4700::1111", "2a00:1450:4001:81b::200e", "2001:4860:4860::8888"]  # fmt: skip


@pytest.mark.parametrize("text", PUBLIC)
def test_public_addresses_may(text: str) -> None:
    assert refusal(ip_address(text), 443, tls=True) is None


@given(st.sampled_from([network for network, _ in BLOCKED]), st.data())
def test_no_address_of_a_blocked_range_may(network: object, data: st.DataObject) -> None:
    assert isinstance(network, type(ip_network("::/0")) | type(ip_network("0.0.0.0/0")))
    offset = data.draw(st.integers(0, network.num_addresses - 1))
    assert refusal(network[offset], 443, tls=True) is not None


@given(st.ip_addresses(v=4))
def test_no_wrapping_makes_an_address_acceptable(address: IPv4Address) -> None:
    """Whatever IPv4 address is inside, the IPv6 forms that carry one are refused."""
    number = int(address)
    teredo = (0x20010000 << 96) | (number ^ 0xFFFFFFFF)
    wrapped = [
        number,
        0xFFFF << 32 | number,
        0xFFFF << 48 | number,
        0x64FF9B << 96 | number,
        0x2002 << 112 | number << 80,
    ]
    for each in [*wrapped, teredo, (0x64FF9B0001 << 80) | number]:
        assert refusal(IPv6Address(each), 443, tls=True) is not None


@given(st.ip_addresses())
def test_nothing_that_python_calls_private_passes(address: IPv4Address | IPv6Address) -> None:
    if not address.is_global or address.is_multicast or address.is_reserved:
        assert refusal(address, 443, tls=True) is not None


def test_what_python_calls_global_may_still_lead_inside() -> None:
    """This is why `is_global` is not asked alone."""
    inside = ip_address("64:ff9b::7f00:1")
    assert inside.is_global
    assert refusal(inside, 443, tls=True) == "64:ff9b::7f00:1 is an IPv4 address behind a translator (NAT64)"


@pytest.mark.parametrize(
    ("port", "may"),
    [(443, True), (1_024, True), (8_443, True), (65_535, True), (25, False), (80, False), (1_023, False)],
)
def test_ports_of_other_services_are_not_for_webhooks(port: int, may: bool) -> None:
    assert (refusal(ip_address("1.1.1.1"), port, tls=True) is None) is may


def test_without_tls_nothing_is_sent_to_the_internet() -> None:
    allow = [ip_network("10.0.0.0/8")]
    assert refusal(ip_address("1.1.1.1"), 8_080, tls=False, allow=allow) is not None
    assert refusal(ip_address("10.0.0.1"), 8_080, tls=False, allow=allow) is None


def test_what_is_allowed_is_allowed_as_it_is_written() -> None:
    allow = [ip_network("127.0.0.0/8")]
    assert refusal(ip_address("127.0.0.1"), 22, tls=False, allow=allow) is None
    assert refusal(ip_address("::ffff:127.0.0.1"), 443, tls=True, allow=allow) is not None
    assert refusal(ip_address("10.0.0.1"), 443, tls=True, allow=allow) is not None
