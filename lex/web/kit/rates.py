"""How often one address may do something that costs others: counted in Redis, and let pass while Redis is gone.

What must hold even then is counted in PostgreSQL by the story itself.
"""

from lex.adapters.cache import UNAVAILABLE, Cache
from lex.core.errors import Refusal
from lex.core.settings import settings
from lex.identity.ciphers import blind_index


class TooMany(Refusal):
    """The same address asked too often."""

    status = 429
    code = "too_many"

    def __init__(self, seconds: float) -> None:
        minutes = max(round(seconds / 60), 1)
        super().__init__(f"That was tried too often from here; try again in {minutes} min.")
        self.headers = {"Retry-After": str(max(int(seconds), 1))}


async def count(what: str, address: str, *, most: int, seconds: int) -> None:
    """Count one more. Raises `TooMany` beyond `most` within `seconds`. The address itself is kept nowhere."""
    if not settings().redis_url:
        return
    cache = Cache(settings().redis_url)
    try:
        counted = await cache.count(f"rate:{what}:{blind_index('address', address).hex()}", seconds)
    finally:
        await cache.close()
    if counted is not UNAVAILABLE and counted[0] > most:
        raise TooMany(counted[1])
