"""Notifications are sent about orders that were really placed."""

from tests.stories.conftest import app, client, key, shop, web_database, web_home, web_settings

__all__ = ["app", "client", "key", "shop", "web_database", "web_home", "web_settings"]
