"""Signing in by a provider that speaks SAML: what opens a session, and every response that opens none."""

from __future__ import annotations

import base64
import re
import zlib
from collections.abc import Callable
from datetime import timedelta
from typing import Any
from urllib.parse import parse_qs, urlencode, urlsplit

import pytest
import xmlsec
from cryptography import x509
from cryptography.hazmat.primitives.asymmetric.padding import PKCS1v15
from cryptography.hazmat.primitives.hashes import SHA256
from lxml import etree

from api.identity.directory import Person
from api.sso import saml
from tests.api.identity.people import Browser
from tests.api.sso.house import House, said
from tests.api.sso.idp import ENTITY, NS, Idp, T, sent, wrapped

AFTER = timedelta(minutes=5)


class Way:
    """A connection to the provider, and browsers that go there and come back."""

    def __init__(self, house: House, idp: Idp, **more: Any) -> None:
        self.house, self.idp = house, idp
        told = {"entity_id": ENTITY, "sso_url": "https://idp.example/sso", "certificates": [idp.certificate]}
        self.row = house.connect(saml=told, **more)
        self.us: dict[str, Any] = self.row["saml"]
        self.path = f"/signin/sso/{self.row['id']}"
        text = house.browser().get(f"{self.path}/metadata").text
        found = re.search(r"<ds:X509Certificate>([^<]+)<", text)
        assert found, text
        self.certificate = f"-----BEGIN CERTIFICATE-----\n{found[1].strip()}\n-----END CERTIFICATE-----\n"

    def begin(self, browser: Browser, **asked: str) -> str:
        """Id of the request that the browser takes to the provider."""
        answer = browser.get(self.path, params=asked)
        assert answer.status_code == 303, answer.text
        return str(etree.fromstring(_inflated(answer.headers["location"])).get("ID"))

    def post(self, browser: Browser, root: Any) -> Any:
        """A form of the provider's page: from elsewhere, so without a cookie of ours."""
        other = self.house.browser()
        answer = other.post(
            f"{self.path}/acs", data={"SAMLResponse": sent(root)}, headers={"Origin": "https://idp.example"}
        )
        return browser.get(answer.headers["location"]) if answer.status_code == 303 else answer

    def through(self, email: str, browser: Browser | None = None, **told: Any) -> tuple[Browser, Any]:
        browser = browser or self.house.browser()
        return browser, self.post(browser, self.idp.response(self.us, self.begin(browser), email, **told))

    def refused(self, make: Callable[[str], Any]) -> str:
        """Why what `make` makes of the request's id opens nothing."""
        browser = self.house.browser()
        answer = self.post(browser, make(self.begin(browser)))
        assert answer.status_code == 403, answer.text
        assert "nexus_session" not in browser.cookies
        return self.house.refusals()[-1]


def _inflated(address: str) -> bytes:
    return zlib.decompress(base64.b64decode(said(address)["SAMLRequest"]), -15)


@pytest.fixture(scope="module")
def way(house: House) -> Way:
    return Way(house, Idp())


@pytest.fixture(scope="module")
def ada(house: House) -> Person:
    return house.member()


def test_a_member_comes_in(house: House, way: Way, ada: Person) -> None:
    browser, answer = way.through(ada.email)
    assert (answer.status_code, answer.headers["location"]) == (303, "/account")
    session = house.session(browser)
    assert (session["user_id"], session["methods"], session["realm"]) == (ada.id, ["sso"], house.id)
    assert browser.signed_in()


@pytest.mark.parametrize("relay", ["https://evil.example", "//evil.example", "javascript:alert(1)", "/account/data"])
def test_where_to_go_on_is_not_said_by_the_answer(way: Way, ada: Person, relay: str) -> None:
    """`RelayState` comes through other hands: what was asked for is kept here."""
    browser, other = way.house.browser(), way.house.browser()
    response = way.idp.response(way.us, way.begin(browser, next="/account?a=1"), ada.email)
    said = {"SAMLResponse": sent(response), "RelayState": relay}
    answer = other.post(f"{way.path}/acs", data=said, params={"RelayState": relay, "next": relay})
    assert answer.headers["location"].startswith(f"{way.path}/finish?attempt=att_")
    done = browser.get(f"{answer.headers['location']}&{urlencode({'next': relay, 'RelayState': relay})}")
    assert (done.status_code, done.headers["location"]) == (303, "/account?a=1")


def test_our_request_is_signed(house: House, way: Way) -> None:
    answer = house.browser().get(way.path, params={"again": "1"})
    where = answer.headers["location"]
    request = etree.fromstring(_inflated(where))
    assert request.get("ForceAuthn") == "true"
    assert request.get("AssertionConsumerServiceURL") == way.us["sp_acs_url"]
    assert request.findtext("saml:Issuer", namespaces=NS) == way.us["sp_entity_id"]
    query = urlsplit(where).query
    parts = dict(part.split("=", 1) for part in query.split("&"))
    signed = "&".join(f"{name}={parts[name]}" for name in ("SAMLRequest", "RelayState", "SigAlg"))
    assert parse_qs(query)["SigAlg"] == ["http://www.w3.org/2001/04/xmldsig-more#rsa-sha256"]
    key = x509.load_pem_x509_certificate(way.certificate.encode()).public_key()
    key.verify(base64.b64decode(parse_qs(query)["Signature"][0]), signed.encode(), PKCS1v15(), SHA256())  # type: ignore[union-attr,call-arg]


def test_our_description_is_what_a_provider_reads(house: House, way: Way) -> None:
    root = etree.fromstring(house.browser().get(f"{way.path}/metadata").content)
    md = {"md": "urn:oasis:names:tc:SAML:2.0:metadata"}
    assert root.get("entityID") == way.us["sp_entity_id"]
    sp = root.find("md:SPSSODescriptor", md)
    assert (sp.get("AuthnRequestsSigned"), sp.get("WantAssertionsSigned")) == ("true", "true")
    assert sp.find("md:AssertionConsumerService", md).get("Location") == way.us["sp_acs_url"]
    assert {k.get("use") for k in sp.findall("md:KeyDescriptor", md)} == {"signing", "encryption"}


@pytest.mark.parametrize(
    ("reason", "told"),
    [
        ("unsigned", {"sign_outer": False}),
        ("unsigned", {"sign_inner": False}),
        ("unsigned", {"sign_inner": False, "sign_outer": False}),
        ("signature", {"how": {"key": saml.new_key("forger")[0]}}),
        # nor does it say by its own certificate whose it is
        ("signature", {"how": dict(zip(("key", "shows"), saml.new_key("forger"), strict=True))}),
        ("algorithm", {"how": {"signature": T.TransformRsaSha1}}),
        ("algorithm", {"how": {"digest": T.TransformSha1}}),
        ("algorithm", {"how": {"canonical": T.TransformExclC14NWithComments}}),
        ("algorithm", {"how": {"canonical": T.TransformInclC14N}}),
        ("invalid", {"not_after": -AFTER * 2}),
        ("expired", {"not_after": -timedelta(seconds=150)}),
        ("early", {"not_before": timedelta(seconds=200)}),
        ("invalid", {"not_before": AFTER * 2}),
        ("invalid", {"confirmed": -AFTER}),
        ("invalid", {"audience": "https://elsewhere.example"}),
        ("audience", {"audience": None}),
        ("invalid", {"recipient": "https://elsewhere.example/acs"}),
        ("recipient", {"recipient": None}),
        ("recipient", {"confirmed_for": ""}),
        ("invalid", {"destination": "https://elsewhere.example/acs"}),
        ("invalid", {"destination": ""}),
        ("unsolicited", {"in_response_to": "_another"}),
        ("invalid", {"issuer": "https://elsewhere.example"}),
        ("invalid", {"inner_issuer": "https://elsewhere.example"}),
        ("invalid", {"status": "urn:oasis:names:tc:SAML:2.0:status:Responder"}),
        ("subject", {"format": "urn:oasis:names:tc:SAML:2.0:nameid-format:transient"}),
        ("subject", {"subject": ""}),
        ("shape", {"assertion_id": "_same", "response_id": "_same"}),
    ],
    ids=lambda value: value if isinstance(value, str) else "-".join(value),
)  # fmt: skip
def test_what_is_not_right_opens_nothing(way: Way, ada: Person, reason: str, told: dict[str, Any]) -> None:
    assert way.refused(lambda asked: way.idp.response(way.us, asked, ada.email, **told)) == reason


def test_addresses_are_compared_whole(way: Way, ada: Person) -> None:
    """The library looks whether one is in the other, or begins it."""
    longer = f"{way.us['sp_acs_url']}/more"
    for told in ({"recipient": longer}, {"destination": longer}):
        assert way.refused(lambda a, told=told: way.idp.response(way.us, a, ada.email, **told)) == "recipient"


def test_unsolicited_responses_open_nothing(way: Way, ada: Person) -> None:
    assert way.refused(lambda _: way.idp.response(way.us, None, ada.email)) == "unsolicited"


@pytest.mark.parametrize("number", range(1, 9))
def test_wrapping(house: House, way: Way, ada: Person, number: int) -> None:
    boss = house.member("owner").email
    assert way.refused(lambda a: wrapped(way.idp.response(way.us, a, ada.email), number, boss)) in {"shape", "unsigned"}


def test_wrapping_that_is_signed_from_outside(house: House, way: Way, ada: Person) -> None:
    """As if the outer signature held: what is left of the shape refuses it still."""

    def made(asked: str) -> Any:
        root = way.idp.response(way.us, asked, ada.email, sign_outer=False)
        evil = wrapped(root, 3, "boss@elsewhere.example")
        way.idp.sign(evil)
        return evil

    assert way.refused(made) == "shape"


@pytest.mark.parametrize(
    "change",
    [
        lambda t: t.replace(b"@", b"x@", 1),
        lambda t: re.sub(rb"(<saml:NameID[^>]*>)([^<]+)", rb"\1boss@elsewhere.example", t),
        lambda t: re.sub(rb"(<saml:NameID[^>]*>)([^@<]+)@", rb"\1\2<!-- -->@", t),
        lambda t: re.sub(rb"(<saml:NameID[^>]*>)([^@<]+)@", rb"\1\2<?x ?>@", t),
        lambda t: re.sub(rb"(<saml:NameID[^>]*>)([^<]+)", rb"\1<![CDATA[\2]]>", t),
        lambda t: b'<!DOCTYPE a [<!ENTITY x SYSTEM "file:///etc/passwd">]>' + re.sub(rb"(<saml:NameID[^>]*>)", rb"\1&x;", t),
        lambda t: b'<!DOCTYPE a [<!ENTITY a "aaaaaaaaaa"><!ENTITY b "&a;&a;&a;&a;&a;">]>' + re.sub(rb"(<saml:NameID[^>]*>)", rb"\1&b;", t),
        lambda t: b'<!DOCTYPE a SYSTEM "http://127.0.0.1/x.dtd">' + t,
        lambda t: ('<?xml version="1.0" encoding="UTF-16"?><!DOCTYPE a [<!ENTITY x "y">]>' + t.decode()).encode("utf-16"),
        lambda t: t.replace(b"</samlp:Response>", b"<x>" * 2000 + b"</x>" * 2000 + b"</samlp:Response>"),
        lambda t: t.replace(b"</samlp:Response>", b" " * 300_000 + b"</samlp:Response>"),
        lambda t: t[:-20],
        lambda t: b"",
        lambda t: b"\x00\xff",
    ],
    ids=["text", "name", "comment", "instruction", "cdata", "xxe", "bomb", "dtd", "utf16", "deep", "large", "cut", "empty", "bytes"],
)  # fmt: skip
def test_changed_text(way: Way, ada: Person, change: Callable[[bytes], bytes], request: pytest.FixtureRequest) -> None:
    def made(asked: str) -> bytes:
        return change(etree.tostring(way.idp.response(way.us, asked, ada.email)))

    # CDATA says the same as text, also to a signature: it is text when it arrives
    if request.node.callspec.id == "cdata":
        browser = way.house.browser()
        assert way.post(browser, made(way.begin(browser))).status_code == 303
        return
    assert way.refused(made) in {"xml", "signature", "shape", "invalid"}


def test_a_response_counts_once_and_in_its_browser(house: House, way: Way, ada: Person) -> None:
    browser, thief = house.browser(), house.browser()
    response = way.idp.response(way.us, way.begin(browser), ada.email)
    # whoever reads it on its way, or makes somebody send it, has another browser
    way.begin(thief)
    assert way.post(thief, response).status_code == 400
    assert way.post(browser, response).status_code == 403
    assert house.refusals()[-1] == "replayed"
    # the same assertion in another response, to another request
    first = house.browser()
    said = {"assertion_id": "_once"}
    assert way.post(first, way.idp.response(way.us, way.begin(first), ada.email, **said)).status_code == 303
    assert way.refused(lambda a: way.idp.response(way.us, a, ada.email, **said)) == "replayed"
    # another assertion, to a request that was answered
    second = house.browser()
    asked = way.begin(second)
    assert way.post(second, way.idp.response(way.us, asked, ada.email)).status_code == 303
    assert way.post(second, way.idp.response(way.us, asked, ada.email)).status_code == 403
    assert house.refusals()[-1] == "unsolicited"


def test_one_connections_response_is_not_anothers(house: House, way: Way, ada: Person) -> None:
    """The same provider for two organisations: audience, recipient and request are of one of them."""
    other = Way(House(house.kernel), way.idp)
    browser = house.browser()
    response = way.idp.response(way.us, way.begin(browser), ada.email)
    assert other.post(browser, response).status_code == 403
    assert other.house.refusals() == ["invalid"]


@pytest.mark.parametrize("data", [T.TransformAes128Gcm, T.TransformAes128Cbc], ids=["gcm", "cbc"])
def test_encrypted(house: House, way: Way, ada: Person, data: Any) -> None:
    told = {"encrypt_to": way.certificate, "cipher": {"data": data}}
    browser, answer = way.through(ada.email, **told)
    assert answer.status_code == 303
    assert house.session(browser)["user_id"] == ada.id


@pytest.mark.parametrize(
    ("reason", "told"),
    [
        ("unsigned", {"sign_inner": False}),
        ("unsigned", {"sign_outer": False}),
        ("invalid", {"encrypt_to": "somebody else"}),
        ("algorithm", {"cipher": {"key": T.TransformRsaPkcs1}}),
        ("algorithm", {"cipher": {"data": T.TransformDes3Cbc}}),
        ("invalid", {"not_after": -AFTER * 2}),
    ],
    ids=["inner", "outer", "not-for-us", "rsa15", "des", "expired"],
)
def test_encrypted_but_not_right(way: Way, ada: Person, reason: str, told: dict[str, Any]) -> None:
    to = saml.new_key("else")[1] if "encrypt_to" in told else way.certificate
    whole = {**told, "encrypt_to": to}
    assert way.refused(lambda a: way.idp.response(way.us, a, ada.email, **whole)) == reason


def test_roles_by_groups_and_factors_by_context(house: House) -> None:
    groups = [{"group": "lab", "role": {"role": "analyst", "scope": "*"}}]
    way = Way(house, Idp(), is_provisioning=True, group_roles=groups, is_mfa_trusted=True)
    browser, answer = way.through(house.address(), groups=["lab"], context="https://refeds.org/profile/mfa")
    assert answer.status_code == 303
    session = house.session(browser)
    assert session["methods"] == ["mfa", "sso"]
    assert house.roles(session["user_id"]) == {"analyst"}


def test_a_fresh_proof_is_fresh(house: House, way: Way, ada: Person) -> None:
    browser = house.browser()
    asked = way.begin(browser, again="1")
    old = way.idp.response(way.us, asked, ada.email, authenticated=-timedelta(hours=1))
    assert way.post(browser, old).status_code == 403
    assert house.refusals()[-1] == "not_fresh"


def test_certificates_overlap(house: House, ada: Person) -> None:
    """The provider's next certificate is added beside the one of today, which is removed later."""
    old, new = Idp(), Idp()
    way = Way(house, old)
    told = {k: way.us[k] for k in ("entity_id", "sso_url")}
    house.change(way.row, saml={**told, "certificates": [old.certificate, new.certificate]})
    for idp in (old, new):
        way.idp = idp
        assert way.through(ada.email)[1].status_code == 303
    house.change(way.row, saml={**told, "certificates": [new.certificate]})
    way.idp = old
    assert way.refused(lambda a: old.response(way.us, a, ada.email)) == "signature"


def test_metadata_of_a_provider(house: House) -> None:
    idp = Idp()
    text = f"""<md:EntityDescriptor xmlns:md="urn:oasis:names:tc:SAML:2.0:metadata" entityID="{ENTITY}"><md:IDPSSODescriptor
      protocolSupportEnumeration="urn:oasis:names:tc:SAML:2.0:protocol"><md:KeyDescriptor use="signing"><ds:KeyInfo
      xmlns:ds="{NS["ds"]}"><ds:X509Data><ds:X509Certificate>{idp.certificate}</ds:X509Certificate></ds:X509Data></ds:KeyInfo></md:KeyDescriptor>
      <md:SingleSignOnService Binding="urn:oasis:names:tc:SAML:2.0:bindings:HTTP-Redirect" Location="https://idp.example/go"/>
      </md:IDPSSODescriptor></md:EntityDescriptor>"""
    made = house.connect(saml={"metadata_xml": text})
    assert (made["saml"]["entity_id"], made["saml"]["sso_url"]) == (ENTITY, "https://idp.example/go")
    assert made["saml"]["certificates"] == [idp.certificate]
    tested = house.owner.post(f"/v1/sso/connections/{made['id']}:test").json()
    assert tested["is_ready"], tested


def test_the_library_is_what_it_was_when_it_was_chosen() -> None:
    """Both carry libxml2: xmlsec refuses elements of an lxml that was built with another one."""
    assert xmlsec.tree.find_node(etree.fromstring("<a/>"), "Signature", "x") is None
