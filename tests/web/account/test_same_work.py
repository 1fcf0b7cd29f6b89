"""Whether there is an account, and how it stands, shows neither in an answer nor in the work behind it."""

import re
from collections.abc import Callable
from typing import Any
from uuid import UUID

import bcrypt
import httpx
import pytest

from lex.adapters.cache import Cache
from lex.identity.ciphers import blind_index, normal_email
from lex.identity.logins import FREE_OF_ACCOUNT, Attempt
from tests.web.account.conftest import OTHER, PASSWORD
from tests.web.conftest import Client
from tests.web.storefront.conftest import statements

__all__ = ["statements"]

STANDINGS = ("nobody", "open", "unconfirmed", "closed", "staff", "without a password", "deleted")
_CHANGES = {
    "unconfirmed": "email_verified_at = NULL",
    "closed": "is_active = false",
    "staff": "role = 'moderator'",
    "without a password": "password = NULL",
    "deleted": "deleted_at = now()",
}
_NAMES = re.compile(r"[0-9a-f]{8}-[0-9a-f]{4}-7[0-9a-f]{3}-[0-9a-f]{4}-[0-9a-f]{12}|\b\d+ s\b")
_SETTINGS = re.compile(r"set_config\('lex\.(user_id|request_id|ip_address|actor_key)', +E?'[^']*'")


@pytest.fixture
def work_of(client: Client, statements: list[str], monkeypatch: pytest.MonkeyPatch) -> Callable[..., Any]:
    """`await work_of(call)`: all that one answer could be told from another by, and what it took to make it."""
    done: list[str] = []
    check, hashing, ask = bcrypt.checkpw, bcrypt.hashpw, Cache._ask

    def checkpw(password: bytes, kept: bytes) -> bool:
        done.append(f"checked at {kept[4:6].decode()}")
        return check(password, kept)

    def hashpw(password: bytes, salt: bytes) -> bytes:
        done.append(f"hashed at {salt[4:6].decode()}")
        return hashing(password, salt)

    async def asking(self: Cache, *command: Any) -> Any:
        done.append(str(command[0]))
        return await ask(self, *command)

    monkeypatch.setattr(bcrypt, "checkpw", checkpw)
    monkeypatch.setattr(bcrypt, "hashpw", hashpw)
    monkeypatch.setattr(Cache, "_ask", asking)

    async def seen(answer: Any) -> tuple[Any, ...]:
        statements.clear()
        done.clear()
        told: httpx.Response = await answer
        headers = {name: _NAMES.sub("", value) for name, value in told.headers.items()}
        for counted in ("retry-after", "ratelimit"):
            headers.pop(counted, None)
        body = _NAMES.sub("", told.text)
        sent = [_SETTINGS.sub("", statement) for statement in statements]
        return told.status_code, body, headers, sent, list(done)

    return seen


def standing(db: Any, address: str, name: str) -> None:
    """Have the account of an address stand so."""
    if name in _CHANGES:
        index = blind_index("email", normal_email(address))
        changed = db.execute(f"UPDATE users SET {_CHANGES[name]} WHERE email_blind_index = %s", (index,))
        assert changed.rowcount == 1


def lock(db: Any, address: str) -> None:
    """Have an address wait, whether there is an account or not."""
    subject = Attempt.of(address, "192.0.2.1").account[0]
    db.execute(
        "INSERT INTO sign_in_attempts (subject, failures, failed_at, locked_until)"
        " VALUES (%s, %s, now(), now() + interval '1 hour') ON CONFLICT (subject) DO UPDATE SET"
        " locked_until = excluded.locked_until",
        (subject, FREE_OF_ACCOUNT),
    )


@pytest.fixture
async def known(client: Client, ada: str, db: Any) -> Callable[[str], str]:
    """`known("closed")`: an address of such an account; Ada's own for all but `nobody`."""

    def address(name: str) -> str:
        if name == "nobody":
            return f"nobody-{ada}"
        standing(db, ada, name)
        return ada

    return address


@pytest.fixture(scope="module")
def told() -> dict[str, Any]:
    """What the first standing of each call was told: every other must be told the same."""
    return {}


@pytest.mark.parametrize("name", STANDINGS)
@pytest.mark.parametrize(
    ("path", "more"),
    [
        ("account/sessions", {"password": "not the one"}),
        ("account", {"password": OTHER}),
        ("account/password/forgotten", {}),
    ],
    ids=["sign in", "sign up", "forgot"],
)
async def test_one_answer_for_one_piece_of_work(
    client: Client, known: Any, work_of: Any, told: dict[str, Any], path: str, more: dict[str, str], name: str
) -> None:
    data = {"email": known(name), **more}
    seen = list(await work_of(client.post(f"/api/v1/{path}", json=data)))
    assert seen[0] in (401, 202)
    if path == "account":  # an account is made or its owner is told: as many statements of other kinds
        seen[3] = [len(seen[3]) + (name == "closed")]  # whose owner is not written to
    assert told.setdefault(path, seen) == seen
    if path == "account/sessions":
        assert [deed for deed in seen[4] if "at" in deed] == ["checked at 04"]
    if path == "account":
        assert [deed for deed in seen[4] if "at" in deed] == ["hashed at 04"]


@pytest.mark.parametrize("name", ["nobody", "open", "unconfirmed", "closed"])
async def test_who_has_to_wait_is_told_so_whoever_it_is(
    client: Client, known: Any, work_of: Any, told: dict[str, Any], db: Any, name: str
) -> None:
    address = known(name)
    lock(db, address)
    for password in (PASSWORD, "not the one"):
        data = {"email": address, "password": password}
        elsewhere = {"X-Forwarded-For": "198.51.100.99"}
        seen = await work_of(client.post("/api/v1/account/sessions", json=data, headers=elsewhere))
        assert seen[0] == 429
        assert not [deed for deed in seen[4] if "at" in deed]
        assert told.setdefault("locked", seen) == seen


@pytest.mark.parametrize("name", ["unconfirmed", "closed"])
async def test_the_right_password_of_an_account_that_is_not_open_opens_nothing(
    client: Client, known: Any, work_of: Any, told: dict[str, Any], name: str
) -> None:
    data = {"email": known(name), "password": PASSWORD}
    seen = list(await work_of(client.post("/api/v1/account/sessions", json=data)))
    assert told.setdefault("account/sessions", seen) == seen


@pytest.mark.parametrize("name", ["nobody", "open", "unconfirmed", "closed"])
async def test_a_wanted_address_is_asked_whoever_has_it(
    client: Client, ada: str, known: Any, work_of: Any, told: dict[str, Any], name: str, mailbox: Any
) -> None:
    from_here = f"own-{ada}"
    await client.post("/api/v1/account", json={"email": from_here, "password": PASSWORD})
    data = {"token": await mailbox.token(from_here, "verify"), "password": PASSWORD}
    assert (await client.post("/api/v1/account/verification", json=data)).status_code == 201
    wish = {"email": known(name), "password": PASSWORD}
    seen = list(await work_of(client.post("/api/v1/account/email", json=wish)))
    assert seen[0] == 202
    assert told.setdefault("change", seen) == seen


@pytest.mark.parametrize("page", ["verify", "reset", "unlock", "email/old", "email/new"])
async def test_keys_that_open_nothing_are_told_apart_by_nobody(
    client: Client, ada: str, work_of: Any, mailbox: Any, db: Any, page: str
) -> None:
    await client.post("/api/v1/account/password/forgotten", json={"email": ada})
    foreign = await mailbox.token(ada, "reset")
    old = foreign if page == "reset" else "x" * 43
    db.execute("UPDATE account_tokens SET expires_at = now() - interval '1 hour'")
    paths = {"verify": "verification", "reset": "password/reset"}
    seen = []
    for token in (foreign, old, "x" * 43, "ü" * 43, "'; DROP TABLE users", str(UUID(int=0))):
        data = {"token": token} | ({"password": OTHER} if page in paths else {})
        seen.append(await work_of(client.post(f"/api/v1/account/{paths.get(page, page)}", json=data)))
    assert seen[0][0] == 410
    assert all(one == seen[0] for one in seen)
