"""Keyset paging: an opaque cursor says after which row the next page starts.

A cursor is what the statement sorts by, as base64url JSON. It grants nothing: its values are only compared with, so it
needs no signature, but its form is checked.
"""

import base64
import binascii
from typing import Annotated, Any, TypeVar

import msgspec
from litestar.params import QueryParameter

from lex.core import codec
from lex.core.errors import Invalid

T = TypeVar("T")

Cursor = Annotated[
    str | None,
    QueryParameter(
        required=False,
        description="`next_cursor` of the page before; leave it out for the first page.",
        max_length=1000,
    ),
]
Limit = Annotated[int, QueryParameter(ge=1, le=100, description="Entries on one page.")]


def encode_cursor(values: Any) -> str:
    """The place after a row: a struct, tuple or dict of what the statement sorts by."""
    return base64.urlsafe_b64encode(codec.encode(values)).rstrip(b"=").decode()


def decode_cursor(cursor: str, kind: type[T]) -> T:
    """What `encode_cursor` was given, as `kind` (such as `tuple[int, UUID]`). Raises `Invalid` naming `cursor`."""
    try:
        raw = base64.b64decode(cursor.encode("ascii") + b"=" * (-len(cursor) % 4), altchars=b"-_", validate=True)
        if b"\\u0000" in raw:
            raise ValueError("NUL")
        return msgspec.json.decode(raw, type=kind)
    except (binascii.Error, ValueError, RecursionError) as error:
        raise Invalid("cursor", "This is not a cursor of this list; start again without one.", code="cursor") from error


def page_of(items: list[Any], limit: int, key: Any) -> tuple[list[Any], str | None]:
    """Cut a list read with `limit + 1` to one page; the cursor of the next, or None on the last.

    `key(row)` gives what the statement sorts by.
    """
    if len(items) <= limit:
        return items, None
    return items[:limit], encode_cursor(key(items[limit - 1]))
