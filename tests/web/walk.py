"""Every route of the application, asked as a browser or a program would ask it."""

import re
from dataclasses import dataclass
from itertools import count
from typing import Any
from uuid import UUID, uuid4

import httpx
from litestar import Litestar
from litestar.routes import HTTPRoute
from redis import Redis

from lex.core.actor import Role
from lex.identity import sessions
from lex.identity.sessions import Device
from tests.web.conftest import Client

ORIGIN = "http://shop.test"
_numbers = count(1)
_PARAMETER = re.compile(r"\{\w+:(\w+)\}")
_VALUES = {"uuid": str(uuid4()), "int": "1"}


@dataclass(frozen=True, slots=True)
class Door:
    """One method of one route. What its address names does not exist: only who may ask is looked at."""

    method: str
    path: str
    handler: Any

    def __str__(self) -> str:
        return f"{self.method} {self.path}"

    @property
    def is_api(self) -> bool:
        """Answers programs, and is no page."""
        return self.path.startswith("/api/") and self.path != "/api/docs"

    @property
    def changes(self) -> bool:
        """Does something, and tells not only."""
        return self.method != "GET"

    @property
    def address(self) -> str:
        """The path with something in place of its parameters."""
        return self.with_values("nothing")

    def with_values(self, text: str) -> str:
        """The path with `text` wherever it takes any."""
        return _PARAMETER.sub(lambda found: _VALUES.get(found[1], text), self.path)

    async def knock(self, client: Client, headers: dict[str, str]) -> httpx.Response:
        """Ask, with an empty form or document, from an address of its own: limits are not what is looked at."""
        number = next(_numbers)
        told = {"X-Forwarded-For": f"198.18.{number // 250}.{number % 250}", "Accept": "text/html, */*;q=0.1"}
        body: dict[str, Any] = {}
        if self.changes:
            body = {"json": {}} if self.is_api else {"data": {"nothing": ""}}
        answer = await client.request(self.method, self.address, headers=told | headers, **body)
        client.cookies.clear()
        return answer


def doors(app: Litestar) -> list[Door]:
    """All of them but the methods' list that Litestar tells, in the order of their addresses."""
    found = [
        Door(method, route.path, handler)
        for route in app.routes
        if isinstance(route, HTTPRoute)
        for handler in route.route_handlers
        for method in handler.http_methods - {"OPTIONS"}
    ]
    return sorted(found, key=lambda door: (door.path, door.method))


async def cookie_of(user_id: UUID, role: str) -> dict[str, str]:
    """The cookie of somebody just signed in, with every factor there is; a page of ours is where they ask from."""
    token = await sessions.begin(user_id, Role(role), Device("walk", ""), factors=("password", "totp"))
    return {"Cookie": f"lex_session={token}", "Origin": ORIGIN, "Sec-Fetch-Site": "same-origin"}


def forget_limits(redis_url: str) -> None:
    """Nobody has asked for anything yet, and nobody is signed in."""
    with Redis.from_url(redis_url) as redis:
        redis.flushdb()
