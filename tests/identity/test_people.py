"""People are found by what staff know of them, however they spell it, and nothing else finds them."""

from collections.abc import AsyncIterator
from pathlib import Path
from uuid import UUID

import pytest

from lex.core import ids
from lex.core.actor import system
from lex.core.errors import Invalid
from lex.core.settings import settings
from lex.db.session import CountingCursor, connect, disconnect, transaction
from lex.identity.commands import checked_email, create_user
from lex.identity.people import find_people
from tests.support.rows import START, Rows

PEOPLE = {
    "ada": {"email": "Ada.Lovelace@Analytical.example", "first_name": "Ada", "last_name": "Möller-King"},
    "guest": {"email": "ada.lovelace@analytical.example", "phone": "0421/123456", "role": "guest"},
    "eve": {"email": "eve+shop@example.org", "first_name": "Ève", "last_name": "O'Hara", "phone": "+49 30 9876543"},
    "li": {"email": "li@例え.jp", "first_name": "李", "phone": "0081 3 1234 5678"},
}
LOOKS = {
    "ada guest": ("ada.lovelace@analytical.example", "ADA.LOVELACE@ANALYTICAL.EXAMPLE ", "@analytical.example"),
    "ada": ("Ada möller", "KING", "möller-king", "  Möller  "),
    "guest": ("0421 123456", "+49 421 123456", "0049421123456", "(0421) 123-456", "+49 (0)421 123456"),
    "eve": ("ève", "o'hara", "eve+shop@example.org", "+49309876543", "030 / 98 76 543", "0049 30 9876543", "shop"),
    "li": ("李", "li@例え.jp", "@例え.jp", "+81 3 12345678", "03-1234-5678"),
    "": ("love", "ada eve", "eve@example.org", "example.com", "12345", "ad", "ａｄａm", "a@b.example"),
}


@pytest.fixture
async def known(database_url: str, web_home: Path, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[dict[UUID, str]]:
    """Everybody by id."""
    monkeypatch.setenv("LEX_HOME", str(web_home))
    settings.cache_clear()
    await connect(database_url)
    async with transaction(system()) as session:
        made = {}
        for name, one in PEOPLE.items():
            told = {"role": "user", **one, "email": checked_email(one["email"])}
            made[(await create_user(session, **told)).id] = name
    with Rows(database_url) as rows:
        rows.add("users", role="user", deleted_at=START)
        rows.add("person_keys")
    yield made
    await disconnect()
    settings.cache_clear()


async def test_everybody_is_found_as_people_type_it(known: dict[UUID, str]) -> None:
    async with transaction(system()) as session:
        for names, looks in LOOKS.items():
            for look in looks:
                sent = CountingCursor.sent
                found = await find_people(session, look)
                assert {known[one.id] for one in found} == set(names.split()), look
                assert CountingCursor.sent - sent == 1
        for nothing in ("", " ", "!?", "%"):
            with pytest.raises(Invalid, match="whole words"):
                await find_people(session, nothing)


async def test_by_id_and_in_pages(known: dict[UUID, str]) -> None:
    async with transaction(system()) as session:
        ada = next(user_id for user_id, name in known.items() if name == "ada")
        [one] = await find_people(session, f" {ada} ")
        assert (one.name, one.email, one.role) == ("Ada Möller-King", "Ada.Lovelace@analytical.example", "user")
        assert await find_people(session, str(ids.new_id())) == []
        newest = await find_people(session, "@analytical.example", limit=1)
        assert [known[one.id] for one in newest] == ["guest"]
