"""Browsers without a screen: clients that keep cookies and fill in forms."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.api.identity.people import Browser, PeopleOf
from tests.api.kernel import Kernel


@pytest.fixture
def people(kernel: Kernel) -> PeopleOf:
    """Makes people and browsers; nobody has failed to sign in yet."""
    kernel.sql("delete from app.identity_throttle")
    return PeopleOf(kernel)


@pytest.fixture
def browser(people: PeopleOf) -> Iterator[Browser]:
    with people.browser() as made:
        yield made
