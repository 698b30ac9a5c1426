"""Whom an address stands for where attempts or calls are counted.

Belongs here: from an address to the network that is counted. Does not belong here: what may be kept of it
(api/identity/places.py).
"""

from __future__ import annotations

import ipaddress


def network(address: str) -> str:
    """Whose address that is: one of IPv4, a /64 of IPv6, of which anybody has billions. What is no address is itself."""
    try:
        found = ipaddress.ip_address(address)
    except ValueError:
        return address
    if isinstance(found, ipaddress.IPv6Address):
        if found.ipv4_mapped:
            return str(found.ipv4_mapped)
        return str(ipaddress.ip_network((found, 64), strict=False))
    return str(found)
