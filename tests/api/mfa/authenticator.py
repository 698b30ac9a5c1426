"""An authenticator without a screen: it makes a passkey and signs challenges, honestly or as an attacker would have it."""

from __future__ import annotations

import hashlib
import json
import re
import secrets
from html import unescape
from typing import Any

import cbor2
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.hashes import SHA256
from webauthn.helpers import bytes_to_base64url

from tests.api.identity.people import Browser

PRESENT, VERIFIED, ATTESTED = 0x01, 0x04, 0x40


class Authenticator:
    """One passkey for the site `localhost`. `count` is the counter that its next answer tells."""

    def __init__(self) -> None:
        self.id = secrets.token_bytes(16)
        self.count = 1
        self._key = ec.generate_private_key(ec.SECP256R1())

    def made(self, browser: Browser, page: str, **lies: Any) -> str:
        """The answer of `navigator.credentials.create` to what the page asks for."""
        numbers = self._key.public_key().public_numbers()
        x, y = (n.to_bytes(32, "big") for n in (numbers.x, numbers.y))
        key = cbor2.dumps({1: 2, 3: -7, -1: 1, -2: x, -3: y})
        attested = bytes(16) + len(self.id).to_bytes(2, "big") + self.id + key
        data = self._data(ATTESTED, **lies) + attested
        said = cbor2.dumps({"fmt": "none", "attStmt": {}, "authData": data})
        return self._answer(self._client(browser, page, "webauthn.create", **lies), attestationObject=said)

    def shown(self, browser: Browser, page: str, **lies: Any) -> str:
        """The answer of `navigator.credentials.get`."""
        data, client = self._data(0, **lies), self._client(browser, page, "webauthn.get", **lies)
        signature = self._key.sign(data + hashlib.sha256(client).digest(), ec.ECDSA(SHA256()))
        return self._answer(client, authenticatorData=data, signature=signature)

    def _data(self, more: int, *, site: str = "localhost", flags: int = PRESENT | VERIFIED, **_: Any) -> bytes:
        return hashlib.sha256(site.encode()).digest() + bytes([flags | more]) + self.count.to_bytes(4, "big")

    def _client(self, browser: Browser, page: str, usual: str, **lies: Any) -> bytes:
        challenge = lies.get("challenge") or asked(browser, page)
        origin = lies.get("origin", str(browser.base_url).rstrip("/"))
        return json.dumps({"type": lies.get("kind", usual), "challenge": challenge, "origin": origin}).encode()

    def _answer(self, client: bytes, **response: bytes) -> str:
        said = {name: bytes_to_base64url(value) for name, value in {**response, "clientDataJSON": client}.items()}
        id = bytes_to_base64url(self.id)
        return json.dumps({"id": id, "rawId": id, "type": "public-key", "response": said})


def asked(browser: Browser, page: str) -> str:
    """The challenge of the page's form."""
    found = re.search(r'data-options="([^"]+)"', browser.get(page).text)
    assert found, page
    return str(json.loads(unescape(found[1]))["challenge"])
