"""The dependencies of a route as one list, put in order once: for the routes that are asked thousands of times.

Belongs here: doing for such a route what the framework does for every one, in the same order and with the same errors.
Does not belong here: what a dependency does, what happens around an endpoint (routing.py).

The framework walks its tree of dependencies anew with every request, and asks of each what it is. That took a third of a
request's processor time (docs/performance-of-the-api.md). What this list does not know how to do is left to the framework.
"""

from __future__ import annotations

import inspect
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import AbstractAsyncContextManager, AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from typing import Any

from fastapi import Request, Response, params
from fastapi.datastructures import DefaultPlaceholder
from fastapi.dependencies.models import Dependant
from fastapi.dependencies.utils import request_params_to_args
from fastapi.exceptions import RequestValidationError
from fastapi.routing import APIRoute, serialize_response
from fastapi.security.base import SecurityBase

from api.kernel.bodies import Unread

_FAILED = object()
_MISSING = {"type": "missing", "loc": ("body",), "msg": "Field required", "input": None}


class _UnknownError(Exception):
    """A route asks for what only the framework can do."""


class _Told(Response):
    """What dependencies and the endpoint say of the answer besides its content: headers, a status."""

    def __init__(self) -> None:
        self.status_code: int | None = None  # type: ignore[assignment]
        self.background = None
        self.raw_headers = []


@dataclass(frozen=True, slots=True)
class _Fields:
    """What a dependency reads of one part of the request. `plain` are fields of one value under one name, with that name and
    whether they are None where it is absent; if they are not all of that kind, the framework reads them."""

    part: str
    fields: Sequence[Any]
    plain: Sequence[tuple[Any, str, bool]]

    def read(self, request: Request, values: dict[str, Any]) -> Sequence[Any]:
        """Adds what was sent; gives errors back."""
        received = getattr(request, self.part)
        errors: list[Any] = []
        for field, name, is_optional in self.plain:
            if (sent := received.get(name)) is not None:
                values[field.name], wrong = field.validate(sent, values, loc=(field.field_info.in_.value, name))
                errors += wrong or ()
            elif is_optional:
                values[field.name] = None
            else:
                break
        else:
            return errors
        found, errors = request_params_to_args(self.fields, received)
        values.update(found)
        return errors


@dataclass(frozen=True, slots=True)
class _Step:
    call: Callable[..., Any]
    #: name of the parameter (None: it is called for its effect) and number of the step that gives it
    needs: Sequence[tuple[str | None, int]]
    reads: Sequence[_Fields]
    request: str | None
    response: str | None
    #: for a generator: the stack that ends it
    stack: str | None

    def values(
        self, request: Request, response: Response, found: Sequence[Any], errors: list[Any]
    ) -> dict[str, Any] | None:
        """What it is called with; None if something of that is wrong."""
        values: dict[str, Any] = {}
        before, is_whole = len(errors), True
        for name, number in self.needs:
            if (value := found[number]) is _FAILED:
                is_whole = False
            elif name is not None:
                values[name] = value
        for part in self.reads:
            errors += part.read(request, values)
        if self.request is not None:
            values[self.request] = request
        if self.response is not None:
            values[self.response] = response
        return values if is_whole and len(errors) == before else None


class Plan:
    """Answers requests of one route. `of` gives None for a route that asks for what is not known here."""

    def __init__(self, route: APIRoute, steps: Sequence[_Step], endpoint: _Step) -> None:
        self._route, self._steps, self._endpoint = route, steps, endpoint
        fields = route.dependant.body_params
        self._body = fields[0] if fields else None

    @classmethod
    def of(cls, route: APIRoute, is_exact: bool) -> Plan | None:
        is_usual = isinstance(route.response_class, DefaultPlaceholder) and route.stream_item_field is None
        body = route.body_field
        if not is_usual or route.response_field is None or (body and not (is_exact and body.field_info.is_required())):
            return None
        steps: list[_Step] = []
        try:
            endpoint = _step(route.dependant, steps, {})
        except _UnknownError:
            return None
        return cls(route, steps, endpoint) if endpoint.stack is None else None

    def takes(self, request: Request) -> bool:
        """Whether the request is of the usual kind: JSON that says so, and no router of another application around its route."""
        is_own = "effective_route_context" not in request.scope.get("fastapi", ())
        return is_own and (self._body is None or request.headers.get("content-type") == "application/json")

    async def answer(self, request: Request) -> Response:
        text = await request.body() if self._body is not None else b""
        told = _Told()
        found: list[Any] = []
        errors: list[Any] = []
        for step in self._steps:
            values = step.values(request, told, found, errors)
            if values is None:
                found.append(_FAILED)
            elif step.stack is None:
                found.append(await step.call(**values))
            else:
                stack: AsyncExitStack = request.scope[step.stack]
                found.append(await stack.enter_async_context(step.call(**values)))
        values = self._endpoint.values(request, told, found, errors)
        if self._body is not None:
            said, wrong = self._body.validate(Unread(text), {}, loc=("body",)) if text else (None, [_MISSING])
            errors += wrong or ()
            if values is not None:
                values[self._body.name] = said
        if errors or values is None:
            raise RequestValidationError(errors)
        return await self._made(await self._endpoint.call(**values), told)

    async def _made(self, answer: Any, told: Response) -> Response:
        if isinstance(answer, Response):
            return answer
        route = self._route
        content = await serialize_response(
            field=route.response_field, response_content=answer,
            include=route.response_model_include, exclude=route.response_model_exclude,
            by_alias=route.response_model_by_alias, exclude_unset=route.response_model_exclude_unset,
            exclude_defaults=route.response_model_exclude_defaults, exclude_none=route.response_model_exclude_none,
            dump_json=True,
        )  # fmt: skip
        made = Response(content, told.status_code or route.status_code or 200, media_type="application/json")
        made.headers.raw.extend(told.headers.raw)
        return made


def _step(dependant: Dependant, steps: list[_Step], known: dict[tuple[Any, Any], int]) -> _Step:
    """The step of a dependency, after those that it needs. Raises _UnknownError for what only the framework can."""
    call: Any = dependant.call
    rare = (
        dependant.background_tasks_param_name, dependant.security_scopes_param_name, dependant.websocket_param_name,
        dependant.concurrency, dependant.own_oauth_scopes, dependant.parent_oauth_scopes, dependant.cookie_params,
    )  # fmt: skip
    if any(rare):
        raise _UnknownError
    needs = []
    for below in dependant.dependencies:
        key = (below.call, below.scope)
        if key not in known or not below.use_cache:
            step = _step(below, steps, known)
            known[key] = len(steps)
            steps.append(step)
        needs.append((below.name, known[key]))
    stack = None
    if inspect.isasyncgenfunction(call):
        stack = "fastapi_function_astack" if dependant.scope == "function" else "fastapi_inner_astack"
        call = _ended(call)
    elif not inspect.iscoroutinefunction(call) and not (
        isinstance(call, SecurityBase) or inspect.iscoroutinefunction(getattr(call, "__call__", None))  # noqa: B004
    ):
        raise _UnknownError
    parts = {
        "path_params": dependant.path_params,
        "query_params": dependant.query_params,
        "headers": dependant.header_params,
    }
    reads = [_Fields(part, fields, _plain(fields)) for part, fields in parts.items() if fields]
    request = dependant.request_param_name or dependant.http_connection_param_name
    return _Step(call, needs, reads, request, dependant.response_param_name, stack)


def _ended(call: Callable[..., AsyncIterator[Any]]) -> Callable[..., AbstractAsyncContextManager[Any]]:
    return asynccontextmanager(call)


def _plain(fields: Sequence[Any]) -> list[tuple[Any, str, bool]]:
    found = []
    for field in fields:
        info: params.Param = field.field_info
        if info.annotation not in (str, str | None) or info.alias is None or info.alias != info.validation_alias:
            return [(None, "", False)]
        if not isinstance(info, params.Header | params.Path):
            return [(None, "", False)]
        found.append((field, info.alias, not info.is_required() and info.default is None and not info.validate_default))
    return found
