"""A transport of httpx that looks a name up once, judges every address of the answer, and connects to what it judged.

Belongs here: the place where a connection is opened, limits of time and size. Does not belong here: the rule (policy.py).

The guard is where httpcore opens connections, below redirects, retries and pools: no request has another way out. Host
header and the name that TLS verifies come from the URL as ever; only the look-up is ours. A resolver that answers
differently the second time is not asked a second time.
"""

from __future__ import annotations

import asyncio
import logging
import socket
import ssl
from collections.abc import AsyncIterator, Callable, Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import httpcore
import httpx

from nexus.egress import addresses
from nexus.egress.policy import Policy, RefusedError
from nexus.errors import ProviderError

_log = logging.getLogger("nexus.egress")
#: Host and port → addresses. Raises OSError. May block: it is called in a thread.
Resolver = Callable[[str, int], Sequence[str]]
#: Addresses of one name that are tried.
MOST_ADDRESSES = 4
# not asyncio's own threads: a name server that never answers holds one for as long as the system's resolver waits
_LOOKUPS = ThreadPoolExecutor(64, thread_name_prefix="egress-lookup")


class TooLargeError(ProviderError):
    """An answer of more bytes than are taken."""

    code = "answer_too_large"


def look_up(host: str, port: int) -> Sequence[str]:
    """What the system's resolver says, in its order."""
    found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM, proto=socket.IPPROTO_TCP)
    return list(dict.fromkeys(str(entry[4][0]) for entry in found))


class GuardedTransport(httpx.AsyncBaseTransport):
    """For an httpx.AsyncClient with `trust_env=False`: otherwise httpx would go round this by a proxy of the environment.

    `within` (seconds) is for one request whole, the last byte of the answer included; more than `most_bytes` of body raise
    TooLargeError. Answers are asked for without compression, and never unpacked: a small one cannot become a large one.
    Raises RefusedError, and what httpx raises.
    """

    def __init__(
        self,
        policy: Policy,
        tls: ssl.SSLContext,
        *,
        within: float,
        most_bytes: int,
        resolver: Resolver = look_up,
    ) -> None:
        self._policy, self._within, self._most = policy, within, most_bytes
        self._by_scheme = {
            "https": _over(_Backend(policy, resolver, is_plain=False), tls),
            "http": _over(_Backend(policy, resolver, is_plain=True), tls),
        }

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        if why := self._policy.objection(str(request.url).partition("#")[0]):
            raise RefusedError(f"{shown(request.url)} is not called: it {why}")
        request.headers["Accept-Encoding"] = "identity"
        request.extensions = {**request.extensions, "timeout": httpx.Timeout(self._within).as_dict()}
        until = asyncio.get_running_loop().time() + self._within
        try:
            async with asyncio.timeout_at(until):
                answer = await self._by_scheme[request.url.scheme].handle_async_request(request)
        except TimeoutError:
            raise httpx.ReadTimeout(f"no answer within {self._within:g} s", request=request) from None
        headers = [(name, value) for name, value in answer.headers.raw if name.lower() != b"content-encoding"]
        assert isinstance(answer.stream, httpx.AsyncByteStream)
        stream = _Limited(answer.stream, self._most, until, request)
        return httpx.Response(answer.status_code, headers=headers, stream=stream, extensions=answer.extensions)

    async def aclose(self) -> None:
        for inner in self._by_scheme.values():
            await inner.aclose()


def _over(backend: _Backend, tls: ssl.SSLContext) -> httpx.AsyncHTTPTransport:
    made = httpx.AsyncHTTPTransport(verify=tls, trust_env=False)
    if not isinstance(getattr(made, "_pool", None), httpcore.AsyncConnectionPool):
        raise TypeError("httpx keeps its connections elsewhere now: the guard would not be asked")
    # connections are not kept: each request is judged by what its name leads to now
    made._pool = httpcore.AsyncConnectionPool(
        ssl_context=tls, max_connections=None, max_keepalive_connections=0, network_backend=backend
    )
    return made


def shown(url: httpx.URL) -> str:
    """`url` as far as it may stand in a message: what comes after its host may be a secret."""
    return f"{url.scheme}://{url.netloc.decode('ascii', 'replace').rpartition('@')[2]}"


class _Limited(httpx.AsyncByteStream):
    """A body up to so many bytes and such a moment."""

    def __init__(self, inner: httpx.AsyncByteStream, most: int, until: float, request: httpx.Request) -> None:
        self._inner, self._most, self._until, self._request = inner, most, until, request

    async def __aiter__(self) -> AsyncIterator[bytes]:
        seen = 0
        parts = self._inner.__aiter__()
        while True:
            try:
                async with asyncio.timeout_at(self._until):
                    part = await anext(parts)
            except StopAsyncIteration:
                return
            except TimeoutError:
                raise httpx.ReadTimeout("the answer did not end in time", request=self._request) from None
            seen += len(part)
            if seen > self._most:
                raise TooLargeError(f"{shown(self._request.url)} answers with more than {self._most} bytes")
            yield part

    async def aclose(self) -> None:
        await self._inner.aclose()


class _Backend(httpcore.AsyncNetworkBackend):
    """Opens connections to judged addresses."""

    def __init__(self, policy: Policy, resolver: Resolver, *, is_plain: bool) -> None:
        self._policy, self._resolver, self._is_plain = policy, resolver, is_plain
        self._inner = httpcore.AnyIOBackend()

    async def connect_tcp(
        self,
        host: str,
        port: int,
        timeout: float | None = None,
        local_address: str | None = None,
        socket_options: Iterable[Any] | None = None,
    ) -> httpcore.AsyncNetworkStream:
        error: Exception | None = None
        for address in (await self._judged(host, port))[:MOST_ADDRESSES]:
            try:
                return await self._inner.connect_tcp(address, port, timeout, local_address, socket_options)
            except (httpcore.ConnectError, httpcore.ConnectTimeout) as failure:
                error = failure
        raise error or httpcore.ConnectError(_nowhere(host))

    async def _judged(self, host: str, port: int) -> list[str]:
        literal = addresses.parsed(host)
        found: Sequence[str] = [str(literal)]
        try:
            if literal is None:
                found = await asyncio.get_running_loop().run_in_executor(_LOOKUPS, self._resolver, host, port)
        except (OSError, UnicodeError) as error:
            _log.info("no address of %s: %s", host, error)
            raise httpcore.ConnectError(_nowhere(host)) from None
        for text in found:
            address = addresses.parsed(text)
            if address is None or (why := self._policy.judge(address, is_plain=self._is_plain)):
                _log.warning("%s is not called: %s", host, why if address else text)
                raise RefusedError(_nowhere(host), remedy="an operator allows networks by NEXUS_EGRESS_ALLOW")
        return list(found)

    async def connect_unix_socket(self, *_: Any, **__: Any) -> httpcore.AsyncNetworkStream:
        raise RefusedError("no socket of this machine is called")

    async def sleep(self, seconds: float) -> None:
        await asyncio.sleep(seconds)


def _nowhere(host: str) -> str:
    # one text, whether there is no address or one that is not public: whoever asks does not learn names of our network
    return f"{host} leads to no public address"
