"""Codes of an app and recovery codes: added, asked for, used once, trusted for a while, removed."""

from __future__ import annotations

import json
import re
import time
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from threading import Barrier

import pyotp
import pytest
from hypothesis import given
from hypothesis import strategies as st

from api.identity import throttle
from api.identity.directory import Person
from api.mfa import service
from api.mfa.models import Totp
from tests.api.identity.people import OTHER, PASSWORD, Browser, PeopleOf, errors, sign_in, told
from tests.api.identity.test_account import link, nexus


def enrolled(people: PeopleOf, browser: Browser) -> tuple[Person, pyotp.TOTP, list[str]]:
    """Somebody signed in with an app, and their recovery codes."""
    ada = people.make()
    browser.sign_in(ada.email)
    assert browser.form("/account/factors", to="/account/factors/totp").headers["location"] == "/account/factors/totp"
    shown = browser.get("/account/factors/totp").text
    secret = re.search(r'id="secret">([A-Z2-7 ]+)<', shown)
    assert secret
    app = pyotp.TOTP(secret[1].replace(" ", ""))
    wrong = browser.form("/account/factors/totp", to="/account/factors/totp/confirm", code="000000")
    assert errors(wrong)["code"].startswith("That code is not right")
    done = browser.form("/account/factors/totp", to="/account/factors/totp/confirm", code=app.now())
    codes = re.findall(r"<li>([a-z0-9-]{14})</li>", done.text)
    assert len(codes) == 10
    return ada, app, codes


def again(people: PeopleOf, person: Person) -> None:
    """The code that was just used is of long ago."""
    people.kernel.sql("update app.mfa_totp set last_step = last_step - 10 where user_id = %s", person.id)


def test_a_code_is_asked_for_and_counts_once(people: PeopleOf, browser: Browser) -> None:
    ada, app, _ = enrolled(people, browser)
    assert told(people.kernel, ada)[-2:] == ["mfa.factor.added", "mfa.user.recovery_codes_made"]
    again(people, ada)
    with people.browser() as elsewhere:
        half = elsewhere.sign_in(ada.email, next="%2Faccount%3Fa%3D1")
        assert half.headers["location"] == "/signin/factor?next=%2Faccount%3Fa%3D1"
        assert "nexus_device" not in elsewhere.cookies
        first = elsewhere.cookies["nexus_session"]
        # half of a proof opens nothing
        assert elsewhere.get("/account").status_code == 303
        assert elsewhere.get("/account/factors").status_code == 303
        code = app.now()
        done = elsewhere.form("/signin/factor?next=%2Faccount%3Fa%3D1", code=f"{code[:3]} {code[3:]}")
        assert (done.status_code, done.headers["location"]) == (303, "/account?a=1")
        assert elsewhere.cookies["nexus_session"] != first
        assert elsewhere.signed_in()
        elsewhere.sign_in(ada.email)
        replayed = elsewhere.form("/signin/factor", code=code)
        assert replayed.status_code == 403
        assert "or has been used" in errors(replayed)["code"]
    methods = people.kernel.sql(
        "select data -> 'methods' from app.events where type = 'identity.signin.succeeded'"
        " and data ->> 'user_id' = %s order by position desc limit 1", ada.id,
    )  # fmt: skip
    assert methods == [(["mfa", "otp", "pwd"],)]
    assert people.failures(ada.id) == ["wrong_code"]


def test_a_code_that_is_raced_counts_once(people: PeopleOf, browser: Browser) -> None:
    """Whoever looked over a shoulder types it at the same moment."""
    ada, app, codes = enrolled(people, browser)
    again(people, ada)
    for code in (app.now(), codes[0]):
        together = Barrier(4, timeout=20)

        def show(said: str = code, together: Barrier = together) -> int:
            with people.browser() as one:
                one.cookies.set("nexus_session", sign_in(people.kernel, ada, awaits_factor=True)[1])
                return one.form("/signin/factor", between=together.wait, code=said).status_code

        with ThreadPoolExecutor(4) as threads:
            assert sorted(threads.map(lambda _: show(), range(4))) == [303, 403, 403, 403]


def test_a_recovery_code_counts_once(people: PeopleOf, browser: Browser) -> None:
    ada, _, codes = enrolled(people, browser)
    with people.browser() as elsewhere:
        elsewhere.sign_in(ada.email)
        assert elsewhere.form("/signin/factor", code=codes[0].upper().replace("-", " ")).status_code == 303
        elsewhere.sign_in(ada.email)
        assert elsewhere.form("/signin/factor", code=codes[0]).status_code == 403
        assert elsewhere.form("/signin/factor", code=codes[1]).status_code == 303
        assert "8 left" in elsewhere.get("/account/factors").text
        made = elsewhere.form("/account/factors", to="/account/factors/codes").text
        assert not set(re.findall(r"<li>([a-z0-9-]{14})</li>", made)) & set(codes)
        elsewhere.sign_in(ada.email)
        assert elsewhere.form("/signin/factor", code=codes[2]).status_code == 403
    assert told(people.kernel, ada).count("mfa.recovery_code.used") == 2
    # neither codes nor the app's secret lie in the database as they are
    kept = repr(people.kernel.sql("select * from app.mfa_recovery_code where user_id = %s", ada.id))
    assert not any(code in kept or code.replace("-", "") in kept for code in codes)


def test_codes_of_somebody_else_and_nonsense(people: PeopleOf, browser: Browser) -> None:
    _, app, codes = enrolled(people, browser)
    with people.browser() as other, people.browser() as elsewhere:
        bob, _, _ = enrolled(people, other)
        elsewhere.sign_in(bob.email)
        for code in (app.now(), codes[0], "", "\u0661\u0662\u0663\u0664\u0665\u0666", "a" * 300):
            assert elsewhere.form("/signin/factor", code=code).status_code == 403
        assert not elsewhere.signed_in()


def test_guessing_codes_is_slowed_down(people: PeopleOf, browser: Browser) -> None:
    ada, app, _ = enrolled(people, browser)
    again(people, ada)
    people.fill(throttle.FACTOR, ada.id, 9)
    with people.browser() as attacker:
        attacker.sign_in(ada.email)
        answers = [attacker.form("/signin/factor", code=code) for code in ("000000", app.now())]
        assert [a.status_code for a in answers] == [403, 429]
        assert int(answers[1].headers["retry-after"]) > 200


def test_a_trusted_browser_is_not_asked_until_something_changes(people: PeopleOf, browser: Browser) -> None:
    ada, app, codes = enrolled(people, browser)
    again(people, ada)
    with people.browser() as trusted:
        trusted.sign_in(ada.email)
        trusted.form("/signin/factor", code=app.now(), remember="1")
        assert trusted.sign_in(ada.email).headers["location"] == "/account"
        people.kernel.sql("update app.identity_device set trusted_until = now() where user_id = %s", ada.id)
        assert trusted.sign_in(ada.email).headers["location"].startswith("/signin/factor")
        trusted.form("/signin/factor", code=codes[1], remember="1")
        lasts = "select max(trusted_until) - now() from app.identity_device where user_id = %s"
        assert timedelta(days=29) < people.kernel.sql(lasts, ada.id)[0][0] <= service.TRUSTED == timedelta(days=30)
        assert trusted.sign_in(ada.email).headers["location"] == "/account"
        # another browser is asked, and so is this one for another user
        assert browser.sign_in(ada.email).headers["location"].startswith("/signin/factor")
        browser.form("/signin/factor", code=codes[0])
        browser.form("/account/password", old=PASSWORD, password=OTHER, repeated=OTHER)
        assert trusted.sign_in(ada.email, OTHER).headers["location"].startswith("/signin/factor")


def test_a_browser_that_is_signed_out_from_elsewhere_is_trusted_no_more(people: PeopleOf, browser: Browser) -> None:
    """Lost, it must not stand for a second factor, whoever finds the password written on it."""
    ada, app, codes = enrolled(people, browser)
    again(people, ada)
    with people.browser() as lost, people.browser() as kept:
        lost.sign_in(ada.email)
        lost.form("/signin/factor", code=app.now(), remember="1")
        kept.sign_in(ada.email)
        kept.form("/signin/factor", code=codes[0], remember="1")
        [(session_id,)] = people.kernel.sql(
            "select id from app.identity_session where user_id = %s and ended_at is null order by id desc offset 1 limit 1",
            ada.id,
        )
        assert kept.form("/account", f"/account/sessions/{session_id}/end").status_code == 303
        assert lost.sign_in(ada.email).headers["location"].startswith("/signin/factor")
        assert kept.sign_in(ada.email).headers["location"] == "/account"
        lost.form("/signin/factor", code=codes[1], remember="1")
        assert lost.sign_in(ada.email).headers["location"] == "/account"
        kept.form("/account", "/account/sessions/end-others")
        assert lost.sign_in(ada.email).headers["location"].startswith("/signin/factor")
        assert kept.sign_in(ada.email).headers["location"] == "/account"


def test_an_app_is_removed_after_a_fresh_proof(people: PeopleOf, browser: Browser) -> None:
    ada, _, _ = enrolled(people, browser)
    people.kernel.sql(
        "update app.identity_session set authenticated_at = now() - interval '1 hour' where user_id = %s", ada.id
    )
    stale = browser.get("/account/factors")
    assert stale.headers["location"] == "/signin?again=1&next=%2Faccount%2Ffactors"
    people.kernel.sql("update app.identity_session set authenticated_at = now() where user_id = %s", ada.id)
    assert browser.form("/account/factors", to="/account/factors/totp").status_code == 409
    browser.form("/account/factors", to="/account/factors/totp/remove")
    assert browser.sign_in(ada.email).headers["location"] == "/account"
    assert told(people.kernel, ada).count("mfa.factor.removed") == 1


def test_who_has_lost_everything_is_let_back_in_by_command(people: PeopleOf, browser: Browser) -> None:
    ada, _, _ = enrolled(people, browser)
    assert nexus(people, "factors", "remove", ada.email) == "removed 1 factors\n"
    assert not browser.signed_in()
    assert browser.sign_in(ada.email).headers["location"] == "/account"
    assert "0 left" in browser.get("/account/factors").text
    assert told(people.kernel, ada).count("mfa.factor.removed") == 1
    assert nexus(people, "factors", "remove", ada.email) == "removed 0 factors\n"


def test_a_link_that_sets_a_password_does_not_pass_by_the_factor(people: PeopleOf, browser: Browser) -> None:
    ada, _, _ = enrolled(people, browser)
    with people.browser() as elsewhere:
        elsewhere.get(link(people, ada.id))
        elsewhere.form("/signin/reset", password=OTHER, repeated=OTHER)
        assert elsewhere.sign_in(ada.email, OTHER).headers["location"].startswith("/signin/factor")
        assert not elsewhere.signed_in()


@pytest.mark.parametrize(
    "answer",
    [
        "x",
        "[]",
        "{}",
        '{"rawId": 1, "response": {}}',
        json.dumps({"rawId": "AA", "response": {"clientDataJSON": "e30"}}),
    ],
)
def test_answers_that_are_no_passkeys(people: PeopleOf, browser: Browser, answer: str) -> None:
    browser.base_url = people.kernel.address.replace("127.0.0.1", "localhost")
    refused = browser.form("/signin/passkey", passkey=answer)
    assert refused.status_code == 403
    assert not browser.signed_in()


def test_an_address_of_digits_has_no_passkeys(browser: Browser) -> None:
    shown = browser.get("/signin/passkey").text
    assert "data-passkey" not in shown
    assert f'href="{str(browser.base_url).rstrip("/").replace("127.0.0.1", "localhost")}/signin/passkey"' in shown


@given(st.lists(st.tuples(st.integers(0, 200), st.integers(-2, 2)), max_size=30))
def test_no_code_counts_twice_and_none_that_is_older_than_one_that_did(attempts: list[tuple[int, int]]) -> None:
    """Any order of times and of codes that lag or run ahead."""
    secret = "GEZDGNBVGY3TQOJQGEZDGNBVGY3TQOJQ"
    row = Totp(last_step=0)
    now, newest = 1_800_000_000, 0
    for seconds, lag in attempts:
        now += seconds
        step = now // service.STEP + lag
        is_taken = service._taken(row, secret, pyotp.TOTP(secret).at(step * service.STEP), now)
        assert is_taken is (abs(lag) <= service.SLACK and step > newest)
        newest = step if is_taken else newest


def test_the_code_of_this_moment_is_the_one_of_the_standard() -> None:
    """RFC 6238's vector of 59 seconds, shortened to six digits."""
    row = Totp(last_step=0)
    secret = "GEZDGNBVGY3TQOJQGEZDGNBVGY3TQOJQ"
    assert service._taken(row, secret, "287082", 59)
    assert not service._taken(row, secret, "287082", 59)
    assert not service._taken(Totp(last_step=0), secret, "287082", time.time())
