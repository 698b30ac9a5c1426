"""Every endpoint, asked what nobody has thought of: the small profile of `make conformance`, and `/metrics` for promtool."""

from __future__ import annotations

import dataclasses
import re
import shutil

import httpx
import pytest

from api.app import create_app
from api.kernel.permissions import public
from api.kernel.routing import Router
from api.openapi import operations
from api.problems import GUARDED
from nexus.errors import MachineError
from tests.api.away import AWAY
from tests.api.kernel import Kernel
from tests.api.organisations.company import Company
from tests.conformance import metrics
from tests.conformance.__main__ import judged
from tests.conformance.fuzzing import Profile, fuzz
from tests.conformance.places import Place

SMALL = Profile(phases=("fuzzing",), examples=1, workers=1)


def _place(kernel: Kernel) -> Place:
    company = Company(kernel)
    owner = company.caller(company.member(("owner", "*"), is_break_glass=True))
    return Place(kernel.address, owner.headers["Authorization"].removeprefix("Bearer "), company.one)


def test_every_endpoint(kernel: Kernel) -> None:
    told = fuzz(_place(kernel), SMALL)
    assert not told.failures, "\n\n".join(f"{name}\n{text}" for name, text in told.failures.items())
    assert len(told.operations) == len(list(operations(create_app().openapi())))


_AWAY = Router()


@_AWAY.get("/v1/always-away", dependencies=[public("a probe of this test")], responses=GUARDED)
async def get_always_away() -> None:
    raise MachineError("it is away", remedy="wait")


def test_only_what_stands_on_something_may_be_away(kernel: Kernel) -> None:
    """A 503 that the document names is a failure all the same, but of the endpoints that tests/api/away.py names."""
    only = dataclasses.replace(SMALL, only="^/v1/always-away$")
    with kernel.offering(_AWAY):
        told = fuzz(_place(kernel), only)
    assert [name for name in told.failures if "erver error" in name], told.failures


def test_the_endpoints_that_may_be_away_are_there() -> None:
    offered = [f"{method.upper()} {path}" for path, item in create_app().openapi()["paths"].items() for method in item]
    assert [route for route in AWAY if not any(re.fullmatch(route, one) for one in offered)] == []


@pytest.mark.skipif(shutil.which("promtool") is None, reason=metrics.MISSING)
def test_metrics(kernel: Kernel) -> None:
    kernel.caller().get("/v1/models")
    _, objections = metrics.examined(httpx.get(f"{kernel.address}/metrics").text)
    assert not objections


def test_what_was_not_looked_at_has_not_passed(kernel: Kernel, monkeypatch: pytest.MonkeyPatch) -> None:
    place = Place(kernel.address, "", "")
    monkeypatch.setenv("PATH", "")
    assert judged(metrics.check, place) == ("skipped", metrics.MISSING, [])
    assert judged(lambda _: ("3 series", []), place) == ("passed", "3 series", [])
    assert judged(lambda _: ("3 series", ["no help text"]), place)[0] == "FAILED"
