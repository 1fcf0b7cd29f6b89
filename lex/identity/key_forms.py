"""What an API key looks like: `lex_pat_…` or `lex_key_…`, 256 random bits, and a sum over it all.

By the sum a mistyped key is told apart from a revoked one without asking anybody, and a scanner of repositories finds
real ones alone.
"""

import re
from enum import StrEnum
from zlib import crc32

from lex.core import ids


class Kind(StrEnum):
    """A `personal` token is its owner's; an `application` key is the shop's, for a program of its own."""

    PERSONAL = "personal"
    APPLICATION = "application"


PREFIXES = {Kind.PERSONAL: "lex_pat_", Kind.APPLICATION: "lex_key_"}

#: How much of a key is shown, so that its owner recognises it: six characters of the random part.
_SHOWN = len("lex_pat_") + 6
_LENGTH = len("lex_pat_") + 43 + 8
_FORM = re.compile(r"lex_(?:pat|key)_[A-Za-z0-9_-]{43}[0-9a-f]{8}")


def new_key(kind: Kind) -> str:
    """A new key. Only its hash is stored."""
    body = PREFIXES[kind] + ids.new_token()
    return body + _sum(body)


def shown(key: str) -> str:
    """The beginning that is kept beside the hash."""
    return key[:_SHOWN]


def is_key(text: str) -> bool:
    """Whether a text has the form of a key, its sum included. Nobody is asked whether there is one."""
    return len(text) == _LENGTH and _FORM.fullmatch(text) is not None and text.endswith(_sum(text[:-8]))


def has_key(text: str) -> bool:
    """Whether a key stands anywhere in a text."""
    return any(is_key(found) for found in _FORM.findall(text))


def _sum(body: str) -> str:
    return f"{crc32(body.encode()):08x}"
