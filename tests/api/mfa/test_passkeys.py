"""Passkeys as an attacker would show them: for another site, of somebody else, copied, caught, late, without their owner.
(In a real browser: tests/browser/test_passkeys.py.)"""

from __future__ import annotations

from typing import Any

from api.identity.directory import Person
from tests.api.identity.people import PASSWORD, Browser, PeopleOf
from tests.api.kernel import Kernel
from tests.api.mfa.authenticator import PRESENT, VERIFIED, Authenticator, asked
from tests.api.sso.house import House

#: What is wrong with an answer that is right otherwise.
LIES: list[dict[str, Any]] = [
    {"origin": "https://evil.example"}, {"origin": "http://localhost:1"}, {"site": "evil.example"}, {"flags": PRESENT},
    {"flags": VERIFIED}, {"kind": "webauthn.create"}, {"challenge": "A" * 43},
]  # fmt: skip
FIRST, SECOND, OWN = "/signin/passkey", "/signin/factor", "/account/factors"


def named(browser: Browser) -> Browser:
    """The pages under a name: addresses of digits have no passkeys."""
    browser.base_url = str(browser.base_url).replace("127.0.0.1", "localhost")
    return browser


def holder(people: PeopleOf, browser: Browser) -> tuple[Person, Authenticator]:
    """Somebody signed in, who has added a passkey."""
    ada, key = people.make(), Authenticator()
    named(browser).sign_in(ada.email)
    answer = browser.form(OWN, to=f"{OWN}/passkeys", passkey=key.made(browser, OWN), name="Key")
    assert answer.status_code == 200, answer.text
    return ada, key


def methods(people: PeopleOf, person: Person) -> list[str]:
    query = "select methods from app.identity_session where user_id = %s and ended_at is null order by id desc limit 1"
    return list(people.kernel.sql(query, person.id)[0][0])


def test_alone_and_as_a_second_factor(people: PeopleOf, browser: Browser) -> None:
    """Or the refusals below would show nothing."""
    ada, key = holder(people, browser)
    with people.browser() as elsewhere:
        named(elsewhere)
        key.count = 2
        done = elsewhere.form(FIRST, passkey=key.shown(elsewhere, FIRST))
        assert (done.status_code, elsewhere.signed_in()) == (303, True)
        assert methods(people, ada) == ["hwk", "mfa"]
        elsewhere.form("/signout")
        assert elsewhere.sign_in(ada.email).headers["location"].startswith(SECOND)
        key.count = 3
        assert elsewhere.form(SECOND, passkey=key.shown(elsewhere, SECOND)).status_code == 303
        assert methods(people, ada) == ["hwk", "mfa", "pwd"]


def test_answers_for_elsewhere_or_without_their_owner(people: PeopleOf, browser: Browser) -> None:
    ada, key = holder(people, browser)
    with people.browser() as elsewhere:
        named(elsewhere).sign_in(ada.email)
        key.count = 2
        for lies in LIES:
            for page in (FIRST, SECOND):
                refused = elsewhere.form(page, passkey=key.shown(elsewhere, page, **lies))
                assert refused.status_code == 403, (page, lies)
            # nor is such a one taken in when it is to be added
            another = Authenticator().made(
                browser, OWN, **{**lies, **({"kind": "webauthn.get"} if "kind" in lies else {})}
            )
            assert browser.form(OWN, to=f"{OWN}/passkeys", passkey=another).status_code == 403, lies
        assert not elsewhere.signed_in()


def test_a_challenge_is_answered_once_in_time_and_by_whom_it_was_for(people: PeopleOf, browser: Browser) -> None:
    ada, key = holder(people, browser)
    with people.browser() as one, people.browser() as other:
        bob, theirs = holder(people, other)
        named(one).sign_in(ada.email)
        key.count = theirs.count = 2
        # somebody else's passkey is no second factor of this account, whatever it answers to
        assert one.form(SECOND, passkey=theirs.shown(one, SECOND)).status_code == 403
        # nor is an answer of one's own to the question of the other page
        assert one.form(SECOND, passkey=key.shown(one, FIRST)).status_code == 403
        caught = key.shown(one, SECOND)
        people.kernel.sql("update app.mfa_challenge set expires_at = now()")
        assert one.form(SECOND, passkey=caught).status_code == 403
        caught = key.shown(one, SECOND)
        assert one.form(SECOND, passkey=caught).status_code == 303
        one.sign_in(ada.email)
        key.count = 3
        assert one.form(SECOND, passkey=caught).status_code == 403
        assert bob.id != ada.id


def test_a_copy_is_noticed_by_its_counter(people: PeopleOf, browser: Browser) -> None:
    _, key = holder(people, browser)
    with people.browser() as elsewhere:
        named(elsewhere)
        answers = []
        for count in (5, 5, 4, 6):
            key.count = count
            answers.append(elsewhere.form(FIRST, passkey=key.shown(elsewhere, FIRST)).status_code)
            elsewhere.cookies.delete("nexus_session")
        assert answers == [303, 403, 403, 303]


def test_a_passkey_leads_past_nothing(kernel: Kernel, people: PeopleOf, browser: Browser) -> None:
    """Not past an organisation's own sign-in, and not past being deactivated."""
    house = House(kernel)
    ada, key = house.member(), Authenticator()
    named(browser).sign_in(ada.email, PASSWORD)
    assert browser.form(OWN, to=f"{OWN}/passkeys", passkey=key.made(browser, OWN)).status_code == 200
    house.ask(sso=True)
    with people.browser() as elsewhere:
        named(elsewhere)
        key.count = 2
        refused = elsewhere.form(FIRST, passkey=key.shown(elsewhere, FIRST))
        assert (refused.status_code, "its own sign-in" in refused.text) == (403, True)
        house.ask()
        kernel.sql("update app.identity_user set deactivated_at = now() where id = %s", ada.id)
        key.count = 3
        assert elsewhere.form(FIRST, passkey=key.shown(elsewhere, FIRST)).status_code == 403
        assert not elsewhere.signed_in()
        assert asked(elsewhere, FIRST) != asked(elsewhere, FIRST)
