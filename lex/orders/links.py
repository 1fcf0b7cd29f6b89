"""Links that open one order without signing in: 256 bits, only the hash kept, expiring, revocable.

A link that was asked for by number and e-mail is good once and for half an hour: it is exchanged for one that stays
with the browser, so that a mail that is passed on or found later opens nothing.
"""

from datetime import timedelta
from typing import LiteralString
from uuid import UUID

from lex.core import clock, ids
from lex.core.actor import Actor
from lex.core.errors import Gone, NotFound
from lex.db import sql
from lex.db.session import Session
from lex.identity.commands import hash_token

#: How long a link opens its order.
LINK_TIME = timedelta(days=90)

#: How long a link that is good once waits to be used.
ONCE_TIME = timedelta(minutes=30)

#: Whether order `o` is somebody's, or they hold its link; with the parameters of `reader`.
OPENED: LiteralString = """(o.user_id = %(user_id)s OR %(sees_all)s OR EXISTS (
    SELECT FROM order_tokens t WHERE t.order_id = o.id AND t.user_id = o.user_id AND t.token_hash = ANY(%(tokens)s)
        AND t.expires_at > %(now)s AND t.revoked_at IS NULL AND NOT t.is_once))"""

_ADD: LiteralString = """
INSERT INTO order_tokens (id, order_id, user_id, token_hash, is_once, expires_at)
VALUES (%(id)s, %(order_id)s, %(user_id)s, %(hash)s, %(is_once)s, %(expires_at)s)
"""

_USE: LiteralString = """
UPDATE order_tokens SET revoked_at = %(now)s
WHERE token_hash = %(hash)s AND order_id = %(order_id)s AND is_once AND revoked_at IS NULL AND expires_at > %(now)s
RETURNING user_id
"""


def reader(actor: Actor, *, sees_all: bool) -> dict[str, object]:
    """The parameters of `OPENED`."""
    return {"user_id": actor.user_id, "sees_all": sees_all, "tokens": list(actor.tokens), "now": clock.now()}


def order_not_found() -> NotFound:
    """The refusal of an order that is not `OPENED`: a stranger cannot tell whether it exists."""
    return NotFound("There is no such order, or its token is missing or wrong.", code="order_not_found")


async def add_link(session: Session, order_id: UUID, user_id: UUID, *, is_once: bool = False) -> str:
    """A new token for an order; earlier ones stay good. Told once: put it into the message that goes out."""
    token = ids.new_token()
    await sql.execute(
        session,
        _ADD,
        id=ids.new_id(),
        order_id=order_id,
        user_id=user_id,
        hash=hash_token(token),
        is_once=is_once,
        expires_at=clock.now() + (ONCE_TIME if is_once else LINK_TIME),
    )
    return token


async def exchange_link(session: Session, order_id: UUID, token: str) -> str:
    """Use up a link that is good once; returns one that opens the order from now on. Raises `Gone`."""
    user_id: UUID | None = await sql.fetch_value(
        session, _USE, hash=hash_token(token), order_id=order_id, now=clock.now()
    )
    if user_id is None:
        raise Gone("This link was used or has expired; ask for a new one.", code="link_used")
    return await add_link(session, order_id, user_id)
