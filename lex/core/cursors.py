"""Opaque cursors of keyset paging: base64url of a JSON array, the sort first, then the key of the last row shown.

PostgreSQL writes them (`SQL`), so that a finished document needs no second look; this reads them back.
"""

import base64
import binascii
import re
from collections.abc import Sequence
from datetime import datetime
from decimal import Decimal
from typing import Any, LiteralString
from uuid import UUID

import msgspec

from lex.core import codec
from lex.core.errors import Invalid

_SHAPE = re.compile(r"[A-Za-z0-9_-]{1,2000}")
_WORDS = "This cursor was not made here, or for another sort; start again without it."

#: Turns the JSON array {0} into a cursor.
SQL: LiteralString = r"translate(encode(convert_to(({0})::text, 'UTF8'), 'base64'), E'+/=\n', '-_')"


def decode(cursor: str, sort: str, kinds: Sequence[type]) -> list[Any]:
    """The key a cursor carries for `sort`, each part as its kind. Raises `Invalid` naming `cursor`."""
    if not _SHAPE.fullmatch(cursor):
        raise Invalid("cursor", _WORDS)
    try:
        parts = codec.decode(base64.urlsafe_b64decode(cursor + "=" * (-len(cursor) % 4)))
    except (binascii.Error, msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        raise Invalid("cursor", _WORDS) from None
    if not isinstance(parts, list) or len(parts) != len(kinds) + 1 or parts[0] != sort:
        raise Invalid("cursor", _WORDS)
    return [_read(part, kind) for part, kind in zip(parts[1:], kinds, strict=True)]


def _read(part: Any, kind: type) -> Any:
    try:
        value: Any = msgspec.convert(part, kind)
    except msgspec.ValidationError:
        raise Invalid("cursor", _WORDS) from None
    if (isinstance(value, str) and "\0" in value) or (isinstance(value, Decimal) and not value.is_finite()):
        raise Invalid("cursor", _WORDS)
    if isinstance(value, int) and not isinstance(value, bool) and abs(value) > 2**31 - 1:
        raise Invalid("cursor", _WORDS)
    return value


def encode(sort: str, *key: str | int | bool | Decimal | UUID | datetime) -> str:
    """What `SQL` writes, for a key known in Python."""
    return base64.urlsafe_b64encode(codec.encode([sort, *key])).rstrip(b"=").decode()
