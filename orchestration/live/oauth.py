"""OAuth 2.0 client credentials as an `httpx.Auth`: a token before it is needed, a new one before or when it expires.

Belongs here: when a token is asked for and what its refusal says. Does not belong here: how a provider wants to be asked
(the source's `live.py` makes that request).
"""

from __future__ import annotations

import time
from collections.abc import Callable, Generator

import httpx

from nexus.errors import InputError, ProviderError
from orchestration.live.http import AGAIN, parsed, words

#: A token is renewed this many seconds before the provider lets it expire.
_EARLY = 60.0
#: Seconds that a token is held good where the provider does not say.
_UNSAID = 300.0


class ClientCredentials(httpx.Auth):
    """Bearer tokens from `ask()`, a request to the provider's token address.

    A 401 means that the token was withdrawn early: it is renewed once, and what is refused then is told as refused.
    Raises InputError if the provider gives no token for these credentials, ProviderError if it cannot for now.
    """

    requires_response_body = True

    def __init__(
        self, title: str, ask: Callable[[], httpx.Request], *, hint: str, clock: Callable[[], float] = time.monotonic
    ) -> None:
        self._title, self._ask, self._hint, self._clock = title, ask, hint, clock
        self._token, self._until = "", 0.0
        #: What the provider says the token is good for, as it lists it.
        self.scopes: tuple[str, ...] = ()

    def auth_flow(self, request: httpx.Request) -> Generator[httpx.Request, httpx.Response, None]:
        fresh = self._clock() >= self._until
        if fresh:
            self._take((yield self._ask()))
        response = yield self._bearing(request)
        if response.status_code == httpx.codes.UNAUTHORIZED and not fresh:
            self._take((yield self._ask()))
            yield self._bearing(request)

    def _bearing(self, request: httpx.Request) -> httpx.Request:
        request.headers["Authorization"] = f"Bearer {self._token}"
        return request

    def _take(self, response: httpx.Response) -> None:
        self._until = 0.0
        if response.status_code in AGAIN:
            raise ProviderError(
                f"{self._title} gave no token: {response.status_code} {words(response)}",
                remedy="asked several times; the next pull asks again",
            )
        if not response.is_success:
            raise InputError(
                f"{self._title} gives no token for these credentials: {response.status_code} {words(response)}",
                remedy=self._hint,
            )
        body = parsed(response)
        if not isinstance(body, dict) or "access_token" not in body:
            raise ProviderError(
                f"{self._title} answered the request for a token without one", remedy="check its address in the options"
            )
        self._token = str(body["access_token"])
        self._until = self._clock() + max(0.0, float(body.get("expires_in", _UNSAID)) - _EARLY)
        self.scopes = tuple(str(body.get("scope", "")).split())
