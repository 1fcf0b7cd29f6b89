"""What every call of the API is asked first, and what a plain read of the catalogue pays next to nothing for."""

from typing import Any

from litestar.connection import ASGIConnection
from litestar.handlers.base import BaseRouteHandler

from lex.identity.key_forms import has_key
from lex.web.kit.actors import current_actor
from lex.web.kit.api_rates import count_stranger
from lex.web.kit.refusals import Malformed

_SAFE = frozenset({"GET", "HEAD", "OPTIONS"})
#: Providers send what they have to send, and sign it.
_WEBHOOKS = "/api/v1/webhooks/"


async def admit_call(connection: ASGIConnection[Any, Any, Any, Any], _: BaseRouteHandler) -> None:
    """Whoever presents a key is known by it, whatever the route asks; who changes something without one is counted.

    Raises `Malformed` for a key in the address, `Unauthenticated` for one that is not good, `RateLimited`.
    """
    scope: Any = connection.scope
    if b"lex_" in scope["query_string"] and has_key(scope["query_string"].decode("latin-1")):
        raise Malformed(
            "There is an API key in the address, where logs and others read it. Revoke it, and send the next one as "
            "Authorization: Bearer <key>."
        )
    if any(name == b"authorization" for name, _ in scope["headers"]):
        await current_actor(connection)
    elif scope["method"] not in _SAFE and not scope["path"].startswith(_WEBHOOKS):
        await count_stranger(connection)
