"""Commands run in the test's process, on a database of its own."""

from collections.abc import Iterator

import pytest

from lex.core.settings import settings


@pytest.fixture
def own_shop(
    database_url: str, tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch
) -> Iterator[None]:
    """The environment names the database."""
    monkeypatch.setenv("DATABASE_URL", database_url)
    monkeypatch.setenv("LEX_HOME", str(tmp_path_factory.getbasetemp() / "cli-home"))
    settings.cache_clear()
    yield
    settings.cache_clear()
