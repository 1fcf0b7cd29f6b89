"""Rows in a transaction that is taken back, as the tests of migrations have them."""

from tests.migrations.conftest import rows, shared_database_url

__all__ = ["rows", "shared_database_url"]
