"""Bodies as the OpenAPI document describes them: JSON's own types, read once, converted never.

Belongs here: how a body becomes a model. Does not belong here: what a body must hold (schemas of slices).

The framework would take `"yes"` or 1 for a boolean, `"5"` for a number and seconds for a time: a client that sends the wrong
thing should be told so, not understood by luck. Pydantic's strict JSON takes text for times, enumerations and sets, as
JSON must, and nothing else; it reads the bytes itself, so the body is not made into dictionaries first.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable
from dataclasses import dataclass
from typing import Annotated, Any, get_args, get_origin

from fastapi import params
from pydantic import BaseModel, GetCoreSchemaHandler
from pydantic_core import CoreSchema, core_schema

from api.kernel.short import Kept


@dataclass(frozen=True, slots=True)
class Unread:
    """The bytes of a JSON body that is yet to be read."""

    text: bytes


class UnreadRequest(Kept):
    """A request whose body the framework passes on as it came."""

    async def json(self) -> Any:
        return Unread(await self.body())


@dataclass(frozen=True, slots=True)
class Exactly:
    """Reads `model` from the bytes of a body; what is no JSON is left to the framework, which refuses it."""

    model: type[BaseModel]

    def __get_pydantic_core_schema__(self, source: Any, handler: GetCoreSchemaHandler) -> CoreSchema:
        def read(value: Any, otherwise: core_schema.ValidatorFunctionWrapHandler) -> Any:
            if isinstance(value, Unread):
                return self.model.__pydantic_validator__.validate_json(value.text, strict=True)
            return otherwise(value)

        return core_schema.no_info_wrap_validator_function(read, handler(source))


def exact(endpoint: Callable[..., Any]) -> bool:
    """Makes the one JSON body of `endpoint` be read exactly; False if it has none, or what it takes is no model."""
    signature = inspect.signature(endpoint, eval_str=True)
    found = {n: m for n, p in signature.parameters.items() if (m := _model(p.annotation)) is not None}
    if len(found) != 1:
        return False
    ((name, model),) = found.items()
    annotation: Any = Annotated[signature.parameters[name].annotation, Exactly(model)]  # type: ignore[valid-type]
    parameters = [p.replace(annotation=annotation) if n == name else p for n, p in signature.parameters.items()]
    endpoint.__signature__ = signature.replace(parameters=parameters)  # type: ignore[attr-defined]
    return True


def _model(annotation: Any) -> type[BaseModel] | None:
    """The model of a JSON body; None for a form, a dependency, a query, and whatever else is no model."""
    said: tuple[Any, ...] = ()
    if get_origin(annotation) is Annotated:
        annotation, *said = get_args(annotation)  # type: ignore[assignment]
    if any(isinstance(s, params.Form | params.Param | params.Depends | Exactly) for s in said):
        return None
    return annotation if inspect.isclass(annotation) and issubclass(annotation, BaseModel) else None
