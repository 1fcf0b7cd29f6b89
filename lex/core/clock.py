"""The only reader of time.

`now()` is the business clock: orders expire, prices start and reminders fall due by it, and a test may move it.
`real_now()` is the wall clock: ids, `created_at`, locks and logs use it, so that a simulated year needs no partitions
of the future.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from datetime import UTC, datetime, timedelta

_shift: ContextVar[timedelta] = ContextVar("clock_shift", default=timedelta(0))


def real_now() -> datetime:
    """The wall clock, in UTC."""
    return datetime.now(UTC)


def now() -> datetime:
    """Business time, in UTC."""
    return real_now() + _shift.get()


@contextmanager
def travelled(shift: timedelta) -> Iterator[None]:
    """Business time runs `shift` ahead (or behind) inside the block, for this task and those it starts."""
    token = _shift.set(_shift.get() + shift)
    try:
        yield
    finally:
        _shift.reset(token)
