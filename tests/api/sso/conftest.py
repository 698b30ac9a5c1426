"""One organisation with a proved domain, one provider that lies on demand."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.api.kernel import Kernel
from tests.api.sso import provider as providers
from tests.api.sso.house import House
from tests.api.sso.provider import Provider
from tests.api.sso.way import Way


@pytest.fixture(scope="module")
def here(kernel: Kernel) -> Iterator[Kernel]:
    """The kernel. Afterwards, tests of others sign in without being asked for their address first."""
    yield kernel
    kernel.sql("update app.sso_connection set is_enabled = false")


@pytest.fixture(scope="module")
def house(here: Kernel) -> House:
    return House(here)


@pytest.fixture(scope="session")
def served() -> Iterator[Provider]:
    with providers.served() as made:
        yield made


@pytest.fixture
def provider(served: Provider) -> Provider:
    """It tells the truth until a test makes it lie."""
    fresh = Provider(served.address)
    kept = served.key
    served.__dict__.update(fresh.__dict__)
    served.key, served.published = kept, [kept]
    return served


@pytest.fixture(scope="module")
def _shared(house: House, served: Provider) -> Way:
    return Way(house, served)


@pytest.fixture
def way(_shared: Way, provider: Provider) -> Way:
    """One connection for all tests; nothing is remembered of how the provider described itself in the one before."""
    _shared.house.kernel.app.state.sso_providers._known.clear()
    return _shared
