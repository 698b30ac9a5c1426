"""What may be called, of what tenants name: public addresses, by https, and what the operator adds or takes away.

Belongs here: judging a URL and an address. Does not belong here: asking the resolver, connecting (transport.py).
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass
from functools import lru_cache
from ipaddress import ip_network
from urllib.parse import urlsplit

from nexus.egress import addresses
from nexus.egress.addresses import Address, Network
from nexus.errors import InputError
from nexus.settings import Settings

LONGEST = 2000
#: RFC 3986: what a URL consists of. No backslash, blank, control or letter beyond ASCII, which readers disagree about.
_TEXT = re.compile(r"[A-Za-z0-9\-._~:/?\[\]@!$&'()*+,;=%]+")
_DEFAULT_PORTS = {"https": 443, "http": 80}


class RefusedError(InputError):
    """A URL that Nexus does not call, whoever asks. The message goes to tenants: it does not say what a name leads to."""

    code = "address_refused"


@dataclass(frozen=True, slots=True)
class Policy:
    """`allow`: networks besides the public one, which may be called by plain http too. `refuse`: networks that may not be
    called although they are public; it is the stronger. `ports`: inclusive ranges."""

    allow: tuple[Network, ...] = ()
    refuse: tuple[Network, ...] = ()
    ports: tuple[tuple[int, int], ...] = ((80, 80), (443, 443), (8080, 8080), (8443, 8443))

    @classmethod
    def of(cls, settings: Settings) -> Policy:
        return _read(settings.egress_allow, settings.egress_refuse, settings.egress_ports)

    def objection(self, url: str) -> str | None:
        """Why `url` cannot be called, as far as its text says, as the end of "it …"; None if it may be tried."""
        if len(url) > LONGEST:
            return f"is longer than {LONGEST} characters"
        if not _TEXT.fullmatch(url):
            return "has characters that no address has (a fragment is none of a request): write others as %XX"
        try:
            parts = urlsplit(url)
            host, port = parts.hostname, parts.port
        except ValueError:
            return "is not an address"
        if parts.scheme not in ("https", "http") or (parts.scheme == "http" and not self.allow):
            return "needs https"
        if not host or "%" in parts.netloc:
            return "needs a host"
        if "@" in parts.netloc:
            return "must not have a name or password before its host"
        if not self.takes_port(_DEFAULT_PORTS[parts.scheme] if port is None else port):
            return f"has port {port}, and may have {self.described_ports}"
        literal = addresses.parsed(host)
        if literal is not None and (why := self.judge(literal, is_plain=parts.scheme == "http")):
            return f"needs a host that may be called: {why}"
        return None

    def judge(self, address: Address, *, is_plain: bool = False) -> str | None:
        """Why nothing may be sent to `address` (`is_plain`: by http); None if it may."""
        if _within(address, self.refuse):
            return f"{address} is among NEXUS_EGRESS_REFUSE"
        inner = addresses.carried(address)
        if inner is not None and (why := self.judge(inner, is_plain=is_plain)):
            return f"{address} leads further: {why}"
        if _within(address, self.allow):
            return None
        if inner is not None and _within(inner, self.allow) and address.version == 6 and address.ipv4_mapped:
            return None
        if kind := addresses.objection(address):
            return f"{address} is {kind}"
        return f"{address} is public, and needs https" if is_plain else None

    def takes_port(self, port: int) -> bool:
        return any(first <= port <= last for first, last in self.ports)

    @property
    def described_ports(self) -> str:
        return ", ".join(str(a) if a == b else f"{a}-{b}" for a, b in self.ports)


def _within(address: Address, networks: Iterable[Network]) -> bool:
    return any(address.version == network.version and address in network for network in networks)


@lru_cache(maxsize=16)
def _read(allow: str, refuse: str, ports: str) -> Policy:
    ranges = [part.strip().partition("-") for part in ports.split(",")]
    return Policy(
        allow=_networks("NEXUS_EGRESS_ALLOW", allow),
        refuse=_networks("NEXUS_EGRESS_REFUSE", refuse),
        ports=tuple((int(first), int(last or first)) for first, _, last in ranges),
    )


def _networks(name: str, text: str) -> tuple[Network, ...]:
    found = []
    for part in filter(None, (p.strip() for p in text.split(","))):
        try:
            found.append(ip_network(part))
        except ValueError as error:
            raise InputError(f"{name} has {part!r}: {error}", remedy=f"{name}=10.1.0.0/16,fd00:1::/32") from None
    return tuple(found)
