"""The HTTP client of live sources: asks again what may succeed later, and nothing else.

Belongs here: retries, rate limits, whole bodies, the provider's time, errors in words. Does not belong here: any provider's paths or paging.

Retried: no answer, a broken or cut-off one, one that is no JSON, 408, 425, 429 and 5xx. Waits as long as the provider asks
(`Retry-After`, or the time at which its quota is full again, by its own clock); a provider that asks for more than
`MAX_WAIT` is left alone until the next pull.
"""

from __future__ import annotations

import math
import time
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from email.utils import parsedate_to_datetime
from http import HTTPStatus
from typing import Any

import httpx
from httpx_retries import Retry, RetryTransport

from nexus.errors import InputError, ProviderError

#: Longest single wait, in seconds.
MAX_WAIT = 120.0
ATTEMPTS = 6
#: Seconds before the second attempt where the provider names no time; doubled before each one after it.
PAUSE = 0.5
_REMEDY = "asked several times; what has landed stays, and the next pull goes on from there"
AGAIN = frozenset({408, 425, 429, 500, 502, 503, 504})
#: Headers that say when a quota is full again, as seconds from now or since the epoch.
_RESETS = ("x-rate-limit-reset", "x-ratelimit-reset", "ratelimit-reset")
_REMAINING = ("x-rate-limit-remaining", "x-ratelimit-remaining", "ratelimit-remaining")

Params = Mapping[str, Any] | list[tuple[str, Any]] | None


class Refused(InputError):
    """The provider answered, and the same request will be refused again. `answered` is HTTP's status, `body` the parsed JSON."""

    def __init__(
        self, message: str, *, remedy: str | None = None, status: int = HTTPStatus.BAD_REQUEST, body: Any = None
    ) -> None:
        super().__init__(message, remedy=remedy)
        self.answered, self.body = status, body


class Client:
    """Requests to one provider. `title` is what messages call it, `hint` what to check when it refuses a request.

    With `is_json` whatever it answers below 300 must be JSON: a page of maintenance is as good as no answer.
    """

    def __init__(
        self,
        title: str,
        base_url: str,
        *,
        hint: str,
        auth: httpx.Auth | tuple[str, str] | None = None,
        headers: Mapping[str, str] | None = None,
        transport: httpx.BaseTransport | None = None,
        timeout: float = 60.0,
        is_json: bool = True,
    ) -> None:
        self.title, self._hint, self._is_json = title, hint, is_json
        self._told_time: tuple[datetime, float] | None = None
        # what we POST are questions and token requests: asking them again changes nothing
        retry = Retry(
            total=ATTEMPTS, allowed_methods=("GET", "HEAD", "POST"), status_forcelist=AGAIN,
            backoff_factor=PAUSE, max_backoff_wait=MAX_WAIT, validate_response=self._check,
        )  # fmt: skip
        inner = _Whole(transport or httpx.HTTPTransport(), title)
        self._http = httpx.Client(
            base_url=base_url, auth=auth, headers=dict(headers or {}), timeout=timeout, follow_redirects=False,
            transport=RetryTransport(transport=inner, retry=retry),
        )  # fmt: skip

    def close(self) -> None:
        self._http.close()

    def get(self, path: str, params: Params = None, headers: Mapping[str, str] | None = None) -> httpx.Response:
        """The answer, whole and below 400. Raises ProviderError (may succeed later) or InputError (will not)."""
        return self.request("GET", path, params=params, headers=headers)

    def json(self, path: str, params: Params = None) -> Any:
        """The parsed body of `get`."""
        return self.get(path, params).json()

    def find(self, path: str, params: Params = None) -> Any:
        """As `json`, or None where the provider has no such thing (404)."""
        response = self.request("GET", path, params=params, absent=True)
        return None if response.status_code == HTTPStatus.NOT_FOUND else response.json()

    def now(self, path: str = "") -> datetime:
        """The provider's own time, because its records carry it: what a cursor says must not depend on this machine's clock.

        Told by the `Date` of whatever it answered last, going on since; `path`, if any, is asked for where it has answered
        nothing yet. This machine's time where the provider does not tell.
        """
        if self._told_time is None and path:
            self.get(path)
        if self._told_time is None:
            return datetime.now(UTC)
        moment, at = self._told_time
        return moment + timedelta(seconds=time.monotonic() - at)

    def request(self, method: str, path: str, *, absent: bool = False, **arguments: Any) -> httpx.Response:
        """As `get`, for any method and httpx's arguments. With `absent`, 404 is an answer too."""
        try:
            response = self._http.request(method, path, **arguments)
        except httpx.HTTPError as error:
            raise ProviderError(
                f"{self.title} gave no usable answer to {method} {_bare(path)}: {error or type(error).__name__}",
                remedy=_REMEDY,
            ) from error
        self._hear(response)
        if response.is_success and (why := self._no_json(response)):  # the last attempt is given as it is
            raise ProviderError(f"{self.title} gave no usable answer to {method} {_bare(path)}: {why}", remedy=_REMEDY)
        if response.status_code < 300 or (absent and response.status_code == HTTPStatus.NOT_FOUND):
            _spare(response)
            return response
        told = f"{self.title} answered {response.status_code} to {method} {_bare(path)}: {words(response)}"
        if response.status_code in AGAIN:
            raise ProviderError(told, remedy=_REMEDY)
        raise Refused(told, remedy=self._hint, status=response.status_code, body=parsed(response))

    def _hear(self, response: httpx.Response) -> None:
        if moment := _moment(response.headers.get("date", "")):
            self._told_time = moment, time.monotonic()

    def _check(self, response: httpx.Response) -> None:
        if why := self._no_json(response):
            raise httpx.RemoteProtocolError(why)

    def _no_json(self, response: httpx.Response) -> str | None:
        """That the answer is not the JSON that it should be; None where it is. What calls itself JSON must be whole."""
        kind = response.headers.get("content-type", "")
        due = self._is_json and response.is_success and response.request.method != "HEAD"
        if not due and not (response.content and "json" in kind):
            return None
        try:
            response.json()
        except ValueError:
            return f"it is no whole JSON ({response.status_code}, {kind or 'of no type'})"
        return None

    def listed(self, response: httpx.Response) -> list[dict[str, Any]]:
        """The objects of a page that is a list of them. Raises ProviderError for anything else."""
        found = response.json()
        if not isinstance(found, list) or not all(isinstance(each, dict) for each in found):
            raise self.unusable(response.request.url.path, "it is no list of objects")
        return found

    def unusable(self, path: str, why: str) -> ProviderError:
        """The error of an answer with which nobody can go on."""
        return ProviderError(
            f"{self.title} gave no usable answer to GET {path.partition('?')[0]}: {why}",
            remedy="what has landed stays, and the next pull goes on from there",
        )

    def following(self, response: httpx.Response) -> str | None:
        """Path and query of the page that the header `Link: …; rel="next"` names, None on the last page.

        Raises ProviderError for one at another host: credentials must not follow it there.
        """
        link = response.links.get("next", {}).get("url")
        if not link:
            return None
        there, here = response.request.url.join(link), response.request.url
        if (there.scheme, there.host, there.port) != (here.scheme, here.host, here.port):
            raise ProviderError(
                f"{self.title} names a next page at another address ({there.host}), which is not followed",
                remedy="check the address of the provider in the connection's options",
            )
        return there.raw_path.decode("ascii")


class _Whole(httpx.BaseTransport):
    """Reads each body within the attempt, so that one that breaks off is asked for again; says how long to wait."""

    def __init__(self, inner: httpx.BaseTransport, title: str) -> None:
        self._inner, self._title = inner, title

    def handle_request(self, request: httpx.Request) -> httpx.Response:
        response = self._inner.handle_request(request)
        response.request = request
        response.read()
        if response.status_code in AGAIN:
            wait = _asked_wait(response)
            if wait > MAX_WAIT:
                raise ProviderError(
                    f"{self._title} asks to wait {wait:.0f} s before the next request",
                    remedy="what has landed stays; the next pull goes on from there",
                )
            response.headers["retry-after"] = str(math.ceil(wait))
        return response

    def close(self) -> None:
        self._inner.close()


def _asked_wait(response: httpx.Response) -> float:
    """Seconds that the provider asks to wait; 0 where it does not say."""
    after = response.headers.get("retry-after", "").strip()
    if after.isascii() and after.isdigit():
        return float(after)
    if until := _moment(after):
        return max(0.0, (until - _now(response)).total_seconds())
    return _until_reset(response) if response.status_code == HTTPStatus.TOO_MANY_REQUESTS else 0.0


def _until_reset(response: httpx.Response) -> float:
    for name in _RESETS:
        text = response.headers.get(name, "")
        if text.replace(".", "", 1).isdigit():
            moment = float(text)
            return max(0.0, moment - _now(response).timestamp() if moment > 1e9 else moment)
    return 0.0


def _now(response: httpx.Response) -> datetime:
    """When the provider answered, by its own clock: the moments that it names are of that clock."""
    return _moment(response.headers.get("date", "")) or datetime.now(UTC)


def _moment(text: str) -> datetime | None:
    """A date of HTTP; None for anything else."""
    try:
        moment = parsedate_to_datetime(text)
    except ValueError:
        return None
    return moment.replace(tzinfo=UTC) if moment.tzinfo is None else moment.astimezone(UTC)


def _spare(response: httpx.Response) -> None:
    """Waits before the quota is overdrawn rather than after."""
    if any(response.headers.get(name) == "0" for name in _REMAINING):
        time.sleep(min(_until_reset(response), MAX_WAIT))


def parsed(response: httpx.Response) -> Any:
    """The body, or None where it is no JSON."""
    try:
        return response.json()
    except ValueError:
        return None


def _bare(path: str) -> str:
    """Without the query, which may carry what is nobody's business."""
    return path.partition("?")[0]


def words(response: httpx.Response) -> str:
    """What the provider says of an error, in its own words, shortened."""
    text: Any = response.text
    body = parsed(response)
    if isinstance(body, dict):
        error = body.get("error", body)
        inner = error if isinstance(error, dict) else body
        names = ("message", "error_description", "errorSummary", "description", "detail", "error", "name")
        text = next((str(inner[name]) for name in names if inner.get(name)), text)
    return " ".join(str(text).split())[:300] or "no explanation"
