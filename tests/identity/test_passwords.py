"""Passwords: which are taken, and that what is kept fits them alone."""

import asyncio
import time
from collections.abc import Iterator

import bcrypt
import pytest

from lex.core.errors import Invalid, Unavailable
from lex.core.settings import settings
from lex.identity import passwords

GOOD = "lantern otter quartz"


@pytest.fixture(autouse=True)
def cheap(monkeypatch: pytest.MonkeyPatch) -> Iterator[pytest.MonkeyPatch]:
    """Hashes that cost little; a test sets another cost."""
    monkeypatch.setenv("LEX_PASSWORD_COST", "4")
    settings.cache_clear()
    yield monkeypatch
    settings.cache_clear()


async def test_a_long_password_counts_whole_and_every_script_does() -> None:
    for stem in ("x7Kq-" * 40, "lösung äpfel über ", "пароль длинный ", "合言葉は長いほど良い"):
        long = stem + "a tail beyond seventy two bytes of it all, and then one letter: A"
        kept = await passwords.keep(long)
        assert await passwords.fits(long, kept)
        assert not await passwords.fits(long[:-1] + "B", kept)


async def test_spellings_of_one_password_are_one() -> None:
    kept = await passwords.keep("caf\u00e9 lantern otter")
    assert await passwords.fits("  cafe\u0301 lantern otter ", kept)
    assert not await passwords.fits("cafe lantern otter", kept)


@pytest.mark.parametrize(
    ("password", "code"),
    [
        *(("", "missing"), ("   ", "missing"), ("short", "length"), ("x" * 1001, "length")),
        *(("password", "weak"), ("Password1!", "weak"), ("qwertz12345", "weak"), ("aaaaaaaaaaaaaaaa", "weak")),
        *(("ada@example.org", "weak"), ("möller1", "length"), ("mollerada", "weak")),
    ],
)
async def test_what_is_not_taken(password: str, code: str) -> None:
    with pytest.raises(Invalid) as refused:
        await passwords.keep(password, known=("ada@example.org", "Ada", "Moller"))
    assert refused.value.errors[0].code == code
    assert refused.value.errors[0].field == "password"


async def test_a_password_of_signs_that_may_be_letters_is_rated_by_a_few_of_them() -> None:
    signs = "4@8({[<369&#!1/|0$5+7%2"
    assert passwords._ratable("c0rrect h0rse!") == "c0rrect h0rse!"
    rated = passwords._ratable(signs * 3)
    assert len(rated) == len(signs) * 3
    assert len(set(rated) & passwords._LIKE_LETTERS) == passwords._MOST_LIKE_LETTERS
    assert await passwords.fits(signs * 3, await passwords.keep(signs * 3))
    with pytest.raises(Invalid):
        await passwords.keep("p4$$w0rd!1")


async def test_nobodys_password_fits_never_and_is_hashed_all_the_same() -> None:
    assert not await passwords.fits(GOOD, None)
    kept = f"$2b$04${passwords._NOBODYS}"
    assert bcrypt.checkpw(b"x", kept.encode()) is False


async def test_another_cost_is_made_at_the_next_sign_in(cheap: pytest.MonkeyPatch) -> None:
    kept = await passwords.keep(GOOD)
    assert kept.startswith("$2b$04$")
    assert await passwords.rehash(GOOD, kept) is None
    cheap.setenv("LEX_PASSWORD_COST", "5")
    settings.cache_clear()
    fresh = await passwords.rehash(GOOD, kept)
    assert fresh is not None
    assert fresh.startswith("$2b$05$")
    assert await passwords.fits(GOOD, fresh)


async def test_a_flood_is_refused_and_the_loop_goes_on(cheap: pytest.MonkeyPatch) -> None:
    kept = bcrypt.hashpw(b"x", bcrypt.gensalt(9)).decode()
    tries = [asyncio.create_task(passwords.fits(GOOD, kept)) for _ in range(60)]
    turns, began = 0, time.monotonic()
    while not all(task.done() for task in tries):
        await asyncio.sleep(0.001)
        turns += 1
        assert time.monotonic() - began < 60
    answers = await asyncio.gather(*tries, return_exceptions=True)
    refused = [answer for answer in answers if isinstance(answer, Unavailable)]
    assert len(refused) == 40
    assert [answer for answer in answers if answer is not False and not isinstance(answer, Unavailable)] == []
    assert turns > 20
    assert not await passwords.fits(GOOD, kept)
