"""One organisation for all tests of the provider: each registers applications of its own."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.api.kernel import Kernel
from tests.api.oidc.house import App, House


@pytest.fixture(scope="session")
def house(kernel: Kernel) -> Iterator[House]:
    made = House(kernel)
    yield made
    made.close()


@pytest.fixture(scope="session")
def web(house: House) -> App:
    """An application with a secret."""
    return house.app()


@pytest.fixture(scope="session")
def native(house: House) -> App:
    """One that keeps none, on somebody's machine."""
    return house.app(
        token_endpoint_auth_method="none", redirect_uris=["http://127.0.0.1/cb"], name="Terminal",
        grant_types=["authorization_code", "refresh_token", "urn:ietf:params:oauth:grant-type:device_code"],
    )  # fmt: skip
