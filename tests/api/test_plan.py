"""Requests walked by a plan, and by the framework where it has changed: the answers are the same."""

from __future__ import annotations

from typing import Any

import pytest

from api.kernel import compared
from api.kernel.routing import Route
from tests.api.short import KEY, PATH, Here, here, router, short

__all__ = ["here", "short"]


def test_its_routes_are_answered_by_their_plan() -> None:
    assert compared.fingerprint() == compared.COMPARED, compared.__doc__
    routes = [route for route in router.routes if isinstance(route, Route) and route.is_direct]
    assert len(routes) == len(router.routes)
    # an answer without a body is the framework's
    assert [route.name for route in routes if route._plan is None] == ["remove_a_thing"]


@pytest.mark.parametrize(
    "unknown",
    [
        ("COMPARED", "of before"),
        ("_STANDS_ON", {"fastapi.routing": ("gone",)}),
        ("_STANDS_ON", {"fastapi.gone": ("x",)}),
    ],
)
def test_a_framework_that_has_changed_answers_by_itself(
    here: Here, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture, unknown: tuple[str, Any]
) -> None:
    monkeypatch.setattr(compared, *unknown)
    for route in router.routes:
        monkeypatch.delitem(route.__dict__, "_plan", raising=False)
    compared.is_known.cache_clear()
    try:
        made = here.client.post(PATH, json={"name": "a", "expected": 0}, headers=KEY)
        assert (made.status_code, made.json()) == (201, {"name": "a"})
        assert here.client.get(f"{PATH}/a").status_code == 200
        assert here.client.post(PATH, json={"name": 1}).status_code == 422
        assert [isinstance(r, Route) and r._plan for r in router.routes] == [None] * len(router.routes)
        assert caplog.text.count("requests are walked by FastAPI itself") == 1
        assert here.left() == (1, 1)
    finally:
        compared.is_known.cache_clear()
        for route in router.routes:
            route.__dict__.pop("_plan", None)


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"{",
        b"[]",
        b"null",
        b'{"name": 1}',
        b'{"name": "a", "expected": "1"}',
        b'{"name": "a", "then": null, "workspace": 5}',
    ],
)
def test_a_plan_refuses_what_the_framework_refuses(here: Here, content: bytes) -> None:
    """The same body under a media type that is only the framework's to judge."""
    planned, framework = (
        here.client.post(PATH, content=content, headers={"Content-Type": kind, "X-Nexus-Workspace": "w" * n})
        for kind, n in (("application/json", 64), ("application/json; charset=utf-8", 64))
    )
    assert planned.status_code == framework.status_code
    assert planned.status_code in {400, 422}
    one, other = planned.json(), framework.json()
    assert {**one, "trace_id": 0} == {**other, "trace_id": 0}
    assert one["errors"]
    assert here.left() == (0, 0)
