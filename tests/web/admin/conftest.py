"""Staff at their pages. Tests of a module share a database: each takes addresses of its own."""

from collections.abc import Awaitable, Callable
from typing import Any
from uuid import UUID

import pytest

from lex.core import actor
from lex.db.session import transaction
from lex.identity import passwords
from lex.identity.commands import create_user
from tests.web.account.conftest import (
    PASSWORD,
    ada,
    address,
    browser,
    client,
    db,
    mailbox,
    other_browser,
    shop,
    sign_in,
    web_database,
)
from tests.web.conftest import Client
from tests.web.storefront.conftest import Browser, statements

__all__ = [
    "ada",
    "address",
    "browser",
    "client",
    "db",
    "mailbox",
    "other_browser",
    "shop",
    "statements",
    "web_database",
]

_VERIFY = "UPDATE users SET email_verified_at = now() WHERE id = %s"


@pytest.fixture
def hire(client: Client, db: Any) -> Callable[..., Awaitable[UUID]]:
    """`await hire("admin", "iris@example.org")`: somebody with an account and `PASSWORD`."""

    async def made(role: str, email: str, **names: str) -> UUID:
        kept = await passwords.keep(PASSWORD) if role != "guest" else None
        async with transaction(actor.system()) as session:
            person = await create_user(session, role=role, email=email, password=kept, **names)
        db.execute(_VERIFY, (person.id,))
        return person.id

    return made


async def enter(browser: Browser, email: str) -> None:
    """Sign in, which works."""
    page = await sign_in(browser, email)
    assert page.url.path == "/account", page.text
