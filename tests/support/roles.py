"""A plain connection as one of the database's login roles: what raw SQL can do there."""

from collections.abc import Iterable
from typing import Any
from uuid import UUID

import psycopg
from psycopg.rows import TupleRow

from lex.db.roles import url_of

_OPEN = """
SELECT set_config('lex.tokens', %s::bytea[]::text, false), set_config('lex.carts', carts::text, false),
       set_config('lex.orders', orders::text, false), set_config('lex.owners', owners::text, false)
FROM opened_by(%s, now())
"""
_CLOSE = "SELECT set_config('lex.' || name, '', false) FROM unnest('{tokens,carts,orders,owners}'::text[]) name"


def connect_as(
    role: str, database: str, user_id: UUID | str | None = None, tokens: Iterable[bytes] = ()
) -> psycopg.Connection[TupleRow]:
    """Logged in as `role` in the database at `database` (an administering address), in autocommit.

    It stays somebody for good, which Lex itself never does: `user_id` and `tokens` (hashes of cart and order tokens)
    are settings of the session, so that each statement can be tried by itself.
    """
    connection = psycopg.connect(url_of(role, database), autocommit=True, application_name="test")
    act(connection, user_id, tokens)
    return connection


def act(connection: psycopg.Connection[Any], user_id: UUID | str | None = None, tokens: Iterable[bytes] = ()) -> None:
    """From now on the connection is this person's, with these tokens and what they open, and no idempotency keys."""
    connection.execute(
        "SELECT set_config('lex.user_id', %s, false), set_config('lex.actor_key', '', false)", (str(user_id or ""),)
    )
    held = list(tokens)
    if held:
        connection.execute(_OPEN, (held, held))
    else:
        connection.execute(_CLOSE)
