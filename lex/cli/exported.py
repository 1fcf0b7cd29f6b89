"""Settings handed on through the environment: this process and its children read them there."""

import os
from collections.abc import Iterator
from contextlib import contextmanager

from lex.core.settings import settings


@contextmanager
def exported(values: dict[str, str]) -> Iterator[None]:
    """The values stand in the environment inside the block (empty ones are left out), and settings are read anew."""
    before = {name: os.environ.get(name) for name in values}
    os.environ.update({name: value for name, value in values.items() if value})
    settings.cache_clear()
    try:
        yield
    finally:
        for name, value in before.items():
            if value is None:
                os.environ.pop(name, None)
            else:
                os.environ[name] = value
        settings.cache_clear()
