"""A provider that speaks SAML 2.0: our request to it, our description for it, and what its response says.

Belongs here: the protocol, by python3-saml under our own rules. Does not belong here: the shape of XML (xml.py), attempts,
replays (flow.py), who it is (people.py).

The library lets pass what is missing (no audience, no recipient, no `InResponseTo`) and compares some addresses by their
beginning. So after it has checked signatures and times, everything that must be there is looked for again and compared
whole, in the assertion that was signed.
"""

from __future__ import annotations

import base64
import binascii
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

from cryptography import x509
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.x509.oid import NameOID
from lxml import etree

from api.sso import xml
from api.sso.models import Connection
from api.sso.schemas import SamlIn
from api.sso.upstream import UpstreamError, Vouched, first, several
from nexus.errors import InputError

if TYPE_CHECKING:
    from onelogin.saml2.settings import OneLogin_Saml2_Settings

REDIRECT = "urn:oasis:names:tc:SAML:2.0:bindings:HTTP-Redirect"
_SAML = "urn:oasis:names:tc:SAML:2.0:assertion"
_SAMLP = "urn:oasis:names:tc:SAML:2.0:protocol"
_NS = {"saml": _SAML, "samlp": _SAMLP, "md": "urn:oasis:names:tc:SAML:2.0:metadata"}
_TRANSIENT = "urn:oasis:names:tc:SAML:2.0:nameid-format:transient"
_BEARER = "urn:oasis:names:tc:SAML:2.0:cm:bearer"
#: Clocks may differ by so much.
SLACK = timedelta(seconds=120)
#: No assertion is taken for longer, whatever it says.
LONGEST = timedelta(minutes=15)
FRESH = timedelta(minutes=5)
EMAILS = (
    "email", "mail", "emailAddress", "http://schemas.xmlsoap.org/ws/2005/05/identity/claims/emailaddress",
    "urn:oid:0.9.2342.19200300.100.1.3",
)  # fmt: skip
NAMES = (
    "name", "displayName", "http://schemas.microsoft.com/identity/claims/displayname", "urn:oid:2.16.840.1.113730.3.1.241",
    "cn", "urn:oid:2.5.4.3",
)  # fmt: skip
GROUPS = ("groups", "http://schemas.microsoft.com/ws/2008/06/identity/claims/groups", "memberOf")
#: Contexts in which a second factor was shown.
MFA_CONTEXTS = frozenset(
    {
        "https://refeds.org/profile/mfa",
        "http://schemas.microsoft.com/claims/multipleauthn",
        *(
            f"urn:oasis:names:tc:SAML:2.0:ac:classes:{name}"
            for name in ("MobileTwoFactorContract", "MobileTwoFactorUnregistered", "TimeSyncToken", "SmartcardPKI")
        ),
    }
)


@dataclass(frozen=True, slots=True)
class Ourselves:
    """How this connection is called towards its provider."""

    entity_id: str
    acs_url: str

    @classmethod
    def of(cls, address: str, connection: str) -> Ourselves:
        return cls(f"{address}/signin/sso/{connection}/metadata", f"{address}/signin/sso/{connection}/acs")


@dataclass(frozen=True, slots=True)
class Response:
    """A response that holds. `until` is when it could not be taken any more."""

    in_response_to: str
    assertion_id: str
    until: datetime
    vouched: Vouched


def new_key(connection: str) -> tuple[str, str]:
    """A key of ours for one connection and its certificate, as PEM: ten years, since providers keep it by hand."""
    key = rsa.generate_private_key(public_exponent=65537, key_size=2048)
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, f"Nexus {connection}"[:64])])
    now = datetime.now(UTC)
    made = (
        x509.CertificateBuilder(name, name, key.public_key(), x509.random_serial_number())
        .not_valid_before(now - timedelta(days=1))
        .not_valid_after(now + timedelta(days=3650))
        .sign(key, SHA256())
    )
    plain = serialization.NoEncryption()
    secret = key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, plain)
    return secret.decode(), made.public_bytes(serialization.Encoding.PEM).decode()


def provider(said: SamlIn) -> dict[str, Any]:
    """`entity_id`, `sso_url` and `certificates` of fields or metadata. Raises InputError."""
    if said.metadata_xml is None:
        entity_id, sso_url, certificates = said.entity_id, said.sso_url, said.certificates
    else:
        entity_id, sso_url, certificates = _of_metadata(said.metadata_xml)
    if not entity_id or not sso_url or not certificates:
        raise InputError(
            "the metadata names no identity provider with a certificate that takes requests by HTTP-Redirect",
            remedy="give entity_id, sso_url and certificates instead",
        )
    return {"entity_id": entity_id, "sso_url": sso_url, "certificates": [_certificate(c) for c in certificates]}


def request(row: Connection, key: str, us: Ourselves, *, relay: str, is_fresh: bool) -> tuple[str, str]:
    """Id of a new AuthnRequest, and the address to which the browser takes it, signed."""
    from onelogin.saml2.auth import OneLogin_Saml2_Auth

    made = OneLogin_Saml2_Auth(_asked_at(us), settings(row, key, us))
    address = made.login(return_to=relay, force_authn=is_fresh, set_nameid_policy=False)
    return str(made.get_last_request_id()), str(address)


def metadata(row: Connection, key: str, us: Ourselves) -> str:
    """Our description, for the provider."""
    ends = x509.load_pem_x509_certificate((row.certificate or "").encode()).not_valid_after_utc
    # who wants encrypted assertions is told with which key; both kinds are taken
    more = {"wantAssertionsEncrypted": True, "metadataValidUntil": f"{ends:%Y-%m-%dT%H:%M:%SZ}"}
    text = settings(row, key, us, **more).get_sp_metadata()
    return text.decode() if isinstance(text, bytes) else str(text)


def read(row: Connection, key: str, us: Ourselves, said: str) -> Response:
    """What the response says, once everything about it is right. Raises UpstreamError."""
    from onelogin.saml2.errors import OneLogin_Saml2_Error, OneLogin_Saml2_ValidationError
    from onelogin.saml2.response import OneLogin_Saml2_Response
    from onelogin.saml2.utils import OneLogin_Saml2_Utils

    try:
        text = base64.b64decode(said, validate=True)
    except (binascii.Error, ValueError):
        raise xml.refused("xml", "it is not base64") from None
    root = xml.parsed(text)
    xml.shaped(root)
    known = settings(row, key, us)
    certificates = row.settings["certificates"]
    # the outer signature first: nothing is decrypted that the provider has not signed
    if not OneLogin_Saml2_Utils.validate_sign(
        root, xpath=OneLogin_Saml2_Utils.RESPONSE_SIGNATURE_XPATH, multicerts=certificates
    ):
        raise xml.refused("signature", "its signature is not the provider's")
    try:
        response = OneLogin_Saml2_Response(known, said)
        if response.encrypted:
            # read anew: the library's own elements show no comments
            root = xml.parsed(etree.tostring(response.get_xml_document()))
            xml.shaped(root, is_opened=True)
        response.is_valid(_asked_at(us), raise_exceptions=True)
    except (OneLogin_Saml2_ValidationError, OneLogin_Saml2_Error) as error:
        raise xml.refused("invalid", str(error)[:200]) from None
    except UpstreamError:
        raise
    except Exception as error:  # noqa: BLE001 (whatever the library stumbles over is no response)
        raise xml.refused("invalid", type(error).__name__) from None
    return _said(row, us, root, datetime.now(UTC))


def settings(row: Connection, key: str, us: Ourselves, **more: Any) -> OneLogin_Saml2_Settings:
    from onelogin.saml2.settings import OneLogin_Saml2_Settings

    sha256 = "http://www.w3.org/2001/04/xmldsig-more#rsa-sha256"
    return OneLogin_Saml2_Settings(
        {
            "strict": True,
            "sp": {
                "entityId": us.entity_id,
                "assertionConsumerService": {"url": us.acs_url},
                "x509cert": row.certificate,
                "privateKey": key,
            },
            "idp": {
                "entityId": row.settings["entity_id"],
                "singleSignOnService": {"url": row.settings["sso_url"], "binding": REDIRECT},
                "x509certMulti": {"signing": row.settings["certificates"]},
            },
            "security": {
                "authnRequestsSigned": True,
                "wantMessagesSigned": True,
                "wantAssertionsSigned": True,
                "wantNameId": True,
                "wantAttributeStatement": False,
                "rejectDeprecatedAlgorithm": True,
                "requestedAuthnContext": False,
                "signatureAlgorithm": sha256,
                "digestAlgorithm": "http://www.w3.org/2001/04/xmlenc#sha256",
                "allowSingleLabelDomains": True,
                **more,
            },
        }
    )


def _said(row: Connection, us: Ourselves, root: Any, now: datetime) -> Response:
    """Everything that must be there, in the one assertion, compared whole."""
    (assertion,) = root.findall("saml:Assertion", _NS)
    asked = root.get("InResponseTo")
    if not asked:
        raise xml.refused("unsolicited", "it answers no request of ours")
    if root.get("Destination") != us.acs_url:
        raise xml.refused("recipient", "its Destination is not our address")
    issuers = [_text(e) for e in (root.find("saml:Issuer", _NS), assertion.find("saml:Issuer", _NS))]
    if issuers != [row.settings["entity_id"]] * 2:
        raise xml.refused("issuer", "response and assertion must both name the provider")
    audiences = [
        [_text(a) for a in r.findall("saml:Audience", _NS)]
        for r in assertion.findall("saml:Conditions/saml:AudienceRestriction", _NS)
    ]
    if not audiences or not all(us.entity_id in named for named in audiences):
        raise xml.refused("audience", "it is for somebody else")
    until = min(_confirmed(assertion, us, asked, now), _valid(assertion, now), now + LONGEST)
    statement = assertion.find("saml:AuthnStatement", _NS)
    at = _time(statement.get("AuthnInstant")) if statement is not None else None
    context = _text(statement.find("saml:AuthnContext/saml:AuthnContextClassRef", _NS)) if statement is not None else ""
    return Response(asked, assertion.get("ID"), until + SLACK, _vouched(row, assertion, at, context))


def _confirmed(assertion: Any, us: Ourselves, asked: str, now: datetime) -> datetime:
    """Until when it is confirmed that the bearer is the subject, for us and this request."""
    for confirmation in assertion.findall("saml:Subject/saml:SubjectConfirmation", _NS):
        data = confirmation.find("saml:SubjectConfirmationData", _NS)
        if confirmation.get("Method") != _BEARER or data is None:
            continue
        if data.get("Recipient") != us.acs_url or data.get("InResponseTo") != asked:
            continue
        until = _time(data.get("NotOnOrAfter"))
        if until is not None and now < until + SLACK and data.get("NotBefore") is None:
            return until
    raise xml.refused("recipient", "it is not confirmed for our address, this request and now")


def _valid(assertion: Any, now: datetime) -> datetime:
    conditions = assertion.find("saml:Conditions", _NS)
    begins, ends = _time(conditions.get("NotBefore")), _time(conditions.get("NotOnOrAfter"))
    if begins is not None and now < begins - SLACK:
        raise xml.refused("early", "it is not valid yet")
    if ends is not None and now >= ends + SLACK:
        raise xml.refused("expired", "it is valid no more")
    return ends or now + LONGEST


def _vouched(row: Connection, assertion: Any, at: datetime | None, context: str) -> Vouched:
    named = assertion.find("saml:Subject/saml:NameID", _NS)
    subject = _text(named)
    if not subject or len(subject) > 255 or named.get("Format") == _TRANSIENT:
        raise xml.refused("subject", "it needs a NameID that lasts (persistent, or an e-mail address)")
    said: dict[str, list[str]] = {}
    for attribute in assertion.findall("saml:AttributeStatement/saml:Attribute", _NS):
        said.setdefault(attribute.get("Name", ""), []).extend(
            _text(value) for value in attribute.findall("saml:AttributeValue", _NS)
        )
    groups = next((said[name] for name in _names(row.mapping, "groups", GROUPS) if name in said), [])
    email = first(said, _names(row.mapping, "email", EMAILS)) or (subject if "@" in subject else None)
    # who owns the domain says who has an address of it; whether they do is checked with the address (people.py)
    return Vouched(
        subject=subject, email=email, is_email_verified=True, name=first(said, _names(row.mapping, "name", NAMES)) or "",
        groups=several(groups), methods=("mfa",) if context in MFA_CONTEXTS else (), authenticated_at=at,
    )  # fmt: skip


def _names(mapping: Mapping[str, Any], what: str, usual: tuple[str, ...]) -> tuple[str, ...]:
    return (mapping[what],) if mapping.get(what) else usual


def _text(element: Any) -> str:
    """All of it: text that something stands in the middle of is not cut there."""
    return "" if element is None else "".join(element.itertext()).strip()


def _time(text: str | None) -> datetime | None:
    if text is None:
        return None
    try:
        found = datetime.fromisoformat(text)
    except ValueError:
        raise xml.refused("invalid", "a time in it cannot be read") from None
    return found.replace(tzinfo=found.tzinfo or UTC)


def _asked_at(us: Ourselves) -> dict[str, Any]:
    """The request as the library wants to know it: as we are called, not as somebody says in a header."""
    scheme, _, rest = us.acs_url.partition("://")
    host, _, path = rest.partition("/")
    return {"https": "on" if scheme == "https" else "off", "http_host": host, "script_name": f"/{path}"}


def _of_metadata(text: str) -> tuple[str, str, list[str]]:
    from onelogin.saml2.idp_metadata_parser import OneLogin_Saml2_IdPMetadataParser

    try:
        xml.parsed(text.encode())
        found = OneLogin_Saml2_IdPMetadataParser.parse(text, required_sso_binding=REDIRECT).get("idp", {})
    except UpstreamError:
        raise InputError("the metadata cannot be read", remedy="give the XML as the provider publishes it") from None
    signing = found.get("x509certMulti", {}).get("signing") or [found.get("x509cert")]
    return (
        found.get("entityId", ""),
        found.get("singleSignOnService", {}).get("url", ""),
        [c for c in signing if c],
    )


def _certificate(text: str) -> str:
    """The middle of the PEM. Raises InputError for what is none, or has a key that signs nothing today."""
    middle = "".join(line for line in text.split("\n") if "-----" not in line)
    middle = "".join(middle.split())
    try:
        found = x509.load_der_x509_certificate(base64.b64decode(middle, validate=True))
        key = found.public_key()
    except (ValueError, binascii.Error):
        raise InputError("a certificate cannot be read", remedy="give it as PEM, or its middle") from None
    strong = isinstance(key, ec.EllipticCurvePublicKey) or (isinstance(key, rsa.RSAPublicKey) and key.key_size >= 2048)
    if not strong:
        raise InputError("a certificate's key is too weak", remedy="RSA of 2048 bits or more, or an elliptic curve")
    return middle
