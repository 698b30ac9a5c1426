"""One's own account: sessions seen and ended, the password changed, forgotten and set anew."""

from __future__ import annotations

import logging
import re
from concurrent.futures import ThreadPoolExecutor
from threading import Barrier

import pytest
from sqlalchemy import event
from typer.testing import CliRunner

from api.identity import resets, throttle
from api.identity.repository import users
from nexus.cli import build
from nexus.errors import ConflictError, NotFoundError
from nexus.settings import get_settings
from tests.api.identity.people import OTHER, PASSWORD, Browser, PeopleOf, address, errors, told, within


def link(people: PeopleOf, user_id: str | None) -> str:
    """Path of a link for that user."""

    async def made(session: object) -> str:
        user = await users.get(session, user_id) if user_id else None  # type: ignore[arg-type]
        return await resets.make(session, people.kernel.settings, user)  # type: ignore[arg-type]

    address = resets.link(people.kernel.settings, within(people.kernel.settings, made))
    return address.removeprefix(people.kernel.settings.address)


def test_sessions_are_listed_and_ended(people: PeopleOf, browser: Browser) -> None:
    ada = people.make()
    with people.browser() as second, people.browser() as third:
        firefox = {"User-Agent": "Mozilla/5.0 (X11; Linux x86_64; rv:150.0) Gecko/20100101 Firefox/150.0"}
        second.headers.update(firefox)
        for one in (browser, second, third):
            one.sign_in(ada.email)
        shown = browser.get("/account").text
        assert shown.count("<tr>") == 4
        assert "Firefox on Linux" in shown
        assert shown.count("this one") == 1
        ends = re.findall(r'action="(/account/sessions/ses_\w+/end)"', shown)
        assert len(ends) == 2
        done = browser.form("/account", to=ends[0])
        assert done.headers["location"] == "/account?said=ended"
        assert [one.signed_in() for one in (browser, second, third)] == [True, True, False]
        browser.form("/account", to="/account/sessions/end-others")
        assert [one.signed_in() for one in (browser, second, third)] == [True, False, False]


def test_nobody_ends_sessions_of_others(people: PeopleOf, browser: Browser) -> None:
    ada, bob = people.make(), people.make()
    with people.browser() as theirs:
        theirs.sign_in(bob.email)
        id = people.kernel.sql("select id from app.identity_session where user_id = %s", bob.id)[0][0]
        browser.sign_in(ada.email)
        assert browser.form("/account", to=f"/account/sessions/{id}/end").status_code == 303
        assert theirs.signed_in()
    assert browser.form("/account", to="/account/sessions/ses_1/end").status_code == 422


def test_a_changed_password_signs_out_every_other_browser(people: PeopleOf, browser: Browser) -> None:
    ada = people.make()
    with people.browser() as other:
        browser.sign_in(ada.email)
        other.sign_in(ada.email)
        before = browser.cookies["nexus_session"]
        link_before = link(people, ada.id)
        done = browser.form("/account/password", old=PASSWORD, password=OTHER, repeated=OTHER)
        assert done.headers["location"] == "/account?said=password"
        assert browser.cookies["nexus_session"] != before
        assert browser.signed_in()
        assert not other.signed_in()
        other.cookies.set("nexus_session", before, domain="127.0.0.1")
        assert not other.signed_in()
        assert other.sign_in(ada.email).status_code == 403
        assert other.sign_in(ada.email, OTHER).status_code == 303
        # a link of before sets nothing any more
        other.get(link_before)
        assert other.get("/signin/reset").status_code == 410
    assert told(people.kernel, ada).count("user.password_changed") == 1


@pytest.mark.parametrize(
    ("fields", "status", "field", "said"),
    [
        ({"old": "wrong"}, 403, "old", "That is not your password."),
        ({"repeated": "something else entirely"}, 422, "repeated", "not the same"),
        ({"password": "short", "repeated": "short"}, 422, "password", "5 characters; use at least 15"),
        ({"password": PASSWORD, "repeated": PASSWORD}, 422, "password", "the password that you have now"),
        ({"password": "password1234567", "repeated": "password1234567"}, 422, "password", "easy to guess"),
    ],
)
def test_passwords_that_are_not_taken(
    people: PeopleOf, browser: Browser, fields: dict[str, str], status: int, field: str, said: str
) -> None:
    ada = people.make()
    browser.sign_in(ada.email)
    answer = browser.form("/account/password", **{"old": PASSWORD, "password": OTHER, "repeated": OTHER, **fields})
    assert answer.status_code == status
    assert list(errors(answer)) == [field]
    assert said in errors(answer)[field]
    assert browser.sign_in(ada.email).status_code == 303


def test_the_old_password_is_not_guessed_in_a_stolen_session(people: PeopleOf, browser: Browser) -> None:
    ada = people.make()
    browser.sign_in(ada.email)
    people.fill(throttle.SELF, ada.id, 9)
    new = {"password": OTHER, "repeated": OTHER}
    answers = [browser.form("/account/password", old=old, **new) for old in ("wrong", PASSWORD)]
    assert [a.status_code for a in answers] == [403, 429]


def test_a_given_password_must_be_changed_before_anything_else(people: PeopleOf, browser: Browser) -> None:
    ada = people.make(must_change_password=True)
    assert browser.sign_in(ada.email).headers["location"] == "/account"
    assert browser.get("/account").headers["location"] == "/account/password?next=%2Faccount"
    assert "given to you" in browser.get("/account/password").text
    done = browser.form("/account/password?next=%2Faccount", old=PASSWORD, password=OTHER, repeated=OTHER)
    assert done.headers["location"] == "/account"
    assert browser.signed_in()


def test_a_link_sets_a_password_once(people: PeopleOf, browser: Browser) -> None:
    ada = people.make(must_change_password=True)
    path = link(people, ada.id)
    with people.browser() as other:
        other.sign_in(ada.email)
        opened = browser.get(path)
        # what opens the account stays neither in the address bar nor in a page
        assert (opened.status_code, opened.headers["location"]) == (303, "/signin/reset")
        token = path.partition("link=")[2]
        assert token not in browser.get("/signin/reset").text
        # opening it uses nothing up: scanners of mail do so
        browser.get(path)
        done = browser.form("/signin/reset", password=OTHER, repeated=OTHER)
        assert done.headers["location"] == "/signin?said=reset"
        assert other.get("/account").status_code == 303
    assert "Your new password is set" in browser.get("/signin?said=reset").text
    browser.get(path)
    assert browser.get("/signin/reset").status_code == 410
    # others' attempts are not in the way of who has used a link
    people.fill(throttle.ACCOUNT, ada.email, 10)
    assert browser.sign_in(ada.email, OTHER).status_code == 303
    assert browser.signed_in()
    told_of = told(people.kernel, ada)
    assert {"reset.requested", "reset.used", "user.password_changed", "session.revoked"} <= set(told_of)
    assert told_of.count("reset.used") == 1


def test_two_at_once_use_a_link_once(people: PeopleOf) -> None:
    ada = people.make()
    path = link(people, ada.id)
    together = Barrier(2, timeout=20)

    def use(password: str) -> int:
        with people.browser() as one:
            one.get(path)
            return one.form("/signin/reset", between=together.wait, password=password, repeated=password).status_code

    with ThreadPoolExecutor(2) as pool:
        assert sorted(pool.map(use, (OTHER, "nine violet herons argue"))) == [303, 410]


@pytest.mark.parametrize("spoil", ["expired", "used", "deactivated", "tampered", "nobody", "empty"])
def test_links_that_open_nothing(people: PeopleOf, browser: Browser, spoil: str) -> None:
    ada = people.make()
    path = link(people, None if spoil == "nobody" else ada.id)
    id = path.partition("link=")[2].partition(".")[0]
    if spoil == "expired":
        people.kernel.sql("update app.identity_reset set expires_at = now() where id = %s", id)
    elif spoil == "used":
        people.kernel.sql("update app.identity_reset set used_at = now() where id = %s", id)
    elif spoil == "deactivated":
        people.kernel.sql("update app.identity_user set deactivated_at = now() where id = %s", ada.id)
    elif spoil == "tampered":
        path = path[:-1] + ("A" if path[-1] != "A" else "B")
    elif spoil == "empty":
        path = "/signin/reset"
    browser.get(path)
    shown = browser.get("/signin/reset")
    assert shown.status_code == 410
    assert "Ask for another one." in shown.text
    assert browser.sign_in(ada.email, OTHER).status_code == 403


def test_asking_for_a_link_says_the_same_whoever_it_is(people: PeopleOf, browser: Browser) -> None:
    ada, gone = people.make(), people.make()
    people.kernel.sql("update app.identity_user set deactivated_at = now() where id = %s", gone.id)
    texts = {
        browser.form("/signin/forgotten", email=email).text.replace(email, "E")
        for email in (ada.email, f"nobody-{ada.email}", gone.email)
    }
    assert len(texts) == 1
    made = people.kernel.sql("select count(*) from app.identity_reset where user_id in (%s, %s)", ada.id, gone.id)
    assert made == [(1,)]
    # and nobody's mailbox is flooded: the answer is the same, and nothing is made
    people.fill(throttle.RESET, ada.email, 3)
    assert browser.form("/signin/forgotten", email=ada.email).text.replace(ada.email, "E") in texts
    assert people.kernel.sql("select count(*) from app.identity_reset where user_id = %s", ada.id) == [(1,)]
    assert errors(browser.form("/signin/forgotten", email="")) == {"email": "Write your e-mail address."}


def test_asking_for_a_link_takes_the_same_work_whoever_it_is(people: PeopleOf, browser: Browser) -> None:
    """What takes time is counted, not measured; and a link is of the account, whatever of its address was typed."""
    ada, gone = people.make(), people.make()
    people.kernel.sql("update app.identity_user set deactivated_at = now() where id = %s", gone.id)
    statements: list[str] = []
    engine = people.kernel.app.state.database.everything.sync_engine

    def note(_conn: object, _cursor: object, statement: str, *_: object) -> None:
        if re.search(r"app\.(identity|organisations|privacy|append)", statement):
            statements.append(statement)

    event.listen(engine, "before_cursor_execute", note)
    try:
        runs = []
        for email in (ada.email.translate({ord("e"): "\uff45"}), f"nobody-{ada.email}", gone.email):
            people.kernel.sql("delete from app.identity_throttle")
            statements.clear()
            browser.form("/signin/forgotten", email=email)
            runs.append(list(statements))
    finally:
        event.remove(engine, "before_cursor_execute", note)
    assert runs[0] == runs[1] == runs[2]
    assert len(runs[0]) > 3
    asked = people.kernel.sql("select user_id from app.identity_reset order by created_at desc, id desc limit 3")
    assert asked == [(None,), (None,), (ada.id,)]


def test_the_database_alone_opens_no_account(people: PeopleOf) -> None:
    """What is kept of a link is a hash; the token is made from the home's key."""
    ada = people.make()
    token = link(people, ada.id).partition("link=")[2]
    kept = people.kernel.sql("select * from app.identity_reset where user_id = %s", ada.id)
    assert token.partition(".")[2] not in repr(kept)
    log = people.kernel.sql("select data::text from app.events where type = 'identity.reset.requested'")
    assert token.partition(".")[2] not in repr(log)


def test_the_log_of_requests_has_no_link(people: PeopleOf, browser: Browser, caplog: pytest.LogCaptureFixture) -> None:
    path = link(people, people.make().id)
    log = logging.getLogger("uvicorn.access")
    before = log.level
    log.addHandler(caplog.handler)
    log.setLevel("INFO")
    try:
        browser.get(path, headers={"Connection": "close"})
    finally:
        log.removeHandler(caplog.handler)
        log.setLevel(before)
    lines = [r.getMessage() for r in caplog.records if r.name == "uvicorn.access"]
    assert lines == [line for line in lines if "/signin/reset?link=-" in line]
    assert len(lines) == 1


def test_people_are_added_and_let_back_in_by_command(people: PeopleOf, browser: Browser) -> None:
    """What whoever runs the machine types, against the database of the home."""
    email = address()
    said = nexus(people, "users", "add", email, "--name", "Ada Example")
    assert said.startswith(f"{people.kernel.settings.address}/signin/reset?link=rst_")
    browser.get(said.strip().removeprefix(people.kernel.settings.address))
    assert browser.form("/signin/reset", password=OTHER, repeated=OTHER).status_code == 303
    assert browser.sign_in(email, OTHER).status_code == 303
    assert nexus(people, "users", "sign-out", email) == "ended 1 sessions\n"
    assert not browser.signed_in()
    assert nexus(people, "users", "deactivate", email) == "deactivated\n"
    assert browser.sign_in(email, OTHER).status_code == 403
    with pytest.raises(ConflictError, match="is deactivated"):
        nexus(people, "users", "reset-link", email)
    assert nexus(people, "users", "reactivate", email) == "reactivated\n"
    assert browser.sign_in(email, OTHER).status_code == 303
    assert nexus(people, "users", "list").count(email[:12]) == 1
    with pytest.raises(NotFoundError, match="nobody has the address"):
        nexus(people, "users", "sign-out", "nobody@people.example")


def nexus(people: PeopleOf, *words: str) -> str:
    """What a command prints. Raises as it does."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("NEXUS_HOME", str(people.kernel.settings.home))
        patch.setenv("NEXUS_API_PORT", str(people.kernel.settings.api_port))
        patch.setenv("COLUMNS", "200")
        get_settings.cache_clear()
        try:
            done = CliRunner().invoke(build(), list(words), catch_exceptions=False)
        finally:
            get_settings.cache_clear()
    if done.exception:
        raise done.exception
    return done.output
