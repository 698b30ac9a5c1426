"""A provider of SAML: real keys, real signatures and real encryption by xmlsec, around whatever a test wants to say."""

from __future__ import annotations

import base64
import copy
from datetime import UTC, datetime, timedelta
from typing import Any

import xmlsec
from lxml import etree

from api.sso import saml
from nexus.ids import new_id

NS = {
    "saml": "urn:oasis:names:tc:SAML:2.0:assertion",
    "samlp": "urn:oasis:names:tc:SAML:2.0:protocol",
    "ds": "http://www.w3.org/2000/09/xmldsig#",
}
ENTITY = "https://idp.example/saml"
T = xmlsec.constants
_RESPONSE = """<samlp:Response xmlns:samlp="{samlp}" xmlns:saml="{saml}" ID="{response_id}" Version="2.0" IssueInstant="{now}"
 Destination="{destination}"{asked}><saml:Issuer>{issuer}</saml:Issuer><samlp:Status><samlp:StatusCode Value="{status}"/></samlp:Status>{assertion}</samlp:Response>"""
_ASSERTION = "".join(
    line
    for line in """<saml:Assertion xmlns:saml="{saml}" ID="{assertion_id}" Version="2.0" IssueInstant="{now}">
<saml:Issuer>{inner_issuer}</saml:Issuer><saml:Subject><saml:NameID Format="{format}">{subject}</saml:NameID>
<saml:SubjectConfirmation Method="urn:oasis:names:tc:SAML:2.0:cm:bearer">
<saml:SubjectConfirmationData NotOnOrAfter="{confirmed_until}"{recipient}{asked}/></saml:SubjectConfirmation></saml:Subject>
<saml:Conditions NotBefore="{not_before}" NotOnOrAfter="{not_after}">{audience}</saml:Conditions>
<saml:AuthnStatement AuthnInstant="{authenticated}"><saml:AuthnContext>
<saml:AuthnContextClassRef>{context}</saml:AuthnContextClassRef></saml:AuthnContext></saml:AuthnStatement>
<saml:AttributeStatement>{attributes}</saml:AttributeStatement></saml:Assertion>""".splitlines()
)


class Idp:
    """Keys and certificates of a provider; `response` makes one, signed as a provider of today does."""

    def __init__(self) -> None:
        self.key, certificate = saml.new_key("idp")
        self.certificate = "".join(line for line in certificate.splitlines() if "-----" not in line)

    def response(self, us: dict[str, Any], asked: str | None, email: str, **said: Any) -> Any:
        """The root of a response for the connection `us` (its `saml` as the API shows it), inside and outside signed."""
        root = etree.fromstring(self.text(us, asked, email, **said))
        inner, outer = said.get("sign_inner", True), said.get("sign_outer", True)
        if inner:
            self.sign(root.find("saml:Assertion", NS), **said.get("how", {}))
        if encrypt_to := said.get("encrypt_to"):
            encrypt(root, encrypt_to, **said.get("cipher", {}))
        if outer:
            self.sign(root, **said.get("how", {}))
        return root

    def text(self, us: dict[str, Any], asked: str | None, email: str, **said: Any) -> str:
        now = datetime.now(UTC)
        answers = f' InResponseTo="{said.get("in_response_to", asked)}"' if asked else ""
        audience = said.get("audience", us["sp_entity_id"])
        recipient = said.get("recipient", us["sp_acs_url"])
        groups = "".join(f"<saml:AttributeValue>{g}</saml:AttributeValue>" for g in said.get("groups", ()))
        attributes = f'<saml:Attribute Name="email"><saml:AttributeValue>{email}</saml:AttributeValue></saml:Attribute>'
        attributes += f'<saml:Attribute Name="groups">{groups}</saml:Attribute>' if groups else ""
        assertion = _ASSERTION.format(
            **NS, assertion_id=said.get("assertion_id", f"_{new_id('a')}"), now=_time(now),
            inner_issuer=said.get("inner_issuer", ENTITY), subject=said.get("subject", email),
            format=said.get("format", "urn:oasis:names:tc:SAML:1.1:nameid-format:emailAddress"),
            confirmed_until=_time(now + said.get("confirmed", timedelta(minutes=5))),
            recipient=f' Recipient="{recipient}"' if recipient else "", asked=said.get("confirmed_for", answers),
            not_before=_time(now + said.get("not_before", -timedelta(minutes=1))),
            not_after=_time(now + said.get("not_after", timedelta(minutes=5))),
            audience=f"<saml:AudienceRestriction><saml:Audience>{audience}</saml:Audience></saml:AudienceRestriction>" if audience else "",
            authenticated=_time(now + said.get("authenticated", timedelta(0))),
            context=said.get("context", "urn:oasis:names:tc:SAML:2.0:ac:classes:Password"),
            attributes=attributes,
        )  # fmt: skip
        return _RESPONSE.format(
            **NS, response_id=said.get("response_id", f"_{new_id('r')}"), now=_time(now), asked=answers,
            destination=said.get("destination", us["sp_acs_url"]), issuer=said.get("issuer", ENTITY),
            status=said.get("status", "urn:oasis:names:tc:SAML:2.0:status:Success"), assertion=assertion,
        )  # fmt: skip

    def sign(
        self, element: Any, *, key: str | None = None, signature: Any = T.TransformRsaSha256,
        digest: Any = T.TransformSha256, canonical: Any = T.TransformExclC14N, inserted: int = 1, shows: str | None = None,
    ) -> None:  # fmt: skip
        """Signs the element, in itself, after its issuer. `shows` is a certificate that goes with the signature."""
        node = xmlsec.template.create(element, canonical, signature, ns="ds")
        element.insert(inserted, node)
        reference = xmlsec.template.add_reference(node, digest, uri=f"#{element.get('ID')}")
        xmlsec.template.add_transform(reference, T.TransformEnveloped)
        xmlsec.template.add_transform(reference, canonical)
        context = xmlsec.SignatureContext()
        context.key = xmlsec.Key.from_memory(key or self.key, T.KeyDataFormatPem)
        if shows:
            xmlsec.template.add_x509_data(xmlsec.template.ensure_key_info(node))
            context.key.load_cert_from_memory(shows, T.KeyDataFormatCertPem)
        xmlsec.tree.add_ids(element, ["ID"])
        context.sign(node)


def encrypt(root: Any, certificate: str, *, data: Any = T.TransformAes128Gcm, key: Any = T.TransformRsaOaep) -> None:
    """The assertion for whoever has the key of `certificate`."""
    assertion = root.find("saml:Assertion", NS)
    place = root.index(assertion)
    node = xmlsec.template.encrypted_data_create(root, data, type=T.TypeEncElement, ns="xenc")
    xmlsec.template.encrypted_data_ensure_cipher_value(node)
    info = xmlsec.template.encrypted_data_ensure_key_info(node, ns="ds")
    inner = xmlsec.template.add_encrypted_key(info, key)
    xmlsec.template.encrypted_data_ensure_cipher_value(inner)
    manager = xmlsec.KeysManager()
    manager.add_key(xmlsec.Key.from_memory(certificate, T.KeyDataFormatCertPem))
    context = xmlsec.EncryptionContext(manager)
    size = 128 if data in (T.TransformAes128Gcm, T.TransformAes128Cbc) else 192
    kind = T.KeyDataDes if data == T.TransformDes3Cbc else T.KeyDataAes
    context.key = xmlsec.Key.generate(kind, size, T.KeyDataTypeSession)
    done = context.encrypt_xml(node, assertion)
    wrapper = etree.Element(f"{{{NS['saml']}}}EncryptedAssertion")
    parent = done.getparent()
    if parent is root:
        root.remove(done)
    wrapper.append(done)
    root.insert(place, wrapper)


def sent(root: Any) -> str:
    """As the page of a provider makes a browser send it."""
    text = root if isinstance(root, bytes) else etree.tostring(root)
    return base64.b64encode(text).decode()


def wrapped(root: Any, number: int, email: str) -> Any:
    """The eight ways of "On Breaking SAML" (2012) to let one thing be checked and another be read."""
    forged_response, original = copy.deepcopy(root), root
    assertion = original.find("saml:Assertion", NS)
    evil = copy.deepcopy(assertion)
    evil.set("ID", "_evil")
    for element in evil.iter(f"{{{NS['saml']}}}NameID", f"{{{NS['saml']}}}AttributeValue"):
        element.text = email
    signature = evil.find("ds:Signature", NS)
    match number:
        case 1 | 2:
            # the whole signed response hides in (or before) the signature of a forged one
            forged_response.set("ID", "_evil_response")
            for element in forged_response.iter(f"{{{NS['saml']}}}NameID", f"{{{NS['saml']}}}AttributeValue"):
                element.text = email
            outer = forged_response.find("ds:Signature", NS)
            plain = copy.deepcopy(original)
            plain.remove(plain.find("ds:Signature", NS))
            if number == 1:
                outer.append(plain)
            else:
                outer.addprevious(plain)
            return forged_response
        case 3:
            evil.remove(signature)
            assertion.addprevious(evil)
        case 4:
            evil.remove(signature)
            original.remove(assertion)
            evil.append(assertion)
            original.append(evil)
        case 5:
            original.remove(assertion)
            bare = copy.deepcopy(assertion)
            bare.remove(bare.find("ds:Signature", NS))
            original.append(evil)
            original.append(bare)
        case 6:
            original.remove(assertion)
            bare = copy.deepcopy(assertion)
            bare.remove(bare.find("ds:Signature", NS))
            signature.append(bare)
            original.append(evil)
        case 7:
            evil.remove(signature)
            extensions = etree.SubElement(original, f"{{{NS['samlp']}}}Extensions")
            extensions.append(evil)
        case 8:
            bare = copy.deepcopy(assertion)
            bare.remove(bare.find("ds:Signature", NS))
            holder = etree.SubElement(signature, f"{{{NS['ds']}}}Object")
            holder.append(bare)
            original.remove(assertion)
            original.append(evil)
    return original


def _time(at: datetime) -> str:
    return at.strftime("%Y-%m-%dT%H:%M:%SZ")
