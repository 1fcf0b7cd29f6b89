"""Adapters over a database of their own, with settings of the test alone."""

from hypothesis import settings

from tests.jobs.conftest import database, process

__all__ = ["database", "process"]

# Time belongs to the benchmarks: a busy machine is no failure.
settings.register_profile("patient", deadline=None)
settings.load_profile("patient")
