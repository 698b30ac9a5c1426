"""Who is recognised as what: nobody without an answer of the API, and then no more than it says."""

from __future__ import annotations

from collections.abc import Iterator
from types import SimpleNamespace

import pytest
from streamlit.testing.v1 import AppTest

from apps.streamlit.components import visitor
from apps.streamlit.components.visitor import ANYBODY, Visitor
from nexus.ports import free_port
from nexus.settings import Settings
from tests.api.kernel import Kernel

READ = "dashboards.read"


def test_may() -> None:
    who = Visitor("Ada Example", {"one": frozenset({READ}), "two": frozenset()})
    assert (who.may(READ), who.may(READ, "one"), who.may(READ, "two"), who.may(READ, "three")) == (
        True,
        True,
        False,
        False,
    )
    assert not Visitor().may(READ)
    assert ANYBODY.may(READ, "two")


def _page() -> None:
    import streamlit as st

    from apps.streamlit.components import visitor

    who = visitor.recognise()
    st.text("nobody" if who is None else f"{who.name}: {sorted(who.permissions or {})}")


@pytest.fixture
def here(monkeypatch: pytest.MonkeyPatch) -> Iterator[pytest.MonkeyPatch]:
    """A visitor whose browser holds a token; Streamlit's own sign-in is tried in tests/browser."""
    visitor._permissions.clear()  # type: ignore[attr-defined]
    monkeypatch.setattr(visitor, "_registered", lambda: True)
    yield monkeypatch
    visitor._permissions.clear()  # type: ignore[attr-defined]


def drawn(patch: pytest.MonkeyPatch, settings: Settings, token: str) -> AppTest:
    user = SimpleNamespace(is_logged_in=True, tokens={"access": token}, get={"name": "Ada Example"}.get)
    patch.setattr("streamlit.user", user)
    patch.setattr("apps.streamlit.components.data.settings", lambda: settings)
    return AppTest.from_function(_page, default_timeout=30).run()


def test_the_api_says_what_they_may(kernel: Kernel, here: pytest.MonkeyPatch) -> None:
    caller = kernel.caller()
    token = caller.headers["Authorization"].removeprefix("Bearer ")
    assert drawn(here, kernel.settings, token).text[0].value == "Ada Example: []"


def test_a_token_that_died_is_nobodys(kernel: Kernel, here: pytest.MonkeyPatch) -> None:
    page = drawn(here, kernel.settings, "nxs_none")
    assert page.text[0].value == "nobody"
    assert "Your sign-in has ended" in page.markdown[0].value
    assert [b.label for b in page.button] == ["Sign in"]


def test_without_the_api_nobody_is_recognised(kernel: Kernel, here: pytest.MonkeyPatch) -> None:
    page = drawn(here, kernel.settings.model_copy(update={"api_port": free_port()}), "nxs_none")
    assert page.text[0].value == "nobody"
    assert "does not answer" in page.markdown[1].value
    assert page.code[0].value == "nexus status"


def _stranger(patch: pytest.MonkeyPatch, url: str) -> AppTest:
    patch.setattr("streamlit.user", SimpleNamespace(is_logged_in=False))
    patch.setattr("apps.streamlit.components.visitor.st.context", SimpleNamespace(url=url))
    return AppTest.from_function(_page, default_timeout=30).run()


def test_who_comes_by_another_address_is_shown_the_registered_one(settings: Settings, here: pytest.MonkeyPatch) -> None:
    """The browser would come back without the cookie of the address that it left from."""
    here.setattr("apps.streamlit.components.data.settings", lambda: settings)
    known = settings.dashboards_address
    page = _stranger(here, f"{known.replace('127.0.0.1', 'localhost')}/payments")
    assert "These pages have another address" in page.markdown[0].value
    assert f"[{known}]({known})" in page.markdown[1].value
    assert not page.button
    assert [b.label for b in _stranger(here, f"{known}/payments").button] == ["Sign in"]


def test_pages_that_are_not_registered_say_what_registers_them(settings: Settings, here: pytest.MonkeyPatch) -> None:
    here.setattr("apps.streamlit.components.data.settings", lambda: settings)
    here.setattr(visitor, "_registered", lambda: False)
    page = _stranger(here, settings.dashboards_address)
    assert str(settings.dashboards_secrets) in page.markdown[1].value
    assert page.code[0].value == "nexus up"
    assert not page.button
