"""Which addresses are public: a table of the known ones, and properties over all of them."""

from __future__ import annotations

from ipaddress import IPv4Address, IPv6Address, ip_address, ip_network

import pytest
from hypothesis import given
from hypothesis import strategies as st

from nexus.egress import addresses
from nexus.egress.policy import Policy

#: What an attacker tries first, and why each is dangerous.
REFUSED = (
    "0.0.0.0", "0.1.2.3",  # connects to this machine on Linux
    "127.0.0.1", "127.255.255.254", "::1", "::",
    "10.0.0.1", "172.16.0.1", "172.31.255.255", "192.168.0.1", "100.64.0.1", "fc00::1", "fd12::1",
    "169.254.169.254", "169.254.170.2", "fd00:ec2::254", "100.100.100.200", "192.0.0.192", "168.63.129.16",  # metadata
    "169.254.1.1", "fe80::1", "fe80::1%eth0", "fec0::1",
    "224.0.0.1", "239.255.255.250", "ff02::1", "ff0e::1", "240.0.0.1", "255.255.255.255",
    "::ffff:127.0.0.1", "::ffff:10.0.0.1", "::ffff:8.8.8.8", "::127.0.0.1", "::8.8.8.8",
    "64:ff9b::7f00:1", "64:ff9b::808:808", "64:ff9b:1::a00:1", "2002:7f00:1::", "2002:808:808::1",
    "2001:0:1:2:3:4:80ff:fffe", "2606:4700::5efe:7f00:1", "2606:4700::200:5efe:a00:1",
    "192.0.2.1", "198.51.100.1", "203.0.113.1", "198.18.0.1", "192.88.99.1", "2001:db8::1", "3fff::1",
    "100::1", "5f00::1", "4000::1", "2620:4f:8000::1",
)  # fmt: skip
PUBLIC = (
    "8.8.8.8",
    "1.1.1.1",
    "93.184.215.14",
    "172.15.0.1",
    "172.32.0.1",
    "100.128.0.1",
    "2606:4700::1111",
    "2a00:1450::1",
)


@pytest.mark.parametrize("text", REFUSED)
def test_what_is_not_public_is_refused(text: str) -> None:
    assert Policy().judge(ip_address(text))


@pytest.mark.parametrize("text", PUBLIC)
def test_what_is_public_may_be_called_by_https_alone(text: str) -> None:
    assert Policy().judge(ip_address(text)) is None
    assert Policy().judge(ip_address(text), is_plain=True)


@given(st.ip_addresses(v=4))
def test_nothing_is_public_that_the_standard_library_knows_to_be_special(address: IPv4Address) -> None:
    if not address.is_global or address.is_multicast:
        assert addresses.objection(address)


@given(st.ip_addresses(v=6))
def test_nothing_of_ipv6_is_public_outside_its_public_part(address: IPv6Address) -> None:
    if not address.is_global or address.is_multicast or address not in ip_network("2000::/3"):
        assert addresses.objection(address)


@given(st.ip_addresses(v=4), st.integers(0, 2**64 - 1))
def test_no_form_of_ipv6_that_carries_another_address_is_public(inner: IPv4Address, rest: int) -> None:
    number, high = int(inner), 0x2A00 << 112 | (rest >> 16) << 64
    forms = [
        0xFFFF << 32 | number,
        number,
        0x64FF9B << 96 | number,
        0x2002 << 112 | number << 80 | rest,
        0x20010000 << 96 | rest << 32 & ((1 << 96) - 1) | number ^ 0xFFFFFFFF,
        high | 0x5EFE << 32 | number,
        high | 0x02005EFE << 32 | number,
    ]
    assert all(addresses.objection(IPv6Address(form)) for form in forms)


@given(st.sampled_from(PUBLIC), st.ip_addresses(v=4, network="10.0.0.0/8"))
def test_an_operator_allows_and_refuses_networks(public: str, own: IPv4Address) -> None:
    policy = Policy(allow=(ip_network("10.0.0.0/8"),), refuse=(ip_network(public), ip_network("10.9.0.0/16")))
    assert policy.judge(ip_address(public))
    is_refused = own in ip_network("10.9.0.0/16")
    for form in (own, IPv6Address(0xFFFF << 32 | int(own))):
        assert bool(policy.judge(form)) is is_refused
        assert bool(policy.judge(form, is_plain=True)) is is_refused
    assert policy.judge(ip_address("192.168.0.1"))


def test_an_allowed_translation_leads_nowhere_that_is_not_allowed() -> None:
    policy = Policy(allow=(ip_network("64:ff9b::/96"),))
    assert policy.judge(ip_address("64:ff9b::808:808")) is None
    assert policy.judge(ip_address("64:ff9b::7f00:1"))
    assert policy.judge(ip_address("64:ff9b::a9fe:a9fe"))
