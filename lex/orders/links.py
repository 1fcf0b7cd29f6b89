"""Links that open one order without signing in: 256 bits, only the hash kept, expiring, revocable."""

from datetime import timedelta
from typing import LiteralString
from uuid import UUID

from lex.core import clock, ids
from lex.db import sql
from lex.db.session import Session
from lex.identity.commands import hash_token

#: How long a link opens its order.
LINK_TIME = timedelta(days=90)

_ADD: LiteralString = """
INSERT INTO order_tokens (id, order_id, user_id, token_hash, expires_at)
VALUES (%(id)s, %(order_id)s, %(user_id)s, %(hash)s, %(expires_at)s)
"""


async def add_link(session: Session, order_id: UUID, user_id: UUID) -> str:
    """A new token for an order; earlier ones stay good. Told once: put it into the message that goes out."""
    token = ids.new_token()
    await sql.execute(
        session,
        _ADD,
        id=ids.new_id(),
        order_id=order_id,
        user_id=user_id,
        hash=hash_token(token),
        expires_at=clock.now() + LINK_TIME,
    )
    return token
