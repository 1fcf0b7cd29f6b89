"""What a request costs before anything is done for it: the yardstick of the other lines on a loaded machine."""

import random

from bench.goods import Goods
from bench.http import Connection
from bench.scenario import Scenario, check, expect


async def _floor(connection: Connection, _goods: Goods, _dice: random.Random) -> None:
    seen = expect(await connection.request("GET", "/healthz"), 200)
    check(seen["status"] == "ok", seen)


SCENARIO = Scenario("floor", "an answer without a statement", _floor)
