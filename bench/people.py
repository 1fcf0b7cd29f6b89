"""The benchmark's customers: accounts with a confirmed address and one password."""

import asyncio

from lex.core.actor import Role, system
from lex.db import sql
from lex.db.session import connect, disconnect, transaction
from lex.identity import passwords
from lex.identity.commands import create_user

#: Each signs in a few times only: an account keeps no more than a number of sessions.
NUMBER = 2000
PASSWORD = "lantern otter quartz"


def address_of(number: int) -> str:
    """The e-mail of a customer."""
    return f"buyer-{number}@example.org"


def load(database_url: str) -> None:
    """Make them."""
    asyncio.run(_load(database_url))


async def _load(database_url: str) -> None:
    await connect(database_url)
    kept = await passwords.keep(PASSWORD)
    async with transaction(system()) as session:
        for number in range(NUMBER):
            await create_user(session, role=Role.USER, email=address_of(number), password=kept)
        await sql.execute(session, "UPDATE users SET email_verified_at = now() WHERE role = 'user'")
    await disconnect()
