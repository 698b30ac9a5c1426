"""Every endpoint, asked what nobody has thought of: the small profile of `make conformance`, and `/metrics` for promtool."""

from __future__ import annotations

import shutil

import httpx
import pytest

from api.app import create_app
from api.openapi import operations
from tests.api.kernel import Kernel
from tests.api.organisations.company import Company
from tests.conformance import metrics
from tests.conformance.fuzzing import Profile, fuzz
from tests.conformance.places import Place

SMALL = Profile(phases=("fuzzing",), examples=1, workers=1)


def test_every_endpoint(kernel: Kernel) -> None:
    company = Company(kernel)
    owner = company.caller(company.member(("owner", "*"), is_break_glass=True))
    token = owner.headers["Authorization"].removeprefix("Bearer ")
    told = fuzz(Place(kernel.address, token, company.one), SMALL)
    assert not told.failures, "\n\n".join(f"{name}\n{text}" for name, text in told.failures.items())
    assert len(told.operations) == len(list(operations(create_app().openapi())))


@pytest.mark.skipif(shutil.which("promtool") is None, reason=metrics.MISSING)
def test_metrics(kernel: Kernel) -> None:
    kernel.caller().get("/v1/models")
    _, objections = metrics.examined(httpx.get(f"{kernel.address}/metrics").text)
    assert not objections
