"""@@title over HTTP: made, changed, removed, seen by its own workspace alone, told in the event log."""

from __future__ import annotations

import pytest

from tests.api.kernel import Caller, Kernel

PATH = "/v1/@@name"


@pytest.fixture
def here(kernel: Kernel) -> Caller:
    return kernel.caller()


def test_from_making_to_removing(here: Caller) -> None:
    made = here.post(PATH, json={"title": "first"})
    assert made.status_code == 201, made.text
    place = made.headers["location"]
    assert here.get(place).json() == made.json()
    changed = here.put(place, json={"title": "second"}, headers={"If-Match": made.headers["etag"]})
    assert changed.json()["title"] == "second"
    assert here.put(place, json={"title": "third"}, headers={"If-Match": made.headers["etag"]}).status_code == 412
    assert [e["title"] for e in here.get(PATH).json()["data"]] == ["second"]
    assert here.delete(place).status_code == 204
    assert here.get(place).status_code == 404
    assert here.events() == [
        "@@name.@@entity.created",
        "@@name.@@entity.changed",
        "@@name.@@entity.removed",
    ]


def test_another_workspace_sees_nothing_of_it(kernel: Kernel, here: Caller) -> None:
    place = here.post(PATH, json={"title": "ours"}).headers["location"]
    other = kernel.caller()
    assert other.get(PATH).json()["data"] == []
    for method in ("GET", "DELETE"):
        assert other.request(method, place).status_code == 404
    assert other.put(place, json={"title": "theirs"}).status_code == 404
    assert here.get(place).json()["title"] == "ours"


def test_the_same_key_makes_one(here: Caller) -> None:
    headers = {"Idempotency-Key": "once"}
    first, again = (here.post(PATH, json={"title": "once"}, headers=headers) for _ in range(2))
    assert again.json() == first.json()
    assert again.headers["idempotent-replay"] == "true"
    assert len(here.get(PATH).json()["data"]) == 1
    assert len(here.events()) == 1


def test_permissions(kernel: Kernel) -> None:
    reader = kernel.caller(permissions={"@@name.read"})
    assert reader.get(PATH).status_code == 200
    assert reader.post(PATH, json={"title": "no"}).status_code == 403
    assert kernel.caller(permissions=set()).get(PATH).status_code == 403


@pytest.mark.parametrize(
    "body", [{}, {"title": ""}, {"title": "x" * 201}, {"title": "a\u0000b"}, {"title": "a", "more": 1}]
)
def test_bodies_that_cannot_be_used(here: Caller, body: dict[str, object]) -> None:
    assert here.post(PATH, json=body).status_code == 422


def test_pages(here: Caller) -> None:
    for number in range(5):
        here.post(PATH, json={"title": str(number)})
    seen: list[str] = []
    page = here.get(PATH, params={"limit": 2}).json()
    while True:
        seen += [e["title"] for e in page["data"]]
        if not page["has_more"]:
            break
        page = here.get(PATH, params={"limit": 2, "cursor": page["next_cursor"]}).json()
    assert seen == ["4", "3", "2", "1", "0"]
