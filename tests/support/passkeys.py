"""A passkey made of software: what a device would answer a browser, and what a dishonest one might."""

import hashlib
import json
import secrets
from base64 import urlsafe_b64decode, urlsafe_b64encode
from typing import Any

from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.hashes import SHA256
from webauthn.helpers import encode_cbor

_PRESENT, _VERIFIED, _HAS_KEY = 0x01, 0x04, 0x40


def text(raw: bytes) -> str:
    """Base64 as browsers send it."""
    return urlsafe_b64encode(raw).rstrip(b"=").decode()


class Passkey:
    """One key pair. `origin` and `host` are where its browser believes to be."""

    def __init__(self, host: str = "shop.test", origin: str = "http://shop.test", *, is_verified: bool = True) -> None:
        self.host, self.origin, self.is_verified = host, origin, is_verified
        self.id, self.count = secrets.token_bytes(16), 1
        self.key = ec.generate_private_key(ec.SECP256R1())
        self.handle = b""

    def made(self, options: dict[str, Any]) -> dict[str, Any]:
        """What `navigator.credentials.create` gives."""
        self.handle = urlsafe_b64decode(options["user"]["id"] + "==")
        point = self.key.public_key().public_numbers()
        cose = {1: 2, 3: -7, -1: 1, -2: point.x.to_bytes(32, "big"), -3: point.y.to_bytes(32, "big")}
        told = self._told(_HAS_KEY) + bytes(16) + len(self.id).to_bytes(2, "big") + self.id + encode_cbor(cose)
        attested = encode_cbor({"fmt": "none", "attStmt": {}, "authData": told})
        client = self._client("webauthn.create", options["challenge"])
        return self._credential(clientDataJSON=text(client), attestationObject=text(attested))

    def signed(self, options: dict[str, Any]) -> dict[str, Any]:
        """What `navigator.credentials.get` gives."""
        self.count += 1
        told, client = self._told(0), self._client("webauthn.get", options["challenge"])
        signature = self.key.sign(told + hashlib.sha256(client).digest(), ec.ECDSA(SHA256()))
        return self._credential(
            clientDataJSON=text(client),
            authenticatorData=text(told),
            signature=text(signature),
            userHandle=text(self.handle),
        )

    def _told(self, more: int) -> bytes:
        flags = _PRESENT | more | (_VERIFIED if self.is_verified else 0)
        return hashlib.sha256(self.host.encode()).digest() + bytes([flags]) + self.count.to_bytes(4, "big")

    def _client(self, kind: str, challenge: str) -> bytes:
        return json.dumps({"type": kind, "challenge": challenge, "origin": self.origin, "crossOrigin": False}).encode()

    def _credential(self, **response: str) -> dict[str, Any]:
        return {"id": text(self.id), "rawId": text(self.id), "type": "public-key", "response": response}
