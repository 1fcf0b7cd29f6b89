"""Codes of an app: which steps count, and that none counts twice."""

import time
from typing import Any

import pytest

from lex.core import clock
from lex.core.actor import Role, system
from lex.core.errors import Invalid
from lex.db.session import transact
from lex.identity import codes
from lex.identity.commands import create_user
from tests.web.conftest import Client

#: RFC 6238, appendix B, for SHA-1: the secret, and what is shown at these seconds (its last six digits).
RFC_SECRET = "GEZDGNBVGY3TQOJQGEZDGNBVGY3TQOJQ"
RFC = {59: "287082", 1111111109: "081804", 1111111111: "050471", 1234567890: "005924", 2000000000: "279037"}


@pytest.fixture
def at(monkeypatch: pytest.MonkeyPatch) -> Any:
    """`at(59)`: the wall clock says so from here on."""

    def at(second: float) -> None:
        moment = clock.datetime.fromtimestamp(second, clock.UTC)
        monkeypatch.setattr(codes.clock, "real_now", lambda: moment)

    return at


@pytest.mark.parametrize(("second", "code"), RFC.items())
def test_codes_are_those_of_the_standard(at: Any, second: int, code: str) -> None:
    at(second)
    assert codes.step_of(RFC_SECRET, code) == second // 30


def test_one_step_before_and_after_count_and_no_other(at: Any) -> None:
    step = 2000000000 // 30
    for steps, counts in ((-2, False), (-1, True), (0, True), (1, True), (2, False)):
        at((step - steps) * 30 + 15)
        assert codes.step_of(RFC_SECRET, "279037") == (step if counts else None), steps


def test_what_is_typed_is_read_as_it_was_meant() -> None:
    assert codes.read(" 123 456 ") == "123456"
    assert codes.read("abcd-efgh-ijkl-mnop") == "ABCDEFGHIJKLMNOP"
    for wrong in ("", "12345", "1234567", "abcd", "１２３４５６", "0bcd-efgh-ijkl-mnop", "x" * 10_000):
        with pytest.raises(Invalid) as refused:
            codes.read(wrong)
        assert refused.value.errors[0].field == "code"


def test_secrets_and_addresses() -> None:
    secret = codes.new_secret()
    assert len({secret, codes.new_secret()}) == 2
    assert codes.address_of(secret, "ada@example.org").startswith("otpauth://totp/Spoke%20%26%20Thread:ada%40")
    assert f"secret={secret}" in codes.address_of(secret, "ada@example.org")


async def test_no_code_is_taken_twice_and_none_older_than_the_last(client: Client, at: Any) -> None:
    now = int(time.time()) // 30 * 30 + 15
    shown = {step: codes._totp(RFC_SECRET).generate(now + 30 * step).decode() for step in (-1, 0, 1, 2)}

    async def person(session: Any) -> Any:
        made = await create_user(session, role=Role.USER, email="ada@example.org")
        await codes.keep_app(session, made.id, RFC_SECRET, now // 30 - 5)
        return made.id

    user_id = await transact(system(), person)

    async def take(step: int) -> bool:
        return await transact(system(), lambda session: codes.use_app_code(session, user_id, shown[step]))

    at(now)
    assert [await take(0), await take(0), await take(-1), await take(1), await take(1)] == [
        True,
        False,
        False,
        True,
        False,
    ]
    assert not await take(2)
    at(now + 30)
    assert [await take(1), await take(2)] == [False, True]


async def test_recovery_codes_are_good_once_for_their_owner(client: Client) -> None:
    async def work(session: Any) -> Any:
        ada = (await create_user(session, role=Role.USER, email="ada@example.org")).id
        bob = (await create_user(session, role=Role.USER, email="bob@example.org")).id
        first, second = [codes.read(code) for code in (await codes.make_recovery_codes(session, ada))[:2]]
        told = [await codes.use_recovery_code(session, who, first) for who in (bob, ada, ada)]
        await codes.make_recovery_codes(session, ada)
        return [*told, await codes.use_recovery_code(session, ada, second)]

    assert await transact(system(), work) == [None, 9, None, None]
