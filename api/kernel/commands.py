"""For the commands of slices: what was typed, as the body that a request would have brought.

Belongs here: one message for what is wrong with it. Does not belong here: any command (`api/<domain>/commands.py`).
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TypeVar

from pydantic import BaseModel, ValidationError

from nexus.errors import InputError

B = TypeVar("B", bound=BaseModel)


def body(model: type[B], said: Mapping[str, object], remedy: str) -> B:
    """Raises InputError, which names every field that cannot be used."""
    try:
        return model.model_validate(said)
    except ValidationError as error:
        wrong = "; ".join(f"{'.'.join(map(str, e['loc'])) or 'it'}: {e['msg']}" for e in error.errors())
        raise InputError(wrong, remedy=remedy) from None
