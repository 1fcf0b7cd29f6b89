"""The ring turns: a new key, every person's key wrapped anew, the old key dropped; whatever breaks off goes on."""

import asyncio
import shutil
import sys
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from pathlib import Path

import psycopg
import pytest

from lex.core.actor import Actor, Role, system
from lex.core.errors import Conflict, Forbidden, Invalid, NotFound, Unavailable
from lex.core.settings import Settings, settings
from lex.db.session import connect, disconnect, transaction
from lex.flows import rotate_keys as rotating
from lex.flows.rotate_keys import rotate_keys
from lex.identity import keyring
from lex.identity.commands import create_user
from lex.identity.people import find_people
from lex.identity.queries import count_keys
from tests.support.typed import typed

PERSONS = 25


@pytest.fixture
def checked() -> None:
    """No story is told here."""


@pytest.fixture
async def home(tmp_path: Path, database_url: str, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Path]:
    """A ring of its own in a file, and people whose keys it wraps."""
    monkeypatch.setenv("LEX_HOME", str(tmp_path))
    monkeypatch.setenv("DATABASE_URL", database_url)
    settings.cache_clear()
    await connect(database_url)
    async with transaction(system()) as session:
        for number in range(PERSONS):
            await create_user(session, role="user", email=f"ada{number}@example.org", first_name=f"Ada{number}")
    yield tmp_path
    await disconnect()
    settings.cache_clear()


async def counted() -> dict[str, int]:
    async with transaction(system()) as session:
        return await count_keys(session)


async def names() -> set[str]:
    async with transaction(system()) as session:
        return {one.name for one in await find_people(session, "example.org", limit=PERSONS + 10)}


async def kill_in_the_middle(
    database_url: str, counted: Callable[[], Awaitable[dict[str, int]]], *options: str
) -> None:
    """Begin to rotate, in batches of five, and end the process by force when ten are done."""
    with psycopg.connect(database_url) as other:
        # Somebody holds a person of the third batch: there it stands still, and there it dies.
        held = (
            "SELECT 1 FROM person_keys WHERE user_id = (SELECT user_id FROM person_keys ORDER BY 1 OFFSET 12 LIMIT 1)"
        )
        other.execute(f"{held} FOR UPDATE".encode())
        code = (
            "from lex.flows import rotate_keys as r; r.BATCH = 5; from lex.cli.main import app; "
            f"app({['keys', 'rotate', *options]})"
        )
        process = await asyncio.create_subprocess_exec(sys.executable, "-c", code)
        until = time.monotonic() + 60
        while (await counted()).get("k2", 0) < 10:
            assert time.monotonic() < until
            assert process.returncode is None
            await asyncio.sleep(0.05)
        process.kill()
        await process.wait()


async def test_the_ring_turns_while_the_shop_goes_on(home: Path) -> None:
    everyone = await names()
    assert "may go" not in (await typed("keys", "list")).stdout
    added = await typed("keys", "add")
    assert (added.exit_code, "Added k2" in added.stdout) == (0, True), added.stderr
    assert (home / "secrets" / "key-ring").stat().st_mode & 0o777 == 0o600
    async with transaction(system()) as session:  # this process read the ring before
        await create_user(session, role="user", email="new@example.org", first_name="New")
    assert await counted() == {"k1": PERSONS, "k2": 1}
    assert f"k1 still wraps {PERSONS} persons' keys" in (await typed("keys", "list")).stdout
    refused = await typed("keys", "drop", "k1")
    assert (refused.exit_code, "are wrapped under k1" in refused.stderr) == (2, True)

    rotated = await typed("keys", "rotate")
    assert f"{PERSONS} persons' keys are wrapped anew." in rotated.stdout, rotated.stderr
    assert "k1 may go: lex keys drop k1" in rotated.stdout
    assert await counted() == {"k2": PERSONS + 1}
    assert "Nothing to do" in (await typed("keys", "rotate")).stdout
    assert "Dropped k1" in (await typed("keys", "drop", "k1")).stdout
    assert list(keyring.read_anew().keys) == ["k2"]
    assert await names() == everyone | {"New"}
    assert "newest key" in (await typed("keys", "drop", "k2")).stderr
    assert "no key k7" in (await typed("keys", "drop", "k7")).stderr


async def test_a_rotation_killed_in_the_middle_goes_on(
    home: Path, database_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    everyone = await names()
    keyring.add(settings())
    await kill_in_the_middle(database_url, counted)
    assert await counted() == {"k1": PERSONS - 10, "k2": 10}
    assert await names() == everyone
    monkeypatch.setattr(rotating, "BATCH", 4)
    heard: list[tuple[int, int]] = []
    turned = await rotate_keys(system(), lambda done, of: heard.append((done, of)))
    assert (len(turned.done), turned.bad) == (PERSONS - 10, [])
    assert heard == [(4, 15), (8, 15), (12, 15), (15, 15)]
    assert await counted() == {"k2": PERSONS}
    assert await names() == everyone


async def test_the_ring_is_that_of_the_settings(home: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    before = keyring.key_ring()
    monkeypatch.setenv("LEX_HOME", str(tmp_path / "other"))
    settings.cache_clear()
    assert keyring.key_ring().blind != before.blind
    monkeypatch.setenv("LEX_HOME", str(home))
    settings.cache_clear()
    assert keyring.key_ring() == before


async def test_a_key_that_is_missing_is_named_and_nothing_is_lost(home: Path) -> None:
    ring = home / "secrets" / "key-ring"
    shutil.copy(ring, home / "backup")
    ring.write_text("k9:" + ring.read_text().partition(":")[2])
    keyring.read_anew()
    with pytest.raises(Unavailable, match=r"no key k1.*secrets/key-ring"):
        await names()
    with pytest.raises(Unavailable, match="no key k1"):
        await rotate_keys(system())
    assert "missing" in (await typed("keys", "list")).stdout
    shutil.copy(home / "backup", ring)
    assert len(await names()) == PERSONS


async def test_only_the_system_turns_the_ring(home: Path) -> None:
    with pytest.raises(Forbidden):
        await rotate_keys(Actor(Role.ADMIN, "x"))


def test_a_ring_in_a_setting_is_changed_there(tmp_path: Path) -> None:
    entry = "k3:" + "A" * 43 + "="
    config = Settings(home=str(tmp_path), key_ring=entry)
    with pytest.raises(Conflict, match=r"Add k4:\S{44} to its end"):
        keyring.add(config)
    with pytest.raises(Conflict, match="newest"):
        keyring.drop(config, "k3", 0)
    with pytest.raises(Conflict, match="take k1 out of it there"):
        keyring.drop(Settings(home=str(tmp_path), key_ring=f"{entry},k1:" + "A" * 43 + "="), "k1", 0)
    with pytest.raises(NotFound, match="it has k3"):
        keyring.drop(config, "k1", 0)
    with pytest.raises(Invalid):
        keyring.add(Settings(home=str(tmp_path), key_ring="k1:short"))
