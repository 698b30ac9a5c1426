"""The people and browsers of identity's tests."""

from tests.api.identity.conftest import browser, people

__all__ = ["browser", "people"]
