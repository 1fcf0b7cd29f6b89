"""The ring of the blind indexes turns: people are found all the while, an e-mail stays one account's, and what breaks
off goes on."""

import asyncio
import sys
from typing import Any
from uuid import UUID

import psycopg
import pytest

from lex.core.actor import system
from lex.core.errors import Conflict
from lex.core.settings import settings
from lex.db import sql
from lex.db.session import transact, transaction
from lex.flows import rotate_keys as rotating
from lex.flows.adopt_orders import adopt_orders
from lex.flows.rotate_keys import rotate_keys
from lex.identity import keyring
from lex.identity.ciphers import open_kept, seal_kept
from lex.identity.commands import create_user
from lex.identity.keyring import BLIND
from lex.identity.people import find_people
from lex.identity.queries import count_keys
from lex.web.kit.cookies import sign, signed_text
from tests.identity.test_keys import PERSONS, checked, home, kill_in_the_middle
from tests.support.typed import typed

__all__ = ["checked", "home"]
pytestmark = pytest.mark.usefixtures("home")

_CORRUPT = "UPDATE person_keys SET wrapped_key = decode(repeat('00', 60), 'hex'), key_id = 'k1' WHERE user_id = %(id)s"


async def counted() -> dict[str, int]:
    return await transact(system(), lambda session: count_keys(session, BLIND))


async def found(who: str) -> int:
    return len(await transact(system(), lambda session: find_people(session, who, limit=PERSONS + 10)))


async def run(statement: Any, **params: Any) -> int:
    return await transact(system(), lambda session: sql.execute(session, statement, **params))


async def seen() -> list[int]:
    """By e-mail, by mail domain, by two words at once, by a word that nobody has."""
    return [await found(who) for who in ("Ada7@example.org", "example.org", "ada7 example.org", "nobody")]


async def made(email: str, role: str = "user", **given: Any) -> UUID:
    return (
        await transact(system(), lambda session: create_user(session, role=role, email=email, **given))  # type: ignore[misc]
    ).id


async def test_people_are_found_all_the_while() -> None:
    here = [1, PERSONS, 1, 0]
    assert await seen() == here
    added = await typed("keys", "add", "--blind")
    assert "Added k2; new persons are found by it." in added.stdout, added.stderr
    assert await seen() == here
    await made("late@example.com", first_name="Late")
    assert await counted() == {"k1": PERSONS, "k2": 1}
    refused = await typed("keys", "drop", "k1", "--blind")
    assert (refused.exit_code, f"{PERSONS} persons are found by k1" in refused.stderr) == (2, True)
    rotated = await typed("keys", "rotate", "--blind")
    assert (rotated.exit_code, f"{PERSONS} persons are found by the newest key." in rotated.stdout) == (0, True)
    assert await counted() == {"k2": PERSONS + 1}
    assert await seen() == here
    assert "Dropped k1" in (await typed("keys", "drop", "k1", "--blind")).stdout
    keyring.read_anew()
    assert await seen() == here
    assert await found("late") == 1
    assert "Nothing to do" in (await typed("keys", "rotate", "--blind")).stdout


async def test_a_rotation_that_broke_off_goes_on_and_both_halves_are_found(monkeypatch: pytest.MonkeyPatch) -> None:
    keyring.add(settings(), BLIND)
    monkeypatch.setattr(rotating, "BATCH", 10)

    class Stopped(Exception):
        pass

    def stop(_done: int, _all: int) -> None:
        raise Stopped

    with pytest.raises(Stopped):
        await rotate_keys(system(), stop, ring=BLIND)
    assert await counted() == {"k1": PERSONS - 10, "k2": 10}
    assert await seen() == [1, PERSONS, 1, 0]
    heard: list[tuple[int, int]] = []
    turned = await rotate_keys(system(), lambda done, of: heard.append((done, of)), ring=BLIND)
    assert (len(turned.done), heard[0]) == (PERSONS - 10, (10, PERSONS - 10))
    assert await seen() == [1, PERSONS, 1, 0]


async def test_a_rotation_killed_in_the_middle_goes_on(database_url: str) -> None:
    keyring.add(settings(), BLIND)
    await kill_in_the_middle(database_url, counted, "--blind")
    assert await counted() == {"k1": PERSONS - 10, "k2": 10}
    assert await seen() == [1, PERSONS, 1, 0]
    turned = await rotate_keys(system(), ring=BLIND)
    assert (len(turned.done), turned.bad) == (PERSONS - 10, [])
    assert await counted() == {"k2": PERSONS}
    assert await seen() == [1, PERSONS, 1, 0]


@pytest.mark.parametrize("is_half_way", [False, True])
async def test_an_email_stays_one_accounts(is_half_way: bool) -> None:
    keyring.add(settings(), BLIND)
    if is_half_way:
        await rotate_keys(system(), ring=BLIND)
    with pytest.raises(Conflict, match="An account with this e-mail exists"):
        await made("ADA3@example.org")
    assert await made("ada3@example.org", role="guest")
    assert await made("somebody@example.org")


async def test_guests_of_an_older_key_are_known_at_adoption() -> None:
    guest = await made("both@example.org", role="guest", first_name="Parcel")
    keyring.add(settings(), BLIND)
    person = await made("both@example.org")
    await run("UPDATE users SET email_verified_at = now() WHERE id = %(id)s", id=person)
    assert await adopt_orders(person) == 0
    indexes = "SELECT count(DISTINCT email_blind_index) FROM users WHERE id IN (%(guest)s, %(person)s)"
    assert await transact(system(), lambda session: sql.fetch_value(session, indexes, guest=guest, person=person)) == 1


async def test_signatures_and_kept_answers_are_good_until_the_key_goes() -> None:
    cookie, row = sign("cart", "abc"), UUID(int=1)
    kept = seal_kept(row, b"answer")
    keyring.add(settings(), BLIND)
    keyring.fresh()
    assert (signed_text("cart", cookie), open_kept(row, kept)) == ("abc", b"answer")
    assert signed_text("cart", sign("cart", "abc")) == "abc"
    assert signed_text("cart", cookie[:-2] + "xx") is None
    assert open_kept(row, seal_kept(row, b"new")) == b"new"


@pytest.mark.parametrize("ring", ["", "--blind"])
async def test_who_does_not_open_is_named_and_the_others_are_done(ring: str, database_url: str) -> None:
    bad = (await transact(system(), lambda session: find_people(session, "ada3@example.org")))[0].id
    await corrupt(database_url, bad)
    options = [ring] if ring else []
    assert (await typed("keys", "add", *options)).exit_code == 0
    for _ in range(2):
        rotated = await typed("keys", "rotate", *options)
        assert rotated.exit_code == 1
        assert str(bad) in rotated.stdout
    async with transaction(system()) as session:
        assert await count_keys(session, keyring.BLIND if ring else keyring.WRAPPING) == {"k1": 1, "k2": PERSONS - 1}
    checked_all = await typed("keys", "verify")
    assert (checked_all.exit_code, f"{PERSONS - 1} persons' keys open." in checked_all.stdout) == (1, True)
    assert str(bad) in checked_all.stdout


async def corrupt(database_url: str, user_id: UUID) -> None:
    """A key that no key of the ring opens, as a bad disk or a wrong restore leaves it."""
    async with await psycopg.AsyncConnection.connect(database_url, autocommit=True) as administering:
        await administering.execute("ALTER TABLE person_keys DISABLE TRIGGER tr_person_keys_guard")
        await administering.execute(_CORRUPT, {"id": user_id})
        await administering.execute("ALTER TABLE person_keys ENABLE ALWAYS TRIGGER tr_person_keys_guard")


async def test_what_another_process_made_under_a_newer_key_is_known() -> None:
    row = UUID(int=1)
    sign("cart", "before")  # this process has read its ring
    keyring.add(settings(), BLIND)
    program = (
        "from uuid import UUID; from lex.web.kit.cookies import sign; from lex.identity.ciphers import seal_kept\n"
        "print(sign('cart', 'abc'), seal_kept(UUID(int=1), b'answer').hex())"
    )
    other = await asyncio.create_subprocess_exec(sys.executable, "-c", program, stdout=asyncio.subprocess.PIPE)
    cookie, kept = (await other.communicate())[0].decode().split()
    assert signed_text("cart", cookie) == "abc"
    assert open_kept(row, bytes.fromhex(kept)) == b"answer"
