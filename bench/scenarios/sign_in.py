"""Sign in with e-mail and password. What the hash alone costs is measured beside it and taken off."""

import random
import time

import bcrypt

from bench import people
from bench.goods import Goods
from bench.http import Connection
from bench.scenario import Scenario, check, expect
from lex.core.settings import settings

_HASHES = 300


async def _sign_in(connection: Connection, _: Goods, dice: random.Random) -> None:
    data = {"email": people.address_of(dice.randrange(people.NUMBER)), "password": people.PASSWORD}
    answer = await connection.request("POST", "/api/v1/account/sessions", data)
    told = expect(answer, 201)
    check((told["role"], told["waits_for"]) == ("user", None), told)
    check(len(answer.cookies.get("lex_session", "")) > 40, answer.cookies)


def _hash() -> float:
    """CPU ms of one comparison at the cost that is set."""
    kept = bcrypt.hashpw(b"a" * 44, bcrypt.gensalt(settings().password_cost))
    began = time.process_time()
    for _ in range(_HASHES):
        bcrypt.checkpw(b"a" * 44, kept)
    return (time.process_time() - began) / _HASHES * 1000


SCENARIO = Scenario(
    "sign in", "e-mail and password; the application's part without bcrypt", _sign_in, (3.0, 2.0), less=_hash
)
