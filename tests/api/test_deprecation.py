"""An endpoint that goes says so in every answer, and in the document."""

from __future__ import annotations

from datetime import date
from typing import Annotated

import pytest
from pydantic import BaseModel

from api.kernel.deprecation import deprecated
from api.kernel.idempotency import DirectKey
from api.kernel.permissions import Permission, requires
from api.kernel.principal import Principal
from api.kernel.routing import Router
from api.kernel.transactions import DirectTransaction
from api.problems import GUARDED
from tests.api.kernel import Kernel

Reader = Annotated[Principal, requires(Permission("models.read", "Read", least="viewer"))]
GOES = {
    "deprecation": "@1793491200",
    "sunset": "Sat, 01 May 2027 00:00:00 GMT",
    "link": '</v1/new>; rel="successor-version"',
}
router = Router(responses=GUARDED)


class Said(BaseModel):
    name: str = "a"


@router.post(
    "/v1/old", status_code=201,
    dependencies=[deprecated(date(2026, 11, 1), sunset=date(2027, 5, 1), instead="/v1/new")],
)  # fmt: skip
async def make_old(said: Said, caller: Reader, key: DirectKey, session: DirectTransaction) -> Said:
    return said


@router.get("/v1/new")
async def get_new(caller: Reader) -> str:
    return "new"


def test_every_answer_says_that_it_goes(kernel: Kernel) -> None:
    here = kernel.caller()
    with kernel.offering(router):
        first, again = (here.post("/v1/old", json={}, headers={"Idempotency-Key": "k"}) for _ in range(2))
        wrong = here.post("/v1/old", json={"name": 1})
        nobody = here.post("/v1/old", json={}, headers={"Authorization": ""})
        stays = here.get("/v1/new")
    assert [a.status_code for a in (first, again, wrong, nobody, stays)] == [201, 201, 422, 401, 200]
    assert again.headers["idempotent-replay"] == "true"
    for answer in (first, again, wrong, nobody):
        assert {name: answer.headers.get_list(name) for name in GOES} == {name: [it] for name, it in GOES.items()}
    assert not GOES.keys() & stays.headers.keys()


def test_the_document_says_so(kernel: Kernel) -> None:
    with kernel.offering(router):
        paths = kernel.app.openapi()["paths"]
    goes, stays = paths["/v1/old"]["post"], paths["/v1/new"]["get"]
    assert goes["deprecated"] is True
    assert {"201", "401", "422"} <= goes["responses"].keys()
    for answer in goes["responses"].values():
        assert {name.lower(): said["example"] for name, said in answer["headers"].items()} == GOES
        assert answer["description"]
    assert "deprecated" not in stays
    assert all("headers" not in answer for answer in stays["responses"].values())


def test_what_cannot_be_said() -> None:
    with pytest.raises(ValueError, match="before it is deprecated"):
        deprecated(date(2026, 11, 1), sunset=date(2026, 10, 1))
    for instead in ("/v1/a b", "/v1/a>", "/v1/é", "/v1/a\r\nX: y"):
        with pytest.raises(ValueError, match="is no address"):
            deprecated(date(2026, 11, 1), instead=instead)
