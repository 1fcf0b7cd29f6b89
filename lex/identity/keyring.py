"""The key ring that wraps every person's key, and the ring of the blind indexes.

Both come from the settings, or, in development, from files made on first use in the home folder (mode 0600). New keys
are wrapped by the first entry; older entries only unwrap. Blind indexes are made under the first of theirs and looked
up under all, until `lex keys rotate --blind` has made them all anew. Losing the ring loses every person's data: back it
up apart from the database (docs/concepts/personal-data.md).
"""

import base64
import binascii
import secrets
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from lex.core.errors import Conflict, Invalid, NotFound, Unavailable
from lex.core.settings import Settings, settings
from lex.embedded.files import keep_secret, write_private

_PERSONAL = "personal data cannot be read or written"
_WITHOUT = {"key-ring": _PERSONAL, "blind-index-key": _PERSONAL, "audit-key": "the audit cannot be sealed or verified"}


@dataclass(frozen=True, slots=True)
class KeyRing:
    """Wrapping and blind index keys by id, newest first; each 32 bytes. `written_at` are their files' times."""

    keys: dict[str, bytes]
    blind_keys: dict[str, bytes]
    written_at: tuple[int, int]

    @property
    def blind(self) -> bytes:
        """The key that new blind indexes are made under."""
        return next(iter(self.blind_keys.values()))


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
    written_at = _written_at(config)
    ring = config.key_ring or _kept(config, "key-ring")
    blind = config.blind_index_key or _kept(config, "blind-index-key")
    return KeyRing(parse(ring, "LEX_KEY_RING"), parse(blind, "LEX_BLIND_INDEX_KEY"), written_at)


@dataclass(frozen=True, slots=True)
class Ring:
    """One of the two rings as operators turn it: its setting, its file, and the option of `lex keys` that means it."""

    variable: str
    file: str
    option: str

    def setting(self, config: Settings) -> str:
        """What stands in the setting, if anything."""
        return config.blind_index_key if self.option else config.key_ring

    def keys(self, config: Settings) -> dict[str, bytes]:
        """Its keys, newest first."""
        ring = load(config)
        return ring.blind_keys if self.option else ring.keys


WRAPPING = Ring("LEX_KEY_RING", "key-ring", "")
BLIND = Ring("LEX_BLIND_INDEX_KEY", "blind-index-key", " --blind")


def _path(config: Settings, name: str) -> Path:
    return config.home_path / "secrets" / name


def audit_keys(config: Settings) -> dict[str, bytes]:
    """The keys the audit is sealed under, newest first; outside production a missing one is made."""
    return parse(config.audit_key or _kept(config, "audit-key"), "LEX_AUDIT_KEY")


def _kept(config: Settings, name: str) -> str:
    path = _path(config, name)
    if path.exists():
        return path.read_text()
    if config.environment == "production":
        variable = "LEX_" + name.replace("-", "_").upper()
        raise Invalid(variable, f"{variable} is not set; {_WITHOUT[name]} without it.")
    return keep_secret(path, _entry("k1"))


def _entry(key_id: str) -> str:
    return f"{key_id}:{base64.b64encode(secrets.token_bytes(32)).decode()}\n"


def add(config: Settings, ring: Ring = WRAPPING) -> str:
    """Put a new key first in the ring's file; returns its id. Processes that run see it at once.

    Raises `Conflict` when the ring stands in a setting: then its sentence says what to write there.
    """
    keys = ring.keys(config)
    number = max((int(key_id[1:]) for key_id in keys if key_id[:1] == "k" and key_id[1:].isdigit()), default=0) + 1
    entry = _entry(f"k{number}")
    if ring.setting(config):
        raise Conflict(
            f"The ring stands in {ring.variable}. Add {entry.strip()} to its end in every process and start them anew; "
            f"then put it first and start them anew; then run lex keys rotate{ring.option}.",
            code="ring_in_setting",
        )
    path = _path(config, ring.file)
    write_private(path, entry + path.read_text())
    return f"k{number}"


def drop(config: Settings, key_id: str, persons: int, ring: Ring = WRAPPING) -> None:
    """Take a key out of the ring's file; `persons` are those who still need it.

    Raises `NotFound`, `Conflict` for a key that is needed and when the ring stands in a setting.
    """
    keys = ring.keys(config)
    if key_id not in keys:
        raise NotFound(f"The ring has no key {key_id}; it has {', '.join(keys)}.", code="key_not_found")
    if key_id == next(iter(keys)):
        raise Conflict(
            f"{key_id} is the newest key; run lex keys add{ring.option} and lex keys rotate{ring.option} first.",
            code="key_in_use",
        )
    if persons:
        told = "persons are found by" if ring.option else "persons' keys are wrapped under"
        raise Conflict(f"{persons} {told} {key_id}; run lex keys rotate{ring.option}.", code="key_in_use")
    if ring.setting(config):
        raise Conflict(f"The ring stands in {ring.variable}; take {key_id} out of it there.", code="ring_in_setting")
    left = {name: base64.b64encode(key).decode() for name, key in keys.items() if name != key_id}
    write_private(_path(config, ring.file), "".join(f"{name}:{key}\n" for name, key in left.items()))


class _Read:
    """The ring as this process has read it, and the settings that say where it stands."""

    settings: Settings | None = None
    ring: KeyRing


def key_ring() -> KeyRing:
    """This process's ring, as it was read last."""
    if _Read.settings is not settings():
        read_anew()
    return _Read.ring


def read_anew() -> KeyRing:
    """The ring as it stands now."""
    _Read.ring = load(settings())
    _Read.settings = settings()
    return _Read.ring


def fresh() -> KeyRing:
    """The ring as it is now: one in files may have got another key since it was read."""
    return read_anew() if _written_at(settings()) != key_ring().written_at else key_ring()


def tried_blind_keys() -> Iterator[bytes]:
    """What something may have been made under, newest first; at last what this process has not read yet: another may
    have made it. Raises `Invalid` when the ring is gone."""
    known = key_ring().blind_keys
    yield from known.values()
    yield from (key for key_id, key in fresh().blind_keys.items() if key_id not in known)


def newest() -> tuple[str, bytes]:
    """Id and key that new keys are wrapped under."""
    return next(iter(fresh().keys.items()))


def named(key_id: str) -> bytes:
    """The wrapping key with this id. Raises `Unavailable` when the ring, read anew, has none."""
    ring = key_ring() if key_id in key_ring().keys else read_anew()
    try:
        return ring.keys[key_id]
    except KeyError:
        raise Unavailable(
            f"Personal data cannot be read: the key ring has no key {key_id}. Put it back into LEX_KEY_RING, or into "
            "secrets/key-ring of the home folder.",
            code="key_missing",
        ) from None


def _written_at(config: Settings) -> tuple[int, int]:
    wrapping, blind = (0 if ring.setting(config) else _time_of(_path(config, ring.file)) for ring in (WRAPPING, BLIND))
    return wrapping, blind


def _time_of(path: Path) -> int:
    try:
        return path.stat().st_mtime_ns
    except FileNotFoundError:
        return 0
