"""People with accounts, in browsers and by the API. Tests of a module share a database: each takes addresses of its
own."""

from collections.abc import AsyncIterator, Iterator
from dataclasses import dataclass
from itertools import count
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

import psycopg
import pytest
from litestar import Litestar
from psycopg.rows import dict_row

from tests.support.mails import link, subjects
from tests.support.queue import work
from tests.support.shop import Shop
from tests.web.conftest import Client
from tests.web.storefront.conftest import Browser, browser, client, other_browser

__all__ = ["browser", "client", "other_browser"]

PASSWORD, OTHER = "lantern otter quartz", "velvet cactus engine"
_number = count(1)


@dataclass(frozen=True, slots=True)
class Mailbox:
    """The mails of one shop; `await mailbox.link(…)` runs the jobs that wait first."""

    database_url: str
    home: Path

    async def link(self, to: str, page: str) -> str:
        """Path and query of the newest link to a page of the account."""
        await work(self.database_url)
        return link(self.home, to, page)

    async def token(self, to: str, page: str) -> str:
        """The key in that link."""
        return parse_qs(urlsplit(await self.link(to, page)).query)["token"][0]

    async def subjects(self, to: str) -> list[str]:
        """What was mailed."""
        await work(self.database_url)
        return subjects(self.home, to)


@pytest.fixture
def mailbox(web_database: str, web_home: Path) -> Mailbox:
    """Everybody's mails."""
    return Mailbox(web_database, web_home)


@pytest.fixture
def web_database(shared_database: str) -> str:
    """One for each module."""
    return shared_database


@pytest.fixture
def shop(client: Client, web_database: str) -> Iterator[Shop]:
    """A shop to buy in."""
    made = Shop(client, web_database)
    yield made
    made.db.close()


@pytest.fixture
def db(web_database: str) -> Any:
    """Rows straight from the database."""
    with psycopg.connect(web_database, autocommit=True, row_factory=dict_row) as connection:
        yield connection


@pytest.fixture
def address() -> str:
    """An address nobody has used."""
    return f"ada-{next(_number)}@example.org"


@pytest.fixture
async def ada(client: Client, mailbox: Mailbox, address: str) -> str:
    """The address of somebody with a confirmed account, signed in nowhere."""
    await sign_up(client, mailbox, address)
    return address


async def sign_up(client: Client, mailbox: Mailbox, address: str) -> None:
    """Sign up and confirm, by the API; the session ends."""
    answer = await client.post("/api/v1/account", json={"email": address, "password": PASSWORD, "first_name": "Ada"})
    assert answer.status_code == 202, answer.text
    data = {"token": await mailbox.token(address, "verify"), "password": PASSWORD}
    answer = await client.post("/api/v1/account/verification", json=data)
    assert answer.status_code == 201, answer.text
    answer = await client.delete("/api/v1/account/sessions/current", headers={"Content-Type": "application/json"})
    assert answer.status_code == 204, answer.text
    client.cookies.clear()


@pytest.fixture
async def third_browser(app: Litestar, client: Client) -> AsyncIterator[Browser]:
    """One more."""
    visitor = Browser(app)
    yield visitor
    await visitor.client.aclose()


async def sign_in(browser: Browser, address: str, password: str = PASSWORD, **more: str) -> Any:
    """Fill in the sign-in page."""
    return await browser.post("/account/sign-in", email=address, password=password, **more)
