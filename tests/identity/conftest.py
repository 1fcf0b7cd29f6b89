"""People come in through the API of a real application."""

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
