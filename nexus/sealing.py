"""Sealing: what lies in the database and must be of no use to whoever reads only that.

Belongs here: encryption and authentication codes under the key of the home, one derived key for each purpose.
Does not belong here: secrets of connections (nexus/secrets.py), hashes of passwords and tokens, what is sealed.

The key is `<home>/secrets/sealing.key` (mode 0600), made when it is first needed; several machines over one database are
given the same one as `NEXUS_SEALING_KEY`. Without it, what was sealed is lost: it belongs to every backup.
"""

from __future__ import annotations

import base64
import hmac
import os
import secrets
from pathlib import Path

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

from nexus.errors import MachineError
from nexus.settings import Settings

_KEY_BYTES, _NONCE_BYTES = 32, 12


class UnsealableError(MachineError):
    """What is kept was sealed under another key, or was changed."""

    code = "unsealable"


def path(settings: Settings) -> Path:
    return settings.home / "secrets" / "sealing.key"


class Sealer:
    """Seals for one purpose: what was sealed for another does not open."""

    def __init__(self, settings: Settings, purpose: str) -> None:
        derived = HKDF(SHA256(), _KEY_BYTES, salt=None, info=f"nexus/{purpose}".encode()).derive(_master(settings))
        self._cipher = AESGCM(derived)
        self._mac_key = HKDF(SHA256(), _KEY_BYTES, salt=None, info=f"nexus/{purpose}/mac".encode()).derive(derived)

    def seal(self, plain: bytes, about: str) -> bytes:
        """`plain` under AES-256-GCM. `about` (the id of its row) must be said again to open it: rows cannot be swapped."""
        nonce = secrets.token_bytes(_NONCE_BYTES)
        return nonce + self._cipher.encrypt(nonce, plain, about.encode())

    def open(self, sealed: bytes, about: str) -> bytes:
        """Raises UnsealableError."""
        try:
            return self._cipher.decrypt(sealed[:_NONCE_BYTES], sealed[_NONCE_BYTES:], about.encode())
        except (InvalidTag, ValueError):
            raise UnsealableError(
                f"what is kept of {about} does not open with this home's key",
                remedy="restore secrets/sealing.key from the backup of this database, or set NEXUS_SEALING_KEY",
            ) from None

    def mac(self, text: str) -> str:
        """An authentication code of `text`, safe in URLs and forms."""
        digest = hmac.digest(self._mac_key, text.encode(), "sha256")
        return base64.urlsafe_b64encode(digest).decode().rstrip("=")

    def verify(self, text: str, code: str) -> bool:
        return hmac.compare_digest(self.mac(text).encode(), code.encode())


def _master(settings: Settings) -> bytes:
    if settings.sealing_key is not None:
        return settings.sealing_key.get_secret_value().encode()
    file = path(settings)
    try:
        return bytes.fromhex(file.read_text())
    except FileNotFoundError:
        return _made(file)


def _made(file: Path) -> bytes:
    """A new key, or the one that another process has made meanwhile."""
    file.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    scratch = file.with_name(f".{file.name}.{secrets.token_hex(4)}")
    with os.fdopen(os.open(scratch, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w") as out:
        out.write(secrets.token_bytes(_KEY_BYTES).hex())
        out.flush()
        os.fsync(out.fileno())
    try:
        # a link, not a rename: it never replaces a key under which something may be sealed already
        os.link(scratch, file)
    except FileExistsError:
        return bytes.fromhex(file.read_text())
    finally:
        scratch.unlink()
    return bytes.fromhex(file.read_text())
