"""Saying that a field of an event is personal, and whose."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache

from pydantic import BaseModel


@dataclass(frozen=True, slots=True)
class Personal:
    """`address: Annotated[str, Personal("user_id")]`: the text is of the person whose id the other field has.

    It is sealed on its way into the log. Where that field is empty there is nobody under whose key it could be sealed: whoever
    records the event then says something coarser.
    """

    of: str


@lru_cache(maxsize=1000)
def personal_fields(cls: type[BaseModel]) -> Mapping[str, str]:
    """Field → field that says whose it is."""
    found = {}
    for name, field in cls.model_fields.items():
        for mark in field.metadata:
            if isinstance(mark, Personal):
                found[name] = mark.of
    return found
