"""Flows run with the database of the catalogue's tests."""

from tests.catalog.conftest import database, home, process

__all__ = ["database", "home", "process"]
