"""A client of httpx for addresses that tenants chose, and one question in which every failure is told in a sentence.

Belongs here: putting client, policy and settings together. Does not belong here: retries, what an answer means.
"""

from __future__ import annotations

import ssl
from dataclasses import dataclass
from functools import lru_cache
from http.cookiejar import CookieJar, DefaultCookiePolicy
from pathlib import Path
from typing import Any

import certifi
import httpx

from nexus.egress.policy import Policy, RefusedError
from nexus.egress.transport import GuardedTransport, Resolver, look_up, shown
from nexus.errors import MachineError, ProviderError
from nexus.settings import Settings

AGENT = "Nexus"


class UnreachableError(ProviderError):
    """Nobody answered, or not in time."""

    code = "unreachable"


@dataclass(frozen=True, slots=True)
class Answer:
    """What came back. `body` may be only its beginning; names of `headers` are compared without case."""

    status: int
    headers: httpx.Headers
    body: bytes


def client(
    settings: Settings,
    *,
    within: float = 10.0,
    most_bytes: int = 1 << 20,
    resolver: Resolver = look_up,
) -> httpx.AsyncClient:
    """A client that calls what `NEXUS_EGRESS_…` allows and nothing else, for several tenants at a time.

    It keeps no cookies, takes no proxy from the environment and follows a redirect only where `follow_redirects=True` is
    said; each hop is judged. `within` is in seconds, for a request and its answer whole.
    """
    transport = GuardedTransport(
        Policy.of(settings), trusted(settings.egress_ca_file), within=within, most_bytes=most_bytes, resolver=resolver
    )
    return httpx.AsyncClient(
        transport=transport,
        trust_env=False,
        follow_redirects=False,
        max_redirects=3,
        timeout=within,
        headers={"User-Agent": AGENT},
        # what one tenant's host sets must not be sent with another tenant's request
        cookies=CookieJar(DefaultCookiePolicy(allowed_domains=[])),
    )


async def ask(http: httpx.AsyncClient, method: str, url: str, *, most: int = 1 << 20, **request: Any) -> Answer:
    """One request; of the answer's body the first `most` bytes. Raises RefusedError and UnreachableError."""
    try:
        async with http.stream(method, url, **request) as answer:
            body = b""
            async for part in answer.aiter_raw():
                body += part
                if len(body) >= most:
                    break
            return Answer(answer.status_code, answer.headers, body[:most])
    except httpx.TimeoutException as error:
        raise UnreachableError(f"{_shown(url)} does not answer in time ({type(error).__name__})") from None
    except httpx.HTTPError as error:
        raise UnreachableError(f"{_shown(url)} cannot be asked: {error or type(error).__name__}") from None
    except httpx.InvalidURL as error:
        raise RefusedError(f"this address cannot be called: {error}") from None


def _shown(url: str) -> str:
    return shown(httpx.URL(url))


@lru_cache(maxsize=4)
def trusted(ca_file: Path | None) -> ssl.SSLContext:
    """The public certificate authorities, and the operator's own. Raises MachineError."""
    context = ssl.create_default_context(cafile=certifi.where())
    if ca_file is not None:
        try:
            context.load_verify_locations(ca_file)
        except OSError as error:
            raise MachineError(
                f"NEXUS_EGRESS_CA_FILE {ca_file} cannot be read: {error}", remedy="give it certificates in PEM form"
            ) from None
    return context
