"""Personal data at rest: AES-256-GCM under a key per person, blind indexes for look-up.

A cell is `0x01 | nonce (12) | ciphertext and tag`, bound to `table.column:row id`, so that a swapped cell fails. The
person's key is wrapped by the key ring; destroying it erases the person everywhere, backups included.
"""

import hashlib
import hmac
import os
import re
import unicodedata
from contextlib import suppress
from dataclasses import dataclass
from functools import lru_cache
from uuid import UUID

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from lex.core import codec
from lex.identity import keyring
from lex.identity.keyring import key_ring

_VERSION = b"\x01"


@dataclass(frozen=True, slots=True)
class WrappedKey:
    """A person's key as stored in `person_keys`."""

    wrapped_key: bytes
    key_id: str


class Cipher:
    """Seals and opens one person's cells."""

    __slots__ = ("_key", "wrapped")

    def __init__(self, key: bytes, wrapped: WrappedKey) -> None:
        self._key = AESGCM(key)
        self.wrapped = wrapped

    def seal(self, cell: str, row_id: UUID, text: str) -> bytes:
        """Encrypt the text of `cell` ("table.column") of a row."""
        return self.seal_bytes(cell, row_id, text.encode())

    def seal_bytes(self, cell: str, row_id: UUID, data: bytes) -> bytes:
        """Encrypt what is no text."""
        nonce = os.urandom(12)
        return _VERSION + nonce + self._key.encrypt(nonce, data, _bound(cell, row_id))

    def seal_optional(self, cell: str, row_id: UUID, text: str | None) -> bytes | None:
        """Encrypt a text that may be missing."""
        return None if text is None else self.seal(cell, row_id, text)

    def open(self, cell: str, row_id: UUID, sealed: bytes) -> str:
        """Decrypt. Raises `cryptography.exceptions.InvalidTag` when the cell was moved or changed."""
        return self.open_bytes(cell, row_id, sealed).decode()

    def open_bytes(self, cell: str, row_id: UUID, sealed: bytes) -> bytes:
        """Decrypt what is no text. Raises `cryptography.exceptions.InvalidTag`."""
        return self._key.decrypt(sealed[1:13], sealed[13:], _bound(cell, row_id))

    def open_optional(self, cell: str, row_id: UUID, sealed: bytes | None) -> str | None:
        """Decrypt a cell that may be empty."""
        return None if sealed is None else self.open(cell, row_id, sealed)


def _bound(cell: str, row_id: UUID) -> bytes:
    return f"{cell}:{row_id}".encode()


def new_cipher(user_id: UUID) -> Cipher:
    """A cipher with a new key for a new person; store its `wrapped` in `person_keys`."""
    key = AESGCM.generate_key(256)
    return Cipher(key, _wrap(user_id, key))


def cipher_of(user_id: UUID, wrapped: WrappedKey) -> Cipher:
    """The cipher of a known person. Raises `Unavailable` when the ring lacks the key it was wrapped under."""
    return Cipher(_unwrap(user_id, wrapped), wrapped)


def rewrap(user_id: UUID, wrapped: WrappedKey) -> WrappedKey:
    """The same person's key under the newest key of the ring. Raises `Unavailable` when the ring lacks the old one."""
    return _wrap(user_id, _unwrap(user_id, wrapped))


def _wrap(user_id: UUID, key: bytes) -> WrappedKey:
    key_id, wrapping = keyring.newest()
    nonce = os.urandom(12)
    return WrappedKey(nonce + AESGCM(wrapping).encrypt(nonce, key, user_id.bytes), key_id)


def _unwrap(user_id: UUID, wrapped: WrappedKey) -> bytes:
    sealed = wrapped.wrapped_key
    return AESGCM(keyring.named(wrapped.key_id)).decrypt(sealed[:12], sealed[12:], user_id.bytes)


def normal_email(email: str) -> str:
    """The form two spellings of one address share: NFKC, trimmed, in small letters.

    Not case-folded: `ß` is not `ss`, and `groß.example` and `gross.example` are of two owners.
    """
    return unicodedata.normalize("NFKC", email).strip().lower()


def _folded(text: str) -> str:
    """The form two spellings of a word share."""
    return unicodedata.normalize("NFKC", text).strip().casefold()


def normal_mailbox(email: str) -> str:
    """The form all spellings of one mailbox share: what follows `+` is dropped, at Gmail the dots too.

    Only to count what one person may have once: the worst that two people taken for one lose is a discount. Accounts
    and mails go by `normal_email`, since some hosts do tell `a+b` from `a`, and every host but Gmail tells dots.
    """
    local, _, domain = normal_email(email).rpartition("@")
    local = local.split("+")[0] or local
    if domain in ("gmail.com", "googlemail.com"):
        local, domain = local.replace(".", ""), "gmail.com"
    return f"{local}@{domain}"


def normal_phone(phone: str) -> str:
    """Digits with a leading plus, if it had one."""
    return ("+" if phone.strip().startswith("+") else "") + re.sub(r"\D", "", phone)


def blind_index(kind: str, normalised: str) -> bytes:
    """What a value is found by: HMAC-SHA256 of its normal form, 16 bytes, apart for each `kind` of value."""
    return _blind(key_ring().blind, kind, normalised)


def blind_indexes(kind: str, normalised: str) -> list[bytes]:
    """All that a value may be found by, the newest key's first: while the ring turns there are several."""
    return [_blind(key, kind, normalised) for key in keyring.fresh().blind_keys.values()]


def _blind(key: bytes, kind: str, normalised: str) -> bytes:
    return hmac.digest(key, f"{kind}:{normalised}".encode(), hashlib.sha256)[:16]


_PHONE = re.compile(r"[\d\s()+./-]{5,}")

#: A phone number is known by its last digits: `+49 421 123456`, `0049421123456` and `0421/123456` are one.
_TELLING_DIGITS = 8


def words_of(*texts: str | None) -> set[str]:
    """The words staff can search a person by: of names, e-mail, its domain, phone."""
    words: set[str] = set()
    for text in filter(None, texts):
        normal = _folded(text)
        words.update(re.findall(r"\w+", normal))
        if "@" in normal:
            words.update((normal, normal.rpartition("@")[2]))
        elif _PHONE.fullmatch(normal):
            words.update(_phone_words(normal))
    return words


def _phone_words(text: str) -> set[str]:
    digits = re.sub(r"\D", "", text)
    return {digits[-_TELLING_DIGITS:]} if digits else set()


def sought_words(text: str) -> set[str]:
    """The words that must all be there to find a person by a text as people type it.

    An e-mail, `@` and a domain, and a phone number however it is spaced are each one word; else every word counts.
    """
    normal = _folded(text)
    if "@" in normal:
        return {normal.removeprefix("@")}
    if _PHONE.fullmatch(normal) and re.search(r"\d", normal):
        return _phone_words(normal)
    return words_of(normal)


def blind_tokens(*texts: str | None) -> list[bytes]:
    """The blind tokens of all words of these texts."""
    return sorted(blind_index("word", word) for word in words_of(*texts))


def sought_tokens(words: set[str]) -> list[bytes]:
    """The tokens to look for words by. Who has as many of them as there are words has them all: a person's tokens are
    all made under one key."""
    return [token for word in sorted(words) for token in blind_indexes("word", word)]


def seal_kept(row_id: UUID, body: bytes) -> bytes:
    """Encrypt what is kept for a while and is of no one person: answers, which hold tokens, and providers' events."""
    nonce = os.urandom(12)
    return _VERSION + nonce + _kept_under(key_ring().blind).encrypt(nonce, body, row_id.bytes)


def open_kept(row_id: UUID, sealed: bytes) -> bytes:
    """Decrypt what was kept in a row. Raises `cryptography.exceptions.InvalidTag` when no key of the ring fits."""
    for key in keyring.tried_blind_keys():
        with suppress(InvalidTag):
            return _kept_under(key).decrypt(sealed[1:13], sealed[13:], row_id.bytes)
    raise InvalidTag


@lru_cache(maxsize=4)
def _kept_under(secret: bytes) -> AESGCM:
    return AESGCM(hmac.digest(secret, b"kept answers", hashlib.sha256))


def seal_document(cipher: Cipher, cell: str, row_id: UUID, document: object) -> bytes:
    """Encrypt a JSON document such as an address."""
    return cipher.seal(cell, row_id, codec.encode(document).decode())
