"""Which addresses are of the public network: the registries of IANA as a rule over one address.

Belongs here: the rule, pure. Does not belong here: exceptions of an operator (policy.py), names.

Of IPv6 only 2000::/3 is public, less what is listed. An address that carries an IPv4 address inside (mapped, NAT64, 6to4,
Teredo, ISATAP, IPv4-compatible) leads to wherever that leads, by a way that this machine's routes decide: none is public.
`ipaddress.is_global` is not asked: it counts NAT64, multicast, site-local and, before Python 3.12, 6to4 as global.
"""

from __future__ import annotations

from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network, ip_address, ip_network

Address = IPv4Address | IPv6Address
Network = IPv4Network | IPv6Network

#: https://www.iana.org/assignments/iana-ipv4-special-registry and -ipv6-special-registry, and what they leave to others.
_SPECIAL = {
    "0.0.0.0/8": "of this machine (RFC 1122)",
    "10.0.0.0/8": "private (RFC 1918)",
    "100.64.0.0/10": "shared by a provider's customers (RFC 6598), and metadata of Alibaba Cloud",
    "127.0.0.0/8": "loopback",
    "168.63.129.16/32": "the host of a machine on Azure",
    "169.254.0.0/16": "link-local, and metadata of most clouds",
    "172.16.0.0/12": "private (RFC 1918)",
    "192.0.0.0/24": "of protocols (RFC 6890), and metadata of Oracle Cloud",
    "192.0.2.0/24": "of documentation",
    "192.31.196.0/24": "of AS112",
    "192.52.193.0/24": "of AMT",
    "192.88.99.0/24": "of relays from 6to4",
    "192.168.0.0/16": "private (RFC 1918)",
    "192.175.48.0/24": "of AS112",
    "198.18.0.0/15": "of benchmarks",
    "198.51.100.0/24": "of documentation",
    "203.0.113.0/24": "of documentation",
    "224.0.0.0/4": "multicast",
    "240.0.0.0/4": "reserved",
    "2001::/23": "of protocols (RFC 2928), such as Teredo",
    "2001:db8::/32": "of documentation",
    "2002::/16": "6to4, which carries another address",
    "2620:4f:8000::/48": "of AS112",
    "3fff::/20": "of documentation",
    "::/128": "of this machine",
    "::1/128": "loopback",
    "::ffff:0:0/96": "an IPv4 address in the form of IPv6",
    "64:ff9b::/96": "NAT64, which carries another address",
    "64:ff9b:1::/48": "NAT64, which carries another address",
    "fc00::/7": "private (RFC 4193), and metadata of AWS",
    "fe80::/10": "link-local",
    "fec0::/10": "site-local",
    "ff00::/8": "multicast",
}
_NETWORKS = [(ip_network(text), kind) for text, kind in _SPECIAL.items()]
_PUBLIC6 = IPv6Network("2000::/3")
#: Middle of an interface identifier of ISATAP (RFC 5214); the first byte may say "local" or not.
_ISATAP = frozenset({0x00005EFE, 0x02005EFE})


def objection(address: Address) -> str | None:
    """Why `address` is not public, as the end of "is …"; None if it is."""
    if isinstance(address, IPv6Address) and address.scope_id is not None:
        return "of one network interface"
    for network, kind in _NETWORKS:
        if address.version == network.version and address in network:
            return kind
    if isinstance(address, IPv6Address):
        if address not in _PUBLIC6:
            return "assigned to nobody"
        if int(address) >> 32 & 0xFFFFFFFF in _ISATAP:
            return "ISATAP, which carries another address"
    return None


def carried(address: Address) -> IPv4Address | None:
    """The IPv4 address to which a form of IPv6 leads in the end; None for an ordinary one."""
    if isinstance(address, IPv4Address):
        return None
    number = int(address)
    if address in IPv6Network("64:ff9b::/96") or (number >> 32 & 0xFFFFFFFF) in _ISATAP or 1 < number < 1 << 32:
        return IPv4Address(number & 0xFFFFFFFF)
    return address.ipv4_mapped or address.sixtofour or (address.teredo[1] if address.teredo else None)


def parsed(text: str) -> Address | None:
    """The address that `text` is in its ordinary form; None for a name (and for 0x7f.1, which a resolver makes one of)."""
    try:
        return ip_address(text.removeprefix("[").removesuffix("]"))
    except ValueError:
        return None
