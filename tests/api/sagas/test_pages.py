"""Pages of sagas: what an operator sees and does in a browser, and what nobody else does."""

from __future__ import annotations

import re
from types import SimpleNamespace
from typing import Any

import pytest

from nexus.db import Tenant
from nexus.ids import new_id
from tests.api.identity import people
from tests.api.identity.people import Browser
from tests.api.kernel import Kernel
from tests.api.organisations.company import Company
from tests.api.sagas.driving import begun, driven
from tests.api.sagas.test_sagas import declared

__all__ = ["declared"]


@pytest.fixture(scope="module")
def company(kernel: Kernel) -> Company:
    return Company(kernel)


def browser_of(company: Company, *roles: tuple[str, str]) -> Browser:
    member: Any = SimpleNamespace(id=company.member(*roles).user_id)
    made = Browser(base_url=company.kernel.address, timeout=20)
    company.kernel._callers.append(made)
    made.cookies.set("nexus_session", people.sign_in(company.kernel, member)[1], domain="127.0.0.1")
    return made


def stuck(company: Company, workspace: str | None = None) -> str:
    id = begun(company.kernel, Tenant(company.id, workspace), "probe.stuck")
    assert driven(company.kernel, id) == "stuck"
    return id


def texts(page: str) -> str:
    return re.sub(r"\s+", " ", re.sub(r"<[^>]+>", " ", page))


def test_an_operator_sees_what_happened_and_mends_it(company: Company) -> None:
    operator, id = browser_of(company, ("owner", "*")), stuck(company, company.one)
    listed = operator.get("/account/sagas")
    assert f"/account/sagas/{id}" in listed.text
    shown = texts(operator.get(f"/account/sagas/{id}").text)
    assert company.one in shown
    for line in ("do first, call 1 done (", "do second, call 1 InputError: no, says …@…", "undo first, call 1 InputError",
                 "turned back: what was done is undone, step second", "stuck: it waits for an operator, step first"):  # fmt: skip
        assert line in shown
    nameless = operator.form(f"/account/sagas/{id}", f"/account/sagas/{id}/mend", how="skip", reason=" ")
    assert (nameless.status_code, "Say why" in nameless.text) == (422, True)
    done = operator.form(f"/account/sagas/{id}", f"/account/sagas/{id}/mend", how="skip", reason="released by hand")
    assert (done.status_code, done.headers["location"]) == (303, f"/account/sagas/{id}?said=mended")
    after = operator.get(f"/account/sagas/{id}").text
    assert "let go on without the step, step first" in texts(after)
    assert ": released by hand" in texts(after)
    assert "everything is undone" in texts(after)
    assert "<form" not in after
    assert id not in operator.get("/account/sagas").text
    assert id in operator.get("/account/sagas?show=all").text
    [[body]] = company.kernel.sql(
        "select body from app.audit_entry where organisation_id = %s and body like '%%released by hand%%'", company.id
    )
    assert '"permission":"sagas.mend"' in body.replace('": "', '":"')
    again = operator.form("/account", f"/account/sagas/{id}/mend", how="skip", reason="again")
    assert (again.status_code, "The saga is compensated, not stuck." in again.text) == (409, True)


@pytest.mark.parametrize("how", ["retry", "abandon"])
def test_other_ways_to_mend_it(company: Company, how: str) -> None:
    operator, id = browser_of(company, ("owner", "*")), stuck(company)
    assert operator.form(f"/account/sagas/{id}", f"/account/sagas/{id}/mend", how=how, reason="x").status_code == 303
    [[state]] = company.kernel.sql("select state from app.saga where id = %s", id)
    assert state == {"retry": "compensating", "abandon": "abandoned"}[how]


def test_who_has_no_permission_or_belongs_elsewhere_sees_none(company: Company) -> None:
    id, elsewhere = stuck(company), Company(company.kernel)
    viewer, stranger = browser_of(company, ("viewer", "*")), browser_of(elsewhere, ("owner", "*"))
    for browser in (viewer, stranger):
        assert id not in browser.get("/account/sagas").text
        assert browser.get(f"/account/sagas/{id}").headers["location"] == "/account/sagas"
        # with a form of one's own: which saga it is about is asked of the path
        sent = browser.form("/account", f"/account/sagas/{id}/mend", how="skip", reason="mine")
        assert sent.headers["location"] == "/account/sagas"
    assert "in none of your organisations" in viewer.get("/account/sagas").text
    assert "nothing is stuck" in stranger.get("/account/sagas").text
    assert viewer.get(f"/account/sagas/{new_id('sag')}").status_code == 303
    [[state]] = company.kernel.sql("select state from app.saga where id = %s", id)
    assert state == "stuck"


def test_nobody_is_asked_to_sign_in(company: Company) -> None:
    with Browser(base_url=company.kernel.address) as nobody:
        assert nobody.get("/account/sagas").headers["location"].startswith("/signin")
