"""Requests of the protocols: parameters that are read once and strictly, in the form that Authlib asks for.

Belongs here: from bytes to parameters, and refusing what is no request at all. Does not belong here: what they mean.
"""

from __future__ import annotations

import base64
import binascii
import unicodedata
from collections.abc import Sequence
from typing import Any
from urllib.parse import parse_qsl

from authlib.oauth2.rfc6749 import OAuth2Payload, OAuth2Request
from authlib.oauth2.rfc6749.errors import InvalidClientError, InvalidRequestError
from starlette.requests import Request

MOST_PARAMETERS = 50
LONGEST_VALUE = 4000
FORM = "application/x-www-form-urlencoded"
#: What Authlib repeats in a description, where RFC 6749 allows few characters.
_REPEATED = ("response_type", "redirect_uri", "grant_type")


class Parameters(OAuth2Payload):  # type: ignore[misc]
    """Each of which comes once (RFC 6749, 3.1 and 3.2)."""

    def __init__(self, pairs: Sequence[tuple[str, str]]) -> None:
        self._data = dict(pairs)

    @property
    def data(self) -> dict[str, str]:
        return self._data

    @property
    def datalist(self) -> dict[str, list[str]]:
        return {name: [value] for name, value in self._data.items()}


class Asked(OAuth2Request):  # type: ignore[misc]
    """One request. `uri` is that of this Nexus, whatever name it was called by."""

    def __init__(self, method: str, uri: str, pairs: Sequence[tuple[str, str]], headers: dict[str, str]) -> None:
        super().__init__(method, uri, None, headers)
        self.payload = Parameters(pairs)

    @property
    def form(self) -> dict[str, str]:
        found: dict[str, str] = self.payload.data
        return found

    args = form


def parsed(raw: bytes) -> list[tuple[str, str]]:
    """Parameters of a query or a body. Raises InvalidRequestError for what is none, or comes twice."""
    try:
        pairs = parse_qsl(raw.decode("ascii"), keep_blank_values=True, errors="strict", max_num_fields=MOST_PARAMETERS)
    except ValueError:
        raise InvalidRequestError("The parameters cannot be read.") from None
    names = [name for name, _ in pairs]
    if len(set(names)) < len(names):
        raise InvalidRequestError("A parameter comes more than once.")
    for _, value in pairs:
        if len(value) > LONGEST_VALUE or any(unicodedata.category(c) in {"Cc", "Cs"} for c in value):
            raise InvalidRequestError("A parameter is too long, or has control characters.")
    # a parameter without a value is treated as absent (RFC 6749, 3.1)
    kept = [(name, value) for name, value in pairs if value]
    for name, value in kept:
        if name in _REPEATED and not all(" " <= c <= "~" and c not in '"\\' for c in value):
            raise InvalidRequestError(f"The value of {name} has characters that it cannot have.")
    return kept


async def posted(request: Request, address: str) -> Asked:
    """A request to an endpoint that clients post to. Raises InvalidRequestError, InvalidClientError."""
    if request.headers.get("content-type", "").partition(";")[0].strip().lower() != FORM:
        raise InvalidRequestError(f"The body must be {FORM}.")
    pairs = parsed(await request.body())
    headers = {"Authorization": request.headers["authorization"]} if "authorization" in request.headers else {}
    said = dict(pairs)
    if headers:
        name = _basic(headers["Authorization"])
        if "client_secret" in said or said.get("client_id", name) != name:
            raise InvalidRequestError("The client must authenticate in one way.")
        pairs = [*((n, v) for n, v in pairs if n != "client_id"), ("client_id", name)]
    return Asked("POST", f"{address}{request.url.path}", pairs, headers)


def _basic(header: str) -> str:
    """The client that a header names. Raises InvalidClientError for a header that cannot be read."""
    kind, _, encoded = header.partition(" ")
    try:
        name, colon, _ = base64.b64decode(encoded.strip(), validate=True).decode("ascii").partition(":")
    except (binascii.Error, ValueError):
        name, colon = "", ""
    if kind.lower() != "basic" or not colon or not name.isprintable():
        raise InvalidClientError(status_code=401, description="The Authorization header is not Basic.")
    return name


def seen(query: str, path: str, address: str) -> Asked:
    """A request that a browser brings in its query. Raises InvalidRequestError."""
    return Asked("GET", f"{address}{path}", parsed(query.encode("utf-8", "replace")), {})


def value(asked: Asked, name: str) -> str | None:
    found: Any = asked.payload.data.get(name)
    return found if found is None else str(found)
