"""What is to be answered within minutes: the secret of an app until it is confirmed, challenges of passkeys.

They lie in the Redis of the sessions; the secret is sealed. A challenge is good once.
"""

import secrets
from uuid import UUID

from lex.adapters.cache import Trouble
from lex.identity import codes
from lex.identity.ciphers import open_kept, seal_kept
from lex.identity.commands import hash_token
from lex.identity.sessions import store, trouble

_SECRET_LASTS, _CHALLENGE_LASTS = 900.0, 300.0


async def offer_secret(session_id: UUID) -> str:
    """The secret that this browser's session is to put into an app; the same while it lasts. Raises `Unavailable`."""
    secret = await find_secret(session_id)
    if secret is None:
        await store().add(_of(session_id), seal_kept(session_id, codes.new_secret().encode()), _SECRET_LASTS)
        secret = await find_secret(session_id)
    if secret is None:
        raise trouble()
    return secret


async def find_secret(session_id: UUID) -> str | None:
    """The secret it was offered, if that was not too long ago. Raises `Unavailable`."""
    sealed = await store().get(_of(session_id))
    if isinstance(sealed, Trouble):
        raise trouble()
    return open_kept(session_id, sealed).decode() if sealed else None


async def drop_secret(session_id: UUID) -> None:
    """It was confirmed."""
    await store().delete(_of(session_id))


async def new_challenge(purpose: str) -> bytes:
    """What a passkey is to sign, for one purpose. Raises `Unavailable`."""
    challenge = secrets.token_bytes(32)
    if not await store().set(_challenge(purpose, challenge), b"1", _CHALLENGE_LASTS):
        raise trouble()
    return challenge


async def take_challenge(purpose: str, challenge: bytes) -> bool:
    """Whether it was asked for this purpose, lately, and was not answered before. Raises `Unavailable`."""
    taken = await store().take(_challenge(purpose, challenge))
    if isinstance(taken, Trouble):
        raise trouble()
    return taken is not None


def _of(session_id: UUID) -> str:
    return f"app-secret:{session_id}"


def _challenge(purpose: str, challenge: bytes) -> str:
    return f"challenge:{purpose}:{hash_token(challenge.hex()).hex()}"
