"""Passwords: which ones are taken, how they are kept, how they are compared.

bcrypt reads 72 bytes, so a password goes in as the Base64 of its SHA-256: long ones and ones of any script count whole.
Hashing takes a fifth of a second on purpose. It runs in threads of its own, few of them, with a short queue: a flood of
sign-ins waits for itself and is refused, and the shop goes on.
"""

import asyncio
import base64
import hashlib
import os
import unicodedata
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Any, TypeVar

import bcrypt
from zxcvbn import zxcvbn  # type: ignore[import-untyped]

from lex.core.errors import Invalid, Unavailable
from lex.core.settings import settings

T = TypeVar("T")

LEAST, MOST = 8, 1000
#: Guesses an attacker who has the hash would need: 3 of zxcvbn's 0 to 4 is a hundred million.
_STRENGTH = 3
#: zxcvbn's own limit: what follows only makes a password better.
_RATED = 72
#: zxcvbn tries every reading of such letters together: with all of them in one password that takes seconds.
_LIKE_LETTERS, _MOST_LIKE_LETTERS = frozenset("!$%(+0123456789<@[{|"), 6
_THREADS = max(1, (os.cpu_count() or 2) // 2)
_MOST_WAITING = 20
#: A salt and a hash that no password has.
_NOBODYS = "abcdefghijklmnopqrstuuABCDEFGHIJKLMNOPQRSTUVWXYZabcde"


class _Desk:
    """What one process has of threads that hash."""

    threads = ThreadPoolExecutor(_THREADS, thread_name_prefix="password")
    waiting = 0


def check_size(password: str, field: str = "password") -> None:
    """Before anything is done with it. Raises `Invalid` for none, and for one that is longer than `MOST`."""
    if not password.strip():
        raise Invalid(field, "Enter the password.", code="missing")
    if len(password) > MOST:
        raise Invalid(field, f"A password has at most {MOST} characters.", code="length")


async def keep(password: str, *, field: str = "password", known: Sequence[str | None] = ()) -> str:
    """The hash of a new password. `known` are words an attacker knows of the person: name, e-mail.

    Raises `Invalid` for one that is short, common, was in a breach or is easy to guess, `Unavailable` in a flood.
    """
    check_size(password, field)
    if len(_normal(password)) < LEAST:
        raise Invalid(field, f"A password has at least {LEAST} characters; a few words do well.", code="length")
    words = [part for text in (*known, settings().shop_name) if text for part in (text, *text.split("@"))]
    return await _off_loop(_keep, password, field, words, settings().password_cost)


def _keep(password: str, field: str, words: list[str], cost: int) -> str:
    rated = zxcvbn(_ratable(_normal(password)[:_RATED]), user_inputs=words)
    if rated["score"] < _STRENGTH:
        why = rated["feedback"]["warning"].rstrip(".") or "This password is easy to guess"
        raise Invalid(field, f"{why}. Take three or four words that do not belong together.", code="weak")
    return _hashed(password, cost)


def _ratable(password: str) -> str:
    """The password with few enough letters of many readings; one sign in place of the others rates it no better."""
    read = list(dict.fromkeys(letter for letter in password if letter in _LIKE_LETTERS))
    return password.translate(dict.fromkeys(map(ord, read[_MOST_LIKE_LETTERS:]), "~"))


async def rehash(password: str, kept: str) -> str | None:
    """The hash at the present cost, when the kept one is of another; for a password that was just proven."""
    cost = settings().password_cost
    return None if _cost_of(kept) == cost else await _off_loop(_hashed, password, cost)


async def fits(password: str, kept: str | None) -> bool:
    """Whether the password is the one that was kept. Nobody's (None) takes as long, and fits never.

    Raises `Unavailable` in a flood.
    """
    against = kept or f"$2b${settings().password_cost:02}${_NOBODYS}"
    return await _off_loop(_fits, password, against) and kept is not None


def _fits(password: str, kept: str) -> bool:
    return bcrypt.checkpw(_fixed(password), kept.encode())


def _hashed(password: str, cost: int) -> str:
    return bcrypt.hashpw(_fixed(password), bcrypt.gensalt(cost)).decode()


def _cost_of(kept: str) -> int:
    return int(kept[4:6])


def _normal(password: str) -> str:
    """One form for one password, however a keyboard spells its accents; spaces around it do not count."""
    return unicodedata.normalize("NFKC", password).strip()


def _fixed(password: str) -> bytes:
    return base64.b64encode(hashlib.sha256(_normal(password).encode("utf-8", "surrogatepass")).digest())


async def _off_loop(work: Callable[..., T], *values: Any) -> T:
    if _Desk.waiting >= _MOST_WAITING:
        raise Unavailable("Too many people sign in at this moment; try again in a few seconds.", code="overloaded")
    _Desk.waiting += 1
    try:
        return await asyncio.get_running_loop().run_in_executor(_Desk.threads, work, *values)
    finally:
        _Desk.waiting -= 1
