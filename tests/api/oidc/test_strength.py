"""How much an application or a token can do: never more than whoever made it, nor than the circumstances of the moment allow."""

from __future__ import annotations

import pytest

from api.oidc import levels
from tests.api.identity import people
from tests.api.mfa.test_factors import again, enrolled
from tests.api.oidc.house import BACK, Browser, House, said

#: What counts where a second factor was shown, and what counts on this machine.
OTP, HERE = 'context.methods.contains("otp")', 'context.address.isInRange(ip("127.0.0.0/8"))'


def test_nobody_borrows_the_strength_of_an_application(house: House) -> None:
    """An administrator of applications alone: what they may not, none of them does for them."""
    mere = house.kernel.caller(organisation=house.company.id, permissions={"oidc.clients.write", "oidc.clients.read"})
    own = {"name": "Own", "redirect_uris": [BACK], "scopes": ["openid", "nexus"]}
    robot = {"grant_types": ["client_credentials"], "redirect_uris": [], "scopes": ["models.read"]}
    robot |= {"permissions": {"*": ["models.read"]}}
    strong = house.app(name="Robot", **robot)
    trusted = house.app(name="Trusted", is_trusted=True, scopes=["openid", "nexus"])
    where = "/v1/oidc/clients"
    plain = mere.post(where, json=own)
    assert plain.status_code == 201, plain.text
    tries = [
        mere.post(where, json={**own, **robot}),
        # unasked, it could do whatever somebody stronger may who opens a link
        mere.post(where, json={**own, "is_trusted": True}),
        mere.post(where, json={**own, "is_trusted": True, "scopes": ["openid", "models.read"]}),
        mere.put(f"{where}/{plain.json()['client_id']}", json={**own, "is_trusted": True}),
        # whoever has its secret is the application
        mere.post(f"{where}/{strong.id}:rotate-secret"),
        mere.post(f"{where}/{trusted.id}:rotate-secret"),
    ]
    assert [t.status_code for t in tries] == [403] * len(tries), [t.text for t in tries]
    assert strong.post("token", grant_type="client_credentials").status_code == 200
    assert mere.post(where, json={**own, "is_trusted": True, "scopes": ["openid", "email"]}).status_code == 201
    assert mere.post(f"{where}/{plain.json()['client_id']}:rotate-secret").status_code == 200
    rotated = house.admin.post(f"{where}/{strong.id}:rotate-secret").json()["client_secret"]
    assert strong.post("token", grant_type="client_credentials").status_code == 401
    strong.secret = rotated
    assert strong.post("token", grant_type="client_credentials").status_code == 200


@pytest.mark.parametrize(
    ("condition", "methods", "opens"), [(OTP, {"pwd"}, 403), (OTP, {"pwd", "otp"}, 200), (HERE, {"pwd"}, 200),
                                        ('context.address.isInRange(ip("10.0.0.0/8"))', {"pwd", "otp"}, 403)],
    ids=["no factor", "factor", "here", "elsewhere"],
)  # fmt: skip
def test_a_role_under_a_condition_counts_for_a_token_when_it_holds(
    house: House, condition: str, methods: set[str], opens: int
) -> None:
    """What `authz:check` says of oneself is what the API does."""
    person = people.make(house.kernel)
    member = house.joined(person)
    house.company.give(("analyst", house.company.one), condition=condition, member_id=member.id)
    browser = Browser(house.kernel, person, frozenset(methods))
    _, token = house.app().signed_in(browser, scope="openid nexus")
    answer = house.api(token["access_token"])
    assert answer.status_code == opens, answer.text
    check = {"permission": "models.read", "workspace": house.company.one}
    asked = house.post(token["access_token"], "/v1/authz:check", {"checks": [check]}).json()["results"][0]
    assert asked["allowed"] is (opens == 200)


def test_an_application_in_its_own_name_is_told_what_it_may(house: House) -> None:
    """It is no member and no service account: its registration says what it may."""
    one, two = house.company.one, house.company.two
    robot = house.app(
        grant_types=["client_credentials"], redirect_uris=[], scopes=["models.read", "organisations.check"],
        permissions={"*": ["organisations.check"], one: ["models.read"]},
    )  # fmt: skip
    token = robot.post("token", grant_type="client_credentials").json()["access_token"]
    asked = [("models.read", one), ("models.read", two), ("models.predict", one), ("organisations.check", None)]
    checks = [{"permission": permission, "workspace": where} for permission, where in asked]
    checks.append({"permission": "organisations.check", "workspace": "nowhere"})
    answer = house.post(token, "/v1/authz:check", {"checks": checks})
    assert answer.status_code == 200, answer.text
    results = answer.json()["results"]
    assert [r["allowed"] for r in results] == [True, False, False, True, False]
    assert results[1]["missing"] == "the credential does not carry it"
    assert [house.api(token, workspace=where).status_code for where in (one, two)] == [200, 403]


def test_a_narrow_token_is_told_what_it_may_and_not_what_its_user_may(house: House) -> None:
    scopes = ["models.read", "organisations.check"]
    app = house.app(scopes=["openid", "nexus", *scopes])
    _, narrow = app.signed_in(scope=" ".join(["openid", *scopes]))
    _, wide = app.signed_in(scope="openid nexus")
    asked = [{"permission": "models.read"}, {"permission": "oidc.clients.read"}]
    for token, expected in ((narrow, [True, False]), (wide, [True, True])):
        answer = house.post(token["access_token"], "/v1/authz:check", {"checks": asked})
        assert [one["allowed"] for one in answer.json()["results"]] == expected, answer.text


def test_a_remembered_browser_is_asked_where_a_client_asks_for_two_factors(house: House) -> None:
    """Being remembered spares the second factor, and is none: a client that asks for one gets it all the same."""
    house.kernel.sql("delete from app.identity_throttle")
    theirs = people.PeopleOf(house.kernel)
    with theirs.browser() as browser:
        ada, app, codes = enrolled(theirs, browser)
        house.joined(ada)
        again(theirs, ada)
        browser.sign_in(ada.email)
        browser.form("/signin/factor", code=app.now(), remember="1")
        assert browser.sign_in(ada.email).headers["location"] == "/account"
        client = house.app(is_trusted=True)
        verifier = "v" * 43
        where, _ = client.client().create_authorization_url(
            house.at("authorize"), code_verifier=verifier, acr_values=levels.MULTI
        )
        for is_signed_in in (True, False):
            if not is_signed_in:
                browser.form("/signout")
            to = browser.get(where).headers["location"]
            needed, title = ("both", "Confirm that it is you") if is_signed_in else ("factor", "Sign in")
            page = browser.get(to).text
            assert f'name="again" value="{needed}"' in page
            assert f"<h1>{title}</h1>" in page
            half = browser.form(to, email=ada.email, password=people.PASSWORD, again=needed).headers["location"]
            assert half.startswith("/signin/factor?next=")
            back = browser.get(browser.form(half, code=codes.pop()).headers["location"]).headers["location"]
            token = client.redeem(said(back)["code"], verifier).json()
            assert house.claims(token["id_token"])["acr"] == levels.MULTI
        # whoever does not ask, gets the remembered browser as before
        assert browser.sign_in(ada.email).headers["location"] == "/account"
