"""Stories are told through the API of a real application over a real database."""

from collections.abc import Iterator, Mapping
from typing import Any, LiteralString

import pytest

from lex.core import actor
from lex.db.lanes import Lanes
from lex.db.session import CountingCursor, transaction
from lex.db.sql import PLANNED
from lex.db.wire import Wire
from lex.identity.commands import create_api_key, create_user
from tests.support.invariants import broken
from tests.support.shop import Shop
from tests.web.conftest import Client, app, client, key, web_home, web_settings

__all__ = ["app", "client", "key", "web_home", "web_settings"]


@pytest.fixture
def web_database(database_url: str) -> str:
    """Each story has a database of its own."""
    return database_url


@pytest.fixture
def shop(client: Client, database_url: str) -> Iterator[Shop]:
    """A shop with tax rates and shipping methods."""
    made = Shop(client, database_url)
    yield made
    made.db.close()


@pytest.fixture(autouse=True)
def checked(database_url: str) -> Iterator[None]:
    """Whatever a story does, it leaves books, stock and mails that agree."""
    yield
    assert broken(database_url) == {}


@pytest.fixture
def customer(client: Client) -> Any:
    """`await customer("ada@example.org")`: headers of a customer's key."""

    async def made(email: str = "ada@example.org") -> dict[str, str]:
        async with transaction(actor.system()) as session:
            person = await create_user(session, role="user", email=email, first_name="Ada")
            secret = await create_api_key(session, person.id, "test")
        return {"Authorization": f"Bearer {secret}"}

    return made


@pytest.fixture
def statements(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Every statement Lex sends to PostgreSQL from here on."""
    sent: list[str] = []
    execute = CountingCursor.execute

    async def recording(self: CountingCursor, query: Any, *args: Any, **kwargs: Any) -> Any:
        sent.append(" ".join(str(query).split()))
        return await execute(self, query, *args, **kwargs)

    soon = Wire.soon

    def soon_recorded(self: Wire, statement: LiteralString, *args: Any, **kwargs: Any) -> Any:
        if statement not in (
            "BEGIN",
            "COMMIT",
            PLANNED,
        ):  # the settings go with it, and how one is planned with that one
            sent.append(" ".join(statement.split()))
        return soon(self, statement, *args, **kwargs)

    find = Lanes.find

    async def finding(self: Lanes, statement: LiteralString, params: Mapping[str, Any]) -> bytes | None:
        sent.append(" ".join(statement.split()))
        return await find(self, statement, params)

    monkeypatch.setattr(CountingCursor, "execute", recording)
    monkeypatch.setattr(Wire, "soon", soon_recorded)
    monkeypatch.setattr(Lanes, "find", finding)
    return sent
