"""A process with its database open, as a worker has it."""

from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest

from lex.core.settings import settings
from lex.db import session


@pytest.fixture
def process(database_url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[pytest.MonkeyPatch]:
    """Settings of this test alone."""
    monkeypatch.setenv("DATABASE_URL", database_url)
    monkeypatch.setenv("LEX_HOME", str(tmp_path))
    settings.cache_clear()
    yield monkeypatch
    settings.cache_clear()


@pytest.fixture
async def database(process: pytest.MonkeyPatch, database_url: str) -> AsyncIterator[str]:
    """The address of the open database."""
    await session.connect(database_url, pool_size=4)
    yield database_url
    await session.disconnect()
