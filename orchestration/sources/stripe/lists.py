"""Stripe's lists and objects as they are asked for: pages, what did not fit inside an object, payments of an invoice.

Belongs here: paging and expansion. Does not belong here: what is asked for and when (live.py).
https://docs.stripe.com/api/pagination, https://docs.stripe.com/api/expanding_objects
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from http import HTTPStatus
from typing import Any

import httpx

from nexus.errors import ProviderError
from orchestration.live.http import Client, Params, Refused

#: Path of every object that is listed. Lines, items and links of payments come inside these.
OBJECTS: Mapping[str, str] = {
    "customer": "customers",
    "product": "products",
    "price": "prices",
    "subscription": "subscriptions",
    "invoice": "invoices",
    "charge": "charges",
    "payment_intent": "payment_intents",
    "refund": "refunds",
    "dispute": "disputes",
}
_PAGE = 100
#: What an object holds a first page of, and where the whole list is, where its own `url` does not say.
_INSIDE: Mapping[str, Mapping[str, str]] = {
    "invoice": {"lines": "invoices/{id}/lines", "payments": "invoice_payments?invoice={id}"},
    "subscription": {"items": "subscription_items?subscription={id}"},
}
#: Inside an invoice since API version 2025-03-31, and only where it is asked for; an older version refuses to.
_EXPANDED: Mapping[str, str] = {"invoices": "payments"}


class Lists:
    """Questions to one account."""

    def __init__(self, client: Client) -> None:
        self._client = client
        self._expands = True

    def pages(
        self, path: str, params: Mapping[str, Any], after: str | None = None
    ) -> Iterator[list[Mapping[str, Any]]]:
        """Pages of a list, from its beginning or from what follows the object `after`.

        Raises ProviderError for what is no page of a list, and for one that says that there is more but gives nothing.
        """
        base, _, own = path.partition("?")
        while True:
            paging = {"limit": _PAGE, **({"starting_after": after} if after else {})}
            found = self.asked(base, {**dict(httpx.QueryParams(own)), **params, **paging})
            page = _page(base, found)
            last = page[-1]["id"] if page else after
            if found.get("has_more") and last == after:
                # the next question would be the same one, for ever
                raise _unusable(f"/v1/{base}", "it says that there is more but gives nothing")
            if page:
                yield page
                after = last
            if not found.get("has_more"):
                return

    def asked(self, path: str, params: Mapping[str, Any]) -> Any:
        """One page of a list."""
        part = _EXPANDED.get(path)
        return self._expanding(self._client.json, f"/v1/{path}", params, part and f"data.{part}")

    def found(self, name: str, identifier: str) -> Any:
        """An object as it is by now; None where it is gone. Raises ProviderError for what is no object."""
        path = OBJECTS[name]
        found = self._expanding(self._client.find, f"/v1/{path}/{identifier}", {}, _EXPANDED.get(path))
        if found is not None and not isinstance(found, dict):
            raise _unusable(f"/v1/{path}/{identifier}", "it is no object")
        return found

    def rest(self, name: str, page: Sequence[Mapping[str, Any]]) -> list[Mapping[str, Any]]:
        """Lines, items and links of payments that did not fit into their invoice or subscription."""
        rest: list[Mapping[str, Any]] = []
        for thing in page:
            for part, path in _INSIDE.get(name, {}).items():
                inside = thing.get(part)
                # what is no list is the contract's business
                if isinstance(inside, dict) and inside.get("has_more"):
                    # only the list of all payments is documented
                    own = None if part == "payments" else inside.get("url")
                    path = (own or f"/v1/{path.format(id=thing['id'])}").removeprefix("/v1/")
                    first = _page(path, inside)
                    for more in self.pages(path, {}, first[-1]["id"] if first else None):
                        rest += more
        return rest

    def _expanding(
        self, ask: Callable[[str, Params], Any], path: str, params: Mapping[str, Any], part: str | None
    ) -> Any:
        if not part or not self._expands:
            return ask(path, params)
        try:
            return ask(path, {**params, "expand[]": part})
        except Refused as error:
            if error.answered != HTTPStatus.BAD_REQUEST:
                raise
            found = ask(path, params)  # is refused too, unless it was for the expansion
            self._expands = False
            return found


def _page(path: str, found: Any) -> list[Mapping[str, Any]]:
    """The objects of one page; where the last has no id, nobody can ask for what follows it."""
    page = (found["data"] or []) if isinstance(found, dict) and "data" in found else None
    if not isinstance(page, list) or not all(isinstance(thing, dict) for thing in page):
        raise _unusable(f"/v1/{path}", "it is no list of objects")
    if page and not isinstance(page[-1].get("id"), str):
        raise _unusable(f"/v1/{path}", "its last object has no id")
    return page


def _unusable(path: str, why: str) -> ProviderError:
    return ProviderError(
        f"Stripe gave no usable answer to GET {path.partition('?')[0]}: {why}",
        remedy="what has landed stays, and the next pull goes on from there",
    )


def lost_its_place(error: Refused) -> bool:
    """Whether a list was refused because the object that it should go on after is gone."""
    told = error.body.get("error") if isinstance(error.body, dict) else None
    return isinstance(told, dict) and (told.get("param") == "starting_after" or told.get("code") == "resource_missing")
