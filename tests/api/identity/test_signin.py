"""Signing in and out as a browser does it: who gets in, what others learn, what the log says."""

from __future__ import annotations

import re
import threading

import httpx
import pytest

from api.identity import throttle
from nexus.personal import is_sealed
from tests.api.identity.people import OTHER, PASSWORD, Browser, PeopleOf, errors, hash_of, told
from tests.api.kernel import PROXY


def test_in_and_out(people: PeopleOf, browser: Browser) -> None:
    ada = people.make()
    assert browser.get("/account").headers["location"] == "/signin?next=%2Faccount"
    done = browser.sign_in(ada.email.upper(), next="%2Faccount%3Fa%3D1")
    assert (done.status_code, done.headers["location"]) == (303, "/account?a=1")
    assert ada.email in browser.get("/account").text
    assert browser.get("/signin").headers["location"] == "/account"
    secret = browser.cookies["nexus_session"]
    out = browser.form("/signout")
    assert (out.status_code, out.headers["location"]) == (303, "/signin?said=out")
    assert "You are signed out." in browser.get("/signin?said=out").text
    browser.cookies.set("nexus_session", secret)
    assert not browser.signed_in()
    assert told(people.kernel, ada) == ["user.created", "session.started", "signin.succeeded", "session.revoked"]
    told_of = people.kernel.sql(
        "select data from app.events where type = 'identity.signin.succeeded' and data ->> 'user_id' = %s", ada.id
    )[0][0]
    assert told_of["methods"] == ["pwd"]
    assert is_sealed(told_of["address"])
    assert told_of["network"] == "127.0.0.0"
    assert told_of["browser"] == "python-httpx"
    assert told_of["is_known_device"] is False


def test_whoever_it_was_the_answer_is_the_same(people: PeopleOf, browser: Browser) -> None:
    """A wrong password, an unknown address, one without a password and a deactivated one cannot be told apart."""
    ada, without, gone = people.make(), people.make(password=None), people.make()
    people.kernel.sql("update app.identity_user set deactivated_at = now() where id = %s", gone.id)
    unknown = f"nobody-{ada.email}"
    answers = set()
    for email, password in [(ada.email, OTHER), (unknown, OTHER), (without.email, OTHER), (gone.email, PASSWORD)]:
        answer = browser.sign_in(email, password)
        assert answer.headers.get("set-cookie") is None
        text = re.sub(r'(form_token" value=")[^"]+', r"\1", answer.text.replace(email, "E"))
        answers.add((answer.status_code, text, tuple(sorted(n for n in answer.headers if n != "date"))))
    assert len(answers) == 1
    status, text, _ = answers.pop()
    assert status == 403
    assert "That e-mail address and password do not match." in text
    reasons = [people.failures(p.id) for p in (ada, without, gone)]
    assert reasons == [["wrong_password"], ["no_password"], ["inactive"]]
    assert people.failures(None)[-1] == "unknown_user"


def test_the_same_work_is_done_for_whoever_it_is(
    people: PeopleOf, browser: Browser, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What takes time is counted, not measured: comparisons of passwords, and statements."""
    from sqlalchemy import event

    ada, without = people.make(), people.make(password=None)
    compared: list[str] = []
    passwords = people.kernel.app.state.passwords
    real = passwords._matches
    monkeypatch.setattr(passwords, "_matches", lambda kept, said: compared.append(kept[:31]) or real(kept, said))
    statements: list[str] = []
    engine = people.kernel.app.state.database.everything.sync_engine

    def note(_conn: object, _cursor: object, statement: str, *_: object) -> None:
        statements.append(statement)

    event.listen(engine, "before_cursor_execute", note)
    try:
        runs = []
        for email in (ada.email, f"nobody-{ada.email}", without.email):
            people.kernel.sql("delete from app.identity_throttle")
            statements.clear()
            browser.sign_in(email, OTHER)
            # not those of the writer of spans, which comes when it comes
            runs.append([s for s in statements if re.search(r"app\.(identity|organisations|append)", s)])
    finally:
        event.remove(engine, "before_cursor_execute", note)
    assert runs[0] == runs[1] == runs[2]
    assert compared == ["$argon2id$v=19$m=19456,t=2,p=1$"[:31]] * 3


def test_empty_fields_are_named(browser: Browser) -> None:
    answer = browser.form("/signin", email=" ", password="")
    assert answer.status_code == 422
    assert errors(answer) == {"email": "Write your e-mail address.", "password": "Write your password."}
    # both are tied to their fields, and the first has the focus
    assert answer.text.count('aria-invalid="true"') == 2
    assert re.search(r'name="email"[^>]*aria-describedby="email-error"[^>]*autofocus', answer.text, re.S)
    assert "<title>Error: Sign in" in answer.text


@pytest.mark.parametrize(
    "next",
    [
        "https://evil.example",
        "//evil.example",
        "/\\evil.example",
        "\\/evil.example",
        "javascript:alert(1)",
        "/\t/evil.example",
        "evil",
        "/é",
        "/" + "a" * 4001,
    ],
)
def test_nobody_is_sent_elsewhere(people: PeopleOf, browser: Browser, next: str) -> None:
    ada = people.make()
    token = re.search(r'form_token" value="([^"]+)', browser.get("/signin").text)
    assert token
    data = {"form_token": token[1], "email": ada.email, "password": PASSWORD, "next": next}
    assert browser.post("/signin", data=data).headers.get("location", "/account") == "/account"
    assert browser.get("/signin", params={"next": next}).headers["location"] == "/account"


def test_a_session_begins_anew_with_every_proof(people: PeopleOf, browser: Browser) -> None:
    """A secret that was planted before signing in, or was stolen before a fresh proof, is worth nothing after it."""
    ada, bob = people.make(), people.make()
    browser.cookies.set("nexus_session", "planted", domain="127.0.0.1")
    browser.sign_in(ada.email)
    first = browser.cookies["nexus_session"]
    assert first != "planted"
    browser.sign_in(ada.email)
    assert browser.cookies["nexus_session"] != first
    browser.sign_in(bob.email)
    assert bob.email in browser.get("/account").text
    with people.browser() as thief:
        thief.cookies.set("nexus_session", first)
        assert not thief.signed_in()
    live = "select count(*) from app.identity_session where user_id = %s and ended_at is null"
    assert people.kernel.sql(live, ada.id) == [(0,)]


def test_a_hash_of_older_parameters_is_made_anew(people: PeopleOf, browser: Browser) -> None:
    from argon2 import PasswordHasher

    ada = people.make()
    old = PasswordHasher(time_cost=1, memory_cost=8, parallelism=1).hash(PASSWORD)
    people.kernel.sql("update app.identity_user set password_hash = %s where id = %s", old, ada.id)
    assert browser.sign_in(ada.email, OTHER).status_code == 403
    kept = "select password_hash from app.identity_user where id = %s"
    assert people.kernel.sql(kept, ada.id) == [(old,)]
    assert browser.sign_in(ada.email).status_code == 303
    assert people.kernel.sql(kept, ada.id)[0][0].startswith("$argon2id$v=19$m=19456,t=2,p=1$")
    assert browser.sign_in(ada.email).status_code == 303


def test_guessing_is_slowed_down_and_the_owner_gets_in_all_the_same(people: PeopleOf, browser: Browser) -> None:
    ada = people.make()
    assert browser.sign_in(ada.email).status_code == 303
    with people.browser() as attacker, people.browser() as elsewhere:
        people.fill(throttle.ACCOUNT, ada.email, 7)
        answers = [attacker.sign_in(ada.email, OTHER) for _ in range(5)]
        assert [a.status_code for a in answers] == [403] * 3 + [429] * 2
        assert 200 < int(answers[-1].headers["retry-after"]) <= 301
        assert "Try again in 5 minutes" in errors(answers[-1])["email"]
        # with the right password neither: whether it was right must not show
        assert attacker.sign_in(ada.email).status_code == 429
        # the owner, in a browser where they have signed in before, does not even notice
        assert browser.form("/signout").status_code == 303
        assert browser.sign_in(ada.email, OTHER).status_code == 403
        assert browser.sign_in(ada.email).status_code == 303
        # an unknown address is throttled alike
        unknown = f"nobody-{ada.email}"
        people.fill(throttle.ACCOUNT, unknown, 9)
        assert [elsewhere.sign_in(unknown, OTHER).status_code for _ in range(2)] == [403, 429]
    # the log is told once that a bucket is full, not with every attempt
    assert people.failures(ada.id).count("throttled") == 1
    assert people.failures(ada.id).count("wrong_password") == 4


def test_a_known_device_is_throttled_too(people: PeopleOf, browser: Browser) -> None:
    ada = people.make()
    browser.sign_in(ada.email)
    device = people.kernel.sql("select id from app.identity_device where user_id = %s", ada.id)[0][0]
    people.fill(throttle.DEVICE, device, 8)
    assert [browser.sign_in(ada.email, OTHER).status_code for _ in range(3)] == [403] * 2 + [429]
    # a device of one's own says nothing about others' accounts
    assert browser.sign_in(people.make().email).status_code == 303


def test_an_address_and_a_domain_have_their_own_measure(people: PeopleOf, browser: Browser) -> None:
    """One password tried on many accounts, from one address and then from many."""

    people.fill(throttle.ADDRESS, "127.0.0.1", throttle.ADDRESS.size - 2)
    answers = [browser.sign_in(f"{n}@sprayed.example", OTHER) for n in range(4)]
    assert [a.status_code for a in answers] == [403] * 2 + [429] * 2
    assert errors(answers[-1])["email"].startswith("There have been too many attempts. Try again in a minute,")
    people.fill(throttle.ADDRESS, "127.0.0.1", 0)
    people.fill(throttle.DOMAIN, "sprayed.example", throttle.DOMAIN.size - 1)
    assert [browser.sign_in(f"{n}@sprayed.example", OTHER).status_code for n in range(2)] == [403, 429]
    assert browser.sign_in(people.make().email).status_code == 303


def test_a_hundred_at_once_are_not_more_than_ten(people: PeopleOf) -> None:
    ada = people.make()
    answers: list[int] = []

    def attack() -> None:
        with people.browser() as attacker:
            answers.append(attacker.sign_in(ada.email, OTHER).status_code)

    threads = [threading.Thread(target=attack) for _ in range(25)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert answers.count(403) <= 10
    assert set(answers) <= {403, 429, 503}
    assert people.failures(ada.id).count("wrong_password") == answers.count(403)


def test_too_many_sessions_where_that_is_refused(
    people: PeopleOf, browser: Browser, monkeypatch: pytest.MonkeyPatch
) -> None:
    from dataclasses import replace

    state = people.kernel.app.state
    monkeypatch.setitem(state._state, "lifetimes", replace(state.lifetimes, most=1, ends_oldest=False))
    ada = people.make()
    assert browser.sign_in(ada.email).status_code == 303
    with people.browser() as second:
        refused = second.sign_in(ada.email)
        assert refused.status_code == 403
        assert "as many browsers as you may" in errors(refused)["email"]
    # in the same browser it takes the place of the one before
    assert browser.sign_in(ada.email).status_code == 303
    assert people.failures(ada.id) == ["too_many_sessions"]


@pytest.mark.parametrize(
    ("headers", "token"),
    [
        ({"Origin": "https://evil.example"}, True),
        ({"Origin": "null"}, True),
        # another port of this machine is the same site, not the same origin
        ({"Origin": "http://127.0.0.1:1"}, True),
        ({"Sec-Fetch-Site": "cross-site"}, True),
        ({"Sec-Fetch-Site": "same-site"}, True),
        ({}, False),
        ({"Sec-Fetch-Site": "same-origin"}, False),
    ],
)
def test_forms_of_elsewhere_are_refused(
    people: PeopleOf, browser: Browser, headers: dict[str, str], token: bool
) -> None:
    ada = people.make()
    shown = re.search(r'form_token" value="([^"]+)', browser.get("/signin").text)
    assert shown
    data = {"form_token": shown[1] if token else "A" * 43, "email": ada.email, "password": PASSWORD}
    refused = browser.post("/signin", data=data, headers=headers)
    assert refused.status_code == 403
    assert "open the page again" in refused.text.lower()
    assert not browser.signed_in()
    data["form_token"] = shown[1]
    assert browser.post("/signin", data=data, headers={"Sec-Fetch-Site": "same-origin"}).status_code == 303


def test_a_token_of_another_browser_or_of_before_signing_in_is_refused(people: PeopleOf, browser: Browser) -> None:
    ada = people.make()
    with people.browser() as other:
        theirs = re.search(r'form_token" value="([^"]+)', other.get("/signin").text)
    before = re.search(r'form_token" value="([^"]+)', browser.get("/signin").text)
    assert theirs
    assert before
    browser.sign_in(ada.email)
    for token in (theirs[1], before[1]):
        assert browser.post("/signout", data={"form_token": token}).status_code == 403
    assert browser.signed_in()


def test_what_a_page_says_to_browsers(people: PeopleOf, browser: Browser) -> None:
    for path in ("/signin", "/signin/forgotten", "/signin/reset"):
        shown = browser.get(path)
        policy = shown.headers["content-security-policy"]
        assert policy.startswith("default-src 'none'; ")
        assert "unsafe-inline" not in policy
        assert "frame-ancestors 'none'" in policy
        assert shown.headers["referrer-policy"] == "same-origin"
        assert shown.headers["cache-control"] == "no-store"
        assert shown.headers["x-content-type-options"] == "nosniff"
        assert not re.search(r"<script|<style|style=|\son\w+=", shown.text)
        for address in re.findall(r'(?:src|href)="([^"]+)"', shown.text):
            assert address.startswith("/")
            assert browser.get(address).status_code in {200, 303}
    assert browser.get("/signin/files/..%2f__init__.py").status_code == 404


def test_cookies_over_https_and_on_this_machine(people: PeopleOf) -> None:
    ada = people.make()

    def cookies(response: httpx.Response) -> dict[str, str]:
        return {c.partition("=")[0]: c for c in response.headers.get_list("set-cookie")}

    with people.browser() as plain:
        shown = cookies(plain.sign_in(ada.email))
        assert set(shown) == {"nexus_session", "nexus_device"}
        assert all("HttpOnly" in c and "SameSite=lax" in c and "Path=/" in c for c in shown.values())
        assert not any("Secure" in c or "Domain" in c for c in shown.values())
    # behind a proxy on this machine that speaks https
    headers = {"X-Forwarded-Proto": "https"}
    with people.browser() as no_proxy:
        assert set(cookies(no_proxy.get("/signin", headers=headers))) == {"nexus_form"}
    with people.browser(PROXY) as proxied:
        page = proxied.get("/signin", headers=headers)
        form = cookies(page)["__Host-nexus_form"]
        assert "Secure" in form
        token = re.search(r'form_token" value="([^"]+)', page.text)
        assert token
        headers |= {"Cookie": form.partition(";")[0], "Origin": people.kernel.address.replace("http:", "https:")}
        data = {"form_token": token[1], "email": ada.email, "password": PASSWORD}
        done = cookies(proxied.post("/signin", data=data, headers=headers))
        assert set(done) == {"__Host-nexus_session", "__Host-nexus_device"}
        assert all("Secure" in c and "HttpOnly" in c and "Path=/" in c and "Domain" not in c for c in done.values())
        session = done["__Host-nexus_session"].partition(";")[0]
        assert proxied.get("/account", headers={**headers, "Cookie": session}).status_code == 200
        # a cookie that anybody on this host can set is none over https
        unprefixed = session.removeprefix("__Host-")
        assert proxied.get("/account", headers={**headers, "Cookie": unprefixed}).status_code == 303


@pytest.mark.parametrize(
    "text", ["<script>alert(1)</script>", '"><img src=x onerror=alert(1)>', "{{ 7*7 }}", "a\x00b", "\ud83d"]
)
def test_what_is_typed_is_shown_as_it_is(browser: Browser, text: str) -> None:
    answer = browser.form(
        "/signin", email=text.encode("utf-8", "surrogatepass").decode("utf-8", "replace"), password="x"
    )
    assert answer.status_code == 403
    assert "<script" not in answer.text
    assert "<img" not in answer.text
    assert "49" not in re.findall(r'name="email"[^>]*value="([^"]*)"', answer.text, re.S)


@pytest.mark.parametrize("password", ["é" * 15, "x" * 300, "\x00" * 20])
def test_any_password_can_be_tried(people: PeopleOf, browser: Browser, password: str) -> None:
    assert browser.sign_in(people.make().email, password).status_code == 403


def test_passwords_that_look_the_same_are_the_same(people: PeopleOf, browser: Browser) -> None:
    composed, decomposed = "trois cafés et un thé", "trois cafe\u0301s et un the\u0301"
    ada = people.make()
    people.kernel.sql("update app.identity_user set password_hash = %s where id = %s", hash_of(composed), ada.id)
    assert browser.sign_in(ada.email, decomposed).status_code == 303


def test_nothing_of_a_sign_in_is_logged(people: PeopleOf, browser: Browser, caplog: pytest.LogCaptureFixture) -> None:
    ada = people.make()
    with caplog.at_level("INFO"):
        browser.sign_in(ada.email, OTHER)
        browser.sign_in(ada.email)
    for secret in (ada.email, OTHER, PASSWORD, browser.cookies["nexus_session"]):
        assert secret not in caplog.text
