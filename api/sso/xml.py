"""Which XML of a provider is looked at, before any library: small, plain, of one shape, signed where it must be.

Belongs here: parsing safely, and the shape of a response. Does not belong here: whether a signature holds, what it says
(saml.py).

Wrapping moves what is signed and puts something else where it was read. A shape that has one place for each thing leaves
nowhere to put it: one response, in it one assertion, each with one signature over itself and nothing else, no id twice. What
the usual encodings of names can hide (comments, instructions, entities, document types) is in no honest response.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from lxml import etree

from api.sso.upstream import UpstreamError

LARGEST = 300_000
_SAML, _SAMLP = "{urn:oasis:names:tc:SAML:2.0:assertion}", "{urn:oasis:names:tc:SAML:2.0:protocol}"
_DS, _XENC = "{http://www.w3.org/2000/09/xmldsig#}", "{http://www.w3.org/2001/04/xmlenc#}"
_MORE, _ENC11 = "http://www.w3.org/2001/04/xmldsig-more#", "http://www.w3.org/2009/xmlenc11#"
_XMLENC, _EXCLUSIVE = "http://www.w3.org/2001/04/xmlenc#", "http://www.w3.org/2001/10/xml-exc-c14n#"
SIGNATURES = {f"{_MORE}{kind}-sha{size}" for kind in ("rsa", "ecdsa") for size in (256, 384, 512)}
DIGESTS = {f"{_XMLENC}sha256", f"{_MORE}sha384", f"{_XMLENC}sha512"}
#: SHA-1 and RSA 1.5 are left out; CBC is taken, since what is encrypted is signed from outside before it is opened.
CIPHERS = {f"{_XMLENC}aes{size}-cbc" for size in (128, 256)} | {f"{_ENC11}aes{size}-gcm" for size in (128, 256)}
KEY_CIPHERS = {f"{_XMLENC}rsa-oaep-mgf1p", f"{_ENC11}rsa-oaep"}
_TRANSFORMS = ["http://www.w3.org/2000/09/xmldsig#enveloped-signature", _EXCLUSIVE]


def refused(reason: str, why: str) -> UpstreamError:
    return UpstreamError(reason, f"the provider's response is not accepted: {why}")


def parsed(text: bytes) -> Any:
    """The root of a document that has nothing but elements, attributes and text. Raises UpstreamError."""
    if len(text) > LARGEST:
        raise refused("xml", f"it has more than {LARGEST} bytes")
    parser = etree.XMLParser(
        resolve_entities=False, no_network=True, load_dtd=False, dtd_validation=False, huge_tree=False,
        remove_comments=False, remove_pis=False,
    )  # fmt: skip
    if b"<!DOCTYPE" in text or b"<!ENTITY" in text:
        raise refused("xml", "it has a document type")
    try:
        root = etree.fromstring(text, parser)
    except (etree.XMLSyntaxError, ValueError):
        raise refused("xml", "it is not XML") from None
    tree = root.getroottree()
    if tree.docinfo.doctype or tree.docinfo.internalDTD is not None:
        raise refused("xml", "it has a document type")
    _plain(root)
    return root


def _plain(root: Any) -> None:
    if any(not isinstance(node.tag, str) for node in root.iter()) or root.getprevious() is not None:
        raise refused("xml", "it has comments, instructions or entities")


def shaped(root: Any, *, is_opened: bool = False) -> None:
    """Checks that everything is where it is looked for. `is_opened`: what was encrypted has been opened. Raises UpstreamError."""
    _plain(root)
    if root.tag != f"{_SAMLP}Response" or root.get("Version") != "2.0":
        raise refused("shape", "it is no response of SAML 2.0")
    assertions = [*root.iter(f"{_SAML}Assertion")]
    encrypted = [*root.iter(f"{_SAML}EncryptedAssertion")]
    inner = [*assertions, *encrypted]
    if len(inner) != 1 or inner[0].getparent() is not root or (is_opened and encrypted):
        raise refused("shape", "it must have one assertion, in the response itself")
    _ids_once(root)
    signed = [root, *assertions]
    signatures = [*root.iter(f"{_DS}Signature")]
    for element in signed:
        if len(element.findall(f"{_DS}Signature")) != 1:
            raise refused("unsigned", "response and assertion must both be signed, once")
    if len(signatures) != len(signed) or {s.getparent() for s in signatures} != set(signed):
        raise refused("shape", "there is a signature of something else")
    for signature in signatures:
        _over_itself(signature)
    if encrypted:
        _encrypted_well(encrypted[0])


def _ids_once(root: Any) -> None:
    seen: set[str] = set()
    for node in root.iter():
        for name, value in node.attrib.items():
            if etree.QName(name).localname.lower() == "id":
                if value in seen:
                    raise refused("shape", "an ID is there twice")
                seen.add(value)


def _over_itself(signature: Any) -> None:
    """The signature is over the element in which it lies, by algorithms of today, and carries nothing."""
    element = signature.getparent()
    info = _only(signature, "SignedInfo")
    reference = _only(info, "Reference")
    if not element.get("ID") or reference.get("URI") != f"#{element.get('ID')}":
        raise refused("shape", "a signature is not over what it lies in")
    if [*signature.iter(f"{_DS}Object", f"{_DS}RetrievalMethod", f"{_DS}Manifest")]:
        raise refused("shape", "a signature carries something")
    if _algorithm(_only(info, "SignatureMethod")) not in SIGNATURES:
        raise refused("algorithm", f"it is signed by {_algorithm(_only(info, 'SignatureMethod'))}")
    if _algorithm(_only(reference, "DigestMethod")) not in DIGESTS:
        raise refused("algorithm", f"it is digested by {_algorithm(_only(reference, 'DigestMethod'))}")
    if _algorithm(_only(info, "CanonicalizationMethod")) != _EXCLUSIVE:
        raise refused("algorithm", "it is canonicalised otherwise than exclusively, without comments")
    transforms = [_algorithm(t) for t in _only(reference, "Transforms")]
    if transforms != _TRANSFORMS:
        raise refused("algorithm", "a signature transforms what it is over")


def _encrypted_well(encrypted: Any) -> None:
    data = encrypted.findall(f"{_XENC}EncryptedData")
    keys = [*encrypted.iter(f"{_XENC}EncryptedKey")]
    if len(data) != 1 or len(keys) != 1 or [*encrypted.iter(f"{_XENC}CipherReference")]:
        raise refused("shape", "an encrypted assertion must have one text and one key")
    if _cipher(data[0]) not in CIPHERS or _cipher(keys[0]) not in KEY_CIPHERS:
        raise refused("algorithm", f"it is encrypted by {_cipher(data[0])} under {_cipher(keys[0])}")


def _cipher(element: Any) -> str:
    method = element.find(f"{_XENC}EncryptionMethod")
    return _algorithm(method) if method is not None else ""


def _algorithm(element: Any) -> str:
    return str(element.get("Algorithm", ""))[:200]


def _only(element: Any, name: str) -> Any:
    found: Sequence[Any] = element.findall(f"{_DS}{name}")
    if len(found) != 1:
        raise refused("shape", f"a signature has {len(found)} {name}")
    return found[0]
