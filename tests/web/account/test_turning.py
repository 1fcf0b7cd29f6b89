"""Accounts while the ring of the blind indexes turns: half of the people are found by the older key."""

from pathlib import Path

import pytest

from lex.core.actor import system
from lex.core.settings import settings
from lex.flows.rotate_keys import rotate_keys
from lex.identity import keyring
from lex.identity.keyring import BLIND
from lex.identity.logins import FREE_OF_PAIR
from tests.web.account.conftest import OTHER, PASSWORD, Mailbox
from tests.web.conftest import Client


@pytest.fixture
def web_home(tmp_path: Path) -> Path:
    """With a ring of its own, which no other test sees."""
    return tmp_path


async def post(client: Client, path: str, **data: str) -> int:
    """Call the account's API."""
    return (await client.post(f"/api/v1/account{path}", json=data)).status_code


async def test_everybody_is_known_and_who_waits_waits_on(client: Client, ada: str, mailbox: Mailbox) -> None:
    for _ in range(FREE_OF_PAIR):
        assert await post(client, "/sessions", email="nobody@example.org", password="wrong") == 401
    keyring.add(settings(), BLIND)
    assert await post(client, "/sessions", email="nobody@example.org", password="wrong") == 429
    assert await post(client, "/sessions", email=ada, password=PASSWORD) == 201
    await post(client, "", email=ada, password=PASSWORD)
    assert (await mailbox.subjects(ada))[-1] == "You have an account with this address"
    assert await post(client, "/password/forgotten", email=ada) == 202
    assert await post(client, "/password/reset", token=await mailbox.token(ada, "reset"), password=OTHER) == 204
    client.cookies.clear()
    assert await post(client, "/sessions", email=ada, password=OTHER) == 201

    moved = f"moved-{ada}"
    assert await post(client, "/email", email=moved, password=OTHER) == 202
    assert await post(client, "/email/old", token=await mailbox.token(ada, "email/old")) == 200
    assert await post(client, "/email/new", token=await mailbox.token(moved, "email/new")) == 200
    client.cookies.clear()
    assert await post(client, "/sessions", email=ada, password=OTHER) == 401
    assert await post(client, "/sessions", email=moved, password=OTHER) == 201
    await rotate_keys(system(), ring=BLIND)
    client.cookies.clear()
    assert await post(client, "/sessions", email=moved, password=OTHER) == 201


async def test_an_address_somebody_took_meanwhile_is_not_taken_again(
    client: Client, ada: str, mailbox: Mailbox, address: str
) -> None:
    wanted = f"wanted-{address}"
    assert await post(client, "/sessions", email=ada, password=PASSWORD) == 201
    assert await post(client, "/email", email=wanted, password=PASSWORD) == 202
    old, new = await mailbox.token(ada, "email/old"), await mailbox.token(wanted, "email/new")
    await post(client, "", email=wanted, password=PASSWORD)
    keyring.add(settings(), BLIND)
    assert await post(client, "/email/old", token=old) == 200
    assert await post(client, "/email/new", token=new) == 409
    client.cookies.clear()
    assert await post(client, "/sessions", email=ada, password=PASSWORD) == 201  # by the address she had: nothing moved
