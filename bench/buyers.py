"""Buyers who never give up, and the history of what they were told: the soak's load."""

import asyncio
import json
import random
from collections import Counter
from collections.abc import Awaitable, Callable
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any
from uuid import uuid4

from bench.http import Answer, Connection, connect
from tests.support.shop import ADDRESS

#: An answer is definite (done or refused), or nobody knows what became of the request.
OK, REFUSED, UNKNOWN = "ok", "refused", "unknown"
TOKENS = ("tok_visa",) * 5 + ("tok_declined", "tok_3ds", "tok_late", "tok_lost", "tok_lost_before", "tok_noisy")
TRIES = 6
#: Answers after which the same request may be sent again: in flight, too many, not now.
_AGAIN = {"in_flight", "busy", "database_unavailable", "overloaded"}


@dataclass
class Deed:
    """What one buyer did with one cart, and what they were told of it."""

    cart: str
    key: str = field(default_factory=lambda: uuid4().hex)
    placed: str = ""
    order: str = ""
    token: str = ""
    paid: str = ""
    canceled: str = ""


@dataclass
class Market:
    """Where they buy. `history` is written as it happens, one line a deed."""

    url: str
    skus: list[str]
    history: Path
    deeds: list[Deed] = field(default_factory=list)
    lost: int = 0
    faults: Counter[str] = field(default_factory=Counter)

    async def buyer(self, number: int, is_open: Callable[[], bool]) -> None:
        """Buy until the market closes."""
        line = Line(self, random.Random(number))
        with self.history.open("a") as history:
            while is_open():
                deed = await line.buy()
                if deed is not None:
                    self.deeds.append(deed)
                    history.write(json.dumps(asdict(deed)) + "\n")
                    history.flush()
        line.hang_up()


class Line:
    """One buyer's connection, opened anew whenever the server hangs up."""

    def __init__(self, market: Market, dice: random.Random) -> None:
        self._market = market
        self._dice = dice
        self._connection: Connection | None = None

    def hang_up(self) -> None:
        """Close the connection."""
        if self._connection is not None:
            self._connection.close()

    async def ask(self, method: str, path: str, body: Any = None, **headers: str) -> Answer | None:
        """The answer, or None when none came or the server could not say what it did."""
        try:
            if self._connection is None:
                self._connection = await connect(self._market.url)
            answer = await asyncio.wait_for(self._connection.request(method, path, body, **headers), 30)
        except (OSError, TimeoutError):
            self._market.lost += 1
            self.hang_up()
            self._connection = None
            await asyncio.sleep(self._dice.uniform(0.05, 0.3))
            return None
        if answer.status >= 500:
            self._market.faults[f"{answer.status} {answer.json()['code']}"] += 1
            return None
        return answer

    async def insist(self, work: Callable[[], Awaitable[Answer | None]]) -> tuple[str, Answer | None]:
        """Ask until there is a definite answer; now and then give up after an unknown one, as people do."""
        for _ in range(TRIES):
            answer = await work()
            if answer is not None and answer.status < 400:
                return OK, answer
            if answer is not None and answer.json()["code"] not in _AGAIN:
                return REFUSED, answer
            if answer is None and self._dice.random() < 0.3:
                break
            await asyncio.sleep(self._dice.uniform(0.1, 0.5))
        return UNKNOWN, None

    async def buy(self) -> Deed | None:
        """Fill a cart, place it, then pay, cancel or walk away."""
        wanted = self._dice.sample(self._market.skus, self._dice.randint(1, 3))
        items = [{"sku": sku, "quantity": self._dice.randint(1, 2)} for sku in wanted]
        opened = await self.ask("POST", "/api/v1/carts", {"country": "DE", "items": items})
        if opened is None or opened.status != 201:
            return None
        cart, guest = opened.json()["cart"], {"x_cart_token": opened.json()["token"]}
        path = f"/api/v1/carts/{cart['id']}"
        chosen = await self.ask("PATCH", path, {"shipping_method": "pickup"}, **guest)
        if chosen is None or chosen.status != 200:
            return None
        deed = Deed(cart["id"])
        shown = {name: chosen.json()[name] for name in ("version", "total_amount")}
        body = {**shown, "email": "ada@example.org", "shipping_address": ADDRESS}
        headers = {**guest, "idempotency_key": deed.key}
        deed.placed, answer = await self.insist(lambda: self.ask("POST", f"{path}/checkout", body, **headers))
        if answer is not None and deed.placed == OK:
            deed.order, deed.token = answer.json()["id"], answer.json()["access_token"]
            await self._decide(deed)
        return deed

    async def _decide(self, deed: Deed) -> None:
        path, guest = f"/api/v1/orders/{deed.order}", {"x_order_token": deed.token}
        what = self._dice.random()
        if what < 0.75:
            deed.paid = await self._pay(path, guest)
        if what > 0.6:
            deed.canceled, _ = await self.insist(lambda: self.ask("POST", f"{path}/cancel", **guest))

    async def _pay(self, path: str, guest: dict[str, str]) -> str:
        """`ok` only when told that the order is paid."""
        payment = {"token": self._dice.choice(TOKENS), "return_url": "http://shop.example/back"}
        headers = {**guest, "idempotency_key": uuid4().hex}
        outcome, answer = await self.insist(lambda: self.ask("POST", f"{path}/payments", payment, **headers))
        if answer is None or outcome != OK:
            return outcome
        told = answer.json()
        if told["action_url"]:
            await self.ask("GET", told["action_url"].removeprefix(self._market.url))
        return OK if told["payment_status"] == "paid" else UNKNOWN
