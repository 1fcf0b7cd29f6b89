"""A real browser against the production server with the demo business in it.

Debian's Chromium drives it (`apt-get install chromium`). Without it these tests are skipped by name, and fail where
LEX_REQUIRE_BROWSER is set, as CI does.
"""

import os
import subprocess
import sys
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from itertools import count
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest
from playwright.async_api import BrowserContext, Page, Playwright, async_playwright

from lex.web.kit import assets
from tests.conftest import temporary_database
from tests.support.cluster import Cluster
from tests.support.invariants import broken
from tests.support.server import Server, serving

CHROMIUM = Path("/usr/bin/chromium")
FLAGS = [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--disable-dev-shm-usage",
]
WIDE, NARROW = (1280, 900), (390, 844)

#: Reported to the console, so that a page that breaks its own policy fails its test.
_VIOLATIONS = """
document.addEventListener("securitypolicyviolation", (event) =>
  console.error(`policy: ${event.violatedDirective} ${event.blockedURI}`));
"""


@pytest.fixture(scope="session", autouse=True)
def chromium() -> Path:
    """The browser's program, and pages with their styles and scripts."""
    lacking = None
    if not CHROMIUM.exists():
        lacking = f"{CHROMIUM} is missing; install Debian's chromium to run the browser's stories"
    elif not assets.entry("shop.js").scripts:
        lacking = "the assets are not built; run: make assets"
    if lacking and os.environ.get("LEX_REQUIRE_BROWSER"):
        pytest.fail(lacking)
    if lacking:
        pytest.skip(lacking)
    return CHROMIUM


@pytest.fixture(scope="session")
def shop_database(cluster: Cluster, template: str) -> Iterator[str]:
    """One database for all stories: each buys for itself."""
    yield from temporary_database(cluster, template)


@pytest.fixture(scope="session")
def shop_home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The server's home, where mails and pictures go."""
    return tmp_path_factory.mktemp("shop")


@pytest.fixture(scope="session")
def server(
    chromium: Path, shop_database: str, cluster: Cluster, shop_home: Path, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Server]:
    """The production server with its worker."""
    environment = {
        "DATABASE_URL": shop_database,
        "REDIS_URL": cluster.redis_url,
        "LEX_HOME": str(shop_home),
        "LEX_LOG_LEVEL": "warning",
        "LEX_LOG_FORMAT": "text",
    }
    loading = [sys.executable, "-c", "from lex.cli.main import app; app(['demo'])"]
    subprocess.run(loading, check=True, env={**os.environ, **environment}, capture_output=True)
    with serving(environment, tmp_path_factory.mktemp("server") / "log", worker=True) as started:
        yield started
        assert "Traceback" not in started.log.read_text("utf-8"), started.tail()
    assert broken(shop_database) == {}


@pytest.fixture
async def playwright() -> AsyncIterator[Playwright]:
    """Playwright, in this test's event loop."""
    async with async_playwright() as started:
        yield started


class Visit:
    """One visitor's browser; what its pages complain about is gathered and must stay empty."""

    def __init__(self, server: Server, context: BrowserContext, page: Page) -> None:
        self.server = server
        self.context = context
        self.page = page
        self.complaints: list[str] = []
        #: Statuses this story is about; a browser writes them to its console.
        self.expected = {404, 409, 422, 429}
        context.on("page", self._watch)
        self._watch(page)

    def _watch(self, page: Page) -> None:
        page.on("console", self._hear)
        page.on("pageerror", lambda error: self.complaints.append(f"error: {error}"))
        page.on("request", self._ask)

    def _hear(self, message: Any) -> None:
        refused = any(f"status of {status} " in message.text for status in self.expected)
        if message.type == "error" and not refused:
            self.complaints.append(f"console: {message.text}")

    def _ask(self, request: Any) -> None:
        host = urlsplit(request.url)
        if host.scheme in ("http", "https", "ws") and host.netloc != urlsplit(self.server.url).netloc:
            self.complaints.append(f"foreign host: {request.url}")

    async def open(self, path: str) -> None:
        """Go to an address of the shop."""
        await self.page.goto(self.server.url + path)

    @property
    def path(self) -> str:
        """Where the page is."""
        return urlsplit(self.page.url).path

    async def text(self) -> str:
        """What can be read on the page."""
        return await self.page.inner_text("body")

    async def press(self, name: str) -> None:
        """Press a button or follow a link by its name, and wait for where it leads."""
        target = self.page.get_by_role("button", name=name).or_(self.page.get_by_role("link", name=name)).first
        await target.click()
        await self.page.wait_for_load_state("load")


@pytest.fixture
def visiting(playwright: Playwright, server: Server, tmp_path: Path) -> Any:
    """`async with visiting(WIDE, javascript=False) as visit`: a new browser with nothing in it."""

    numbers = count(1)

    @asynccontextmanager
    async def visiting(
        size: tuple[int, int] = WIDE, *, javascript: bool = True, scheme: str = "light"
    ) -> AsyncIterator[Visit]:
        folder = tmp_path / f"profile-{next(numbers)}"
        context = await playwright.chromium.launch_persistent_context(
            folder,
            executable_path=CHROMIUM,
            headless=True,
            args=FLAGS,
            viewport={"width": size[0], "height": size[1]},
            java_script_enabled=javascript,
            color_scheme=scheme,  # type: ignore[arg-type]
            reduced_motion="reduce",
        )
        context.set_default_timeout(20_000)
        if javascript:
            await context.add_init_script(_VIOLATIONS)
        visit = Visit(server, context, context.pages[0])
        try:
            yield visit
            assert visit.complaints == []
        finally:
            await context.close()

    return visiting
