"""The key ring that wraps every person's key, and the key of the blind indexes.

Both come from the settings, or, in development, from files made on first use in the home folder (mode 0600). New keys
are wrapped by the first entry; older entries only unwrap. Losing the ring loses every person's data: back it up apart
from the database (docs/concepts/personal-data.md).
"""

import base64
import binascii
import secrets
from dataclasses import dataclass
from functools import lru_cache

from lex.core.errors import Invalid
from lex.core.settings import Settings, settings
from lex.embedded.files import keep_secret


@dataclass(frozen=True, slots=True)
class KeyRing:
    """Wrapping keys by id, newest first, and the blind index key; each 32 bytes."""

    keys: dict[str, bytes]
    blind: bytes

    @property
    def newest(self) -> str:
        """The id new keys are wrapped under."""
        return next(iter(self.keys))


def parse(text: str, name: str) -> dict[str, bytes]:
    """`id:base64,id:base64` → keys. Raises `Invalid` naming the setting."""
    keys: dict[str, bytes] = {}
    for entry in filter(None, (part.strip() for part in text.replace("\n", ",").split(","))):
        key_id, _, encoded = entry.partition(":")
        try:
            key = base64.b64decode(encoded, validate=True)
        except binascii.Error:
            key = b""
        if not key_id or len(key) != 32:
            raise Invalid(name, f"{name}: entry {len(keys) + 1} is not id:base64 of 32 bytes.")
        keys[key_id] = key
    if not keys:
        raise Invalid(name, f"{name} holds no key; write id:base64 of 32 bytes.")
    return keys


def load(config: Settings) -> KeyRing:
    """Read the ring of a configuration; outside production a missing one is made."""
    ring = config.key_ring or _kept(config, "key-ring")
    blind = config.blind_index_key or _kept(config, "blind-index-key")
    return KeyRing(parse(ring, "LEX_KEY_RING"), next(iter(parse(blind, "LEX_BLIND_INDEX_KEY").values())))


def _kept(config: Settings, name: str) -> str:
    path = config.home_path / "secrets" / name
    if path.exists():
        return path.read_text()
    if config.environment == "production":
        variable = "LEX_" + name.replace("-", "_").upper()
        raise Invalid(variable, f"{variable} is not set; personal data cannot be read or written without it.")
    return keep_secret(path, f"k1:{base64.b64encode(secrets.token_bytes(32)).decode()}\n")


@lru_cache(maxsize=1)
def key_ring() -> KeyRing:
    """This process's ring."""
    return load(settings())
