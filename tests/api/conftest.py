"""The API on a real port, over a home with features and a model."""

from __future__ import annotations

from collections.abc import Iterator

import httpx
import pytest

from api import credentials
from api.app import create_app
from nexus.settings import Settings
from tests.api.kernel import Caller, Kernel
from tests.api.organisations.company import Company
from tests.api.running import running
from tests.features import shared


@pytest.fixture(scope="session")
def served(session_settings: Settings) -> Settings:
    shared.trained(session_settings)
    return shared.filled(session_settings)


@pytest.fixture(scope="session")
def address(served: Settings) -> Iterator[str]:
    with running(create_app(served)) as found:
        yield found


@pytest.fixture
def anyone(address: str) -> Iterator[httpx.Client]:
    """A caller without a token."""
    with httpx.Client(base_url=address, timeout=20) as client:
        yield client


@pytest.fixture
def caller(anyone: httpx.Client, served: Settings) -> httpx.Client:
    """A caller whose token carries workspace `demo`."""
    anyone.headers["Authorization"] = f"Bearer {credentials.issue(served, ['demo'])}"
    return anyone


@pytest.fixture
def company(kernel: Kernel) -> Company:
    return Company(kernel)


@pytest.fixture
def owner(company: Company) -> Caller:
    return company.caller(company.member(("owner", "*")))
