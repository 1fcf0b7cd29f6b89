"""Go through many things so that none keeps the others from their turn."""

from collections.abc import Awaitable, Callable, Iterable
from typing import Any, TypeVar

import structlog

from lex.core.errors import Refusal

_T = TypeVar("_T")

log = structlog.get_logger("lex.jobs")


async def one_by_one(things: Iterable[_T], work: Callable[[_T], Awaitable[Any]], name: Callable[[_T], str]) -> int:
    """Do `work` for each and return for how many it was done.

    What is refused or goes wrong with one is logged under its `name`, for whoever looks after the shop, and stays for
    the next time.
    """
    done = 0
    for thing in things:
        try:
            await work(thing)
            done += 1
        except Refusal as refusal:
            log.warning("not done", of=name(thing), reason=refusal.message, code=refusal.code)
        except Exception:  # whatever it is, it must not be what the others wait for each time
            log.exception("not done", of=name(thing))
    return done
