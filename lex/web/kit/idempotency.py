"""The same POST twice gives the same answer once.

A handler that creates declares the header and works inside `idempotent`:

    @post("/carts", guards=[public], responses=problems(409))
    async def create_cart(
        request: Request, data: JSONBody[NewCart], actor: CurrentActor, idempotency_key: IdempotencyKey = None
    ) -> Response[CartView]:
        async with idempotent(request, actor, idempotency_key) as answer:
            if not answer.is_replay:
                async with transaction(actor) as session:
                    cart = await carts.open(session, …)
                    await answer.keep(session, 201, view_of(cart))
        return answer.response()

`keep` belongs into the transaction that does the work, so that the answer exists exactly when the work does. Whatever
leaves the block by an exception, or without `keep`, gives the key back. Without the header nothing is stored and the
work is done each time. The same key with another method, path or body is refused (422), a key in use too (409).
`created` is the short form for work of one transaction.
"""

from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from typing import Annotated, Any

import structlog
from litestar import MediaType, Request, Response
from litestar.params import HeaderParameter

from lex.core import codec
from lex.core.actor import Actor
from lex.core.errors import Refusal
from lex.db import idempotency
from lex.db.idempotency import Answer, Claim
from lex.db.session import Session, transact
from lex.identity.ciphers import open_kept, seal_kept

log = structlog.get_logger("lex.web")

REPLAYED = "Idempotency-Replayed"

IdempotencyKey = Annotated[
    str | None,
    HeaderParameter(
        name="Idempotency-Key",
        required=False,
        description=(
            "Makes the request safe to repeat for 72 hours: the same key with the same body gives the same answer and "
            "does the work once. Take a new random value, such as a UUID, for each new thing. The same key with "
            "another body is refused with 422, while the first request is in flight with 409."
        ),
        min_length=1,
        max_length=255,
    ),
]


class Once:
    """The answer of one creating request: a replay of an earlier one, or what `keep` gets."""

    def __init__(self, claim: Claim | None) -> None:
        self._claim = claim
        kept = claim.answer if claim else None
        self._answer = Answer(kept.status, open_kept(claim.id, kept.body)) if claim and kept else None
        self.is_replay = self._answer is not None
        self.is_kept = self.is_replay

    async def keep(self, session: Session, status: int, body: Any) -> None:
        """Answer `status` and `body` (JSON bytes, or anything msgspec encodes), and remember it with the work.

        It is kept encrypted: the answer to a new cart or order holds the token that opens it.
        """
        self._answer = Answer(status, body if isinstance(body, bytes) else codec.encode(body))
        if self._claim is not None:
            sealed = Answer(status, seal_kept(self._claim.id, self._answer.body))
            await idempotency.keep(session, self._claim, sealed)
        self.is_kept = True

    def response(self, headers: dict[str, str] | None = None) -> Response[Any]:
        """The answer; a replay has the same status and bytes, and says so in a header."""
        if self._answer is None:
            raise RuntimeError("no answer was kept")
        told = {**(headers or {}), **({REPLAYED: "true"} if self.is_replay else {})}
        return Response(self._answer.body, status_code=self._answer.status, media_type=MediaType.JSON, headers=told)


@asynccontextmanager
async def idempotent(request: Request[Any, Any, Any], actor: Actor, key: str | None) -> AsyncIterator[Once]:
    """Claim `key` for this request. Raises `Conflict` while it is in flight, `Invalid` when it came with another body.

    See the module's text for how a handler uses it.
    """
    if key is None:
        yield Once(None)
        return
    query = request.scope["query_string"].decode("latin-1")
    head = f"{request.method} {request.scope['path']}?{query}\n".encode()
    claim = await idempotency.claim(actor, key, head + await request.body())
    once = Once(claim)
    try:
        yield once
    except Exception:
        await _give_back(actor, claim)
        raise
    if not once.is_kept:
        await _give_back(actor, claim)


async def _give_back(actor: Actor, claim: Claim) -> None:
    """An unreleased key opens again after its lease, so a failure here must not hide the one before it."""
    try:
        await idempotency.release(actor, claim)
    except Refusal as refusal:
        log.warning("idempotency key not released", reason=refusal.message)


async def created(
    request: Request[Any, Any, Any],
    actor: Actor,
    key: str | None,
    work: Callable[[Session], Awaitable[Any]],
    *,
    is_light: bool = False,
) -> Response[Any]:
    """201 with what `work` returns: it runs once per key, in a transaction that also keeps the answer."""

    async def kept(session: Session) -> None:
        await answer.keep(session, 201, await work(session))

    async with idempotent(request, actor, key) as answer:
        if not answer.is_replay:
            await transact(actor, kept, is_light=is_light)
    return answer.response()
