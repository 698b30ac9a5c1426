"""Asking DNS whether a domain shows a proof.

Belongs here: the question, and names of domains. Does not belong here: what a proved domain is good for.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from nexus.errors import InputError, ProviderError

if TYPE_CHECKING:
    from dns.asyncresolver import Resolver

#: For so long an answer is waited for, seconds.
PATIENCE = 5.0


def normal(name: str) -> str:
    """A domain in lower case, as DNS writes it (IDNA). Raises InputError for what is none, or a whole top level."""
    import dns.exception
    import dns.name

    text = name.strip().rstrip(".").lower()
    try:
        ascii_ = text.encode("idna").decode() if not text.isascii() else text
        labels = dns.name.from_text(ascii_).labels[:-1]
    except (UnicodeError, dns.exception.DNSException):
        labels = ()
    good = all(part.replace(b"-", b"").isalnum() and part[:1] != b"-" != part[-1:] for part in labels)
    if len(labels) < 2 or not good or labels[-1].isdigit():
        raise InputError("that is not a domain", remedy="write it as example.com")
    return ascii_


@dataclass(slots=True)
class Txt:
    """Asks the resolver of this machine, or `nameservers` on `port`. Answers are never taken from a cache."""

    nameservers: list[str] = field(default_factory=list)
    port: int = 53

    async def records(self, name: str) -> list[str]:
        """Texts of the TXT records at `name`; none if there are none. Raises ProviderError if DNS does not answer."""
        import dns.exception
        import dns.resolver

        try:
            answer = await self._resolver().resolve(name, "TXT", lifetime=PATIENCE, search=False)
        except (dns.resolver.NXDOMAIN, dns.resolver.NoAnswer):
            return []
        except (dns.exception.DNSException, OSError):
            raise ProviderError("DNS does not answer just now", remedy="try again later") from None
        return [b"".join(record.strings).decode(errors="replace") for record in answer]

    def _resolver(self) -> Resolver:
        from dns.asyncresolver import Resolver

        resolver = Resolver(configure=not self.nameservers)
        if self.nameservers:
            resolver.nameservers, resolver.port = self.nameservers, self.port
        return resolver
