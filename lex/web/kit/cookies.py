"""Cookies of the pages: `__Host-` and Secure under TLS, a plain name otherwise; HttpOnly and SameSite=Lax always.

A signed value is the shop's own word: one that was changed or made up is no cookie at all.
"""

import base64
import hashlib
import hmac
from functools import lru_cache
from typing import Any

from litestar.datastructures import Cookie

from lex.core.settings import settings
from lex.identity.keyring import key_ring, tried_blind_keys

#: Longer than any value Lex signs.
_LONGEST = 500


def is_secure() -> bool:
    """Whether customers reach the shop over TLS."""
    return settings().public_url.startswith("https://")


def named(name: str, *, path: str = "/") -> str:
    """A cookie's name. The prefix keeps neighbouring hosts from setting it; `__Host-` wants the path `/`."""
    if not is_secure():
        return f"lex_{name}"
    return f"__Host-lex_{name}" if path == "/" else f"__Secure-lex_{name}"


def cookie(name: str, value: str, *, seconds: int | None, path: str = "/") -> Cookie:
    """A cookie kept for `seconds`, or until the browser is closed; 0 deletes it."""
    return Cookie(
        key=named(name, path=path),
        value=value,
        path=path,
        max_age=seconds,
        secure=is_secure(),
        httponly=True,
        samesite="lax",
    )


def session_cookie(name: str, value: str) -> str:
    """The Set-Cookie of a `cookie` that lasts until the browser is closed; `value` holds only cookie characters."""
    return _session_cookie(named(name), is_secure()).replace("VALUE", value, 1)


@lru_cache(maxsize=16)
def _session_cookie(key: str, secure: bool) -> str:
    """Making one costs as much as a quarter of a page."""
    return Cookie(key=key, value="VALUE", secure=secure, httponly=True, samesite="lax").to_header(header="")


def given(scope: Any, name: str, *, path: str = "/") -> str:
    """The value a browser sent, or nothing; whatever a neighbour's cookies beside it look like."""
    wanted = named(name, path=path)
    for header, value in scope["headers"]:
        for pair in value.decode("latin-1").split(";") if header == b"cookie" else ():
            key, _, text = pair.strip().partition("=")
            if key == wanted and len(text) <= _LONGEST:
                return str(text.strip('"'))
    return ""


def sign(name: str, text: str) -> str:
    """`text` with the shop's signature for this cookie; `text` holds no dot at its end and only cookie characters."""
    return f"{text}.{_signature(name, text, key_ring().blind)}"


def signed_text(name: str, value: str) -> str | None:
    """What was signed, or None when the signature is missing or wrong."""
    text, _, signature = value.rpartition(".")
    expected = (_signature(name, text, key) for key in tried_blind_keys())
    return text if text and any(hmac.compare_digest(signature.encode(), one.encode()) for one in expected) else None


@lru_cache(maxsize=4)
def _key(secret: bytes) -> bytes:
    return hmac.digest(secret, b"cookies", hashlib.sha256)


def _signature(name: str, text: str, secret: bytes) -> str:
    digest = hmac.digest(_key(secret), f"{name}:{text}".encode(), hashlib.sha256)
    return base64.urlsafe_b64encode(digest).rstrip(b"=").decode()
