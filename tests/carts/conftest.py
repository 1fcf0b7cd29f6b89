"""Carts are filled through the API of a real application."""

import pytest

from tests.stories.conftest import (
    app,
    checked,
    client,
    customer,
    key,
    shop,
    statements,
    web_database,
    web_home,
    web_settings,
)

__all__ = [
    "app",
    "checked",
    "client",
    "customer",
    "key",
    "shop",
    "statements",
    "web_database",
    "web_home",
    "web_settings",
]


@pytest.fixture
def prices_without_tax(web_settings: pytest.MonkeyPatch) -> None:
    """The catalogue's prices are net."""
    web_settings.setenv("LEX_PRICES_INCLUDE_TAX", "false")


@pytest.fixture
def yen(web_settings: pytest.MonkeyPatch) -> None:
    """A shop in Japan."""
    web_settings.setenv("LEX_CURRENCY", "JPY")
    web_settings.setenv("LEX_COUNTRY", "JP")
