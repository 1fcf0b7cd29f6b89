"""The same POST twice gives the same answer once.

A handler that creates declares the header and works inside `idempotent`:

    @post("/carts", guards=[public], responses=problems(409))
    async def create_cart(
        request: Request, data: JSONBody[NewCart], actor: CurrentActor, idempotency_key: IdempotencyKey = None
    ) -> Response[CartView]:
        async with idempotent(request, actor, idempotency_key) as answer:
            async with transaction(actor) as session:
                answer.claim(session)
                cart = await carts.open(session, …)
                await answer.keep(session, view_of(cart))
        return answer.response()

`keep` belongs into the transaction that does the work, so that the answer exists exactly when the work does; `claim` is
at its beginning. Whatever leaves the block by an exception, or without `keep`, gives the key back. Without the header
nothing is stored and the work is done each time. The same key with another method, path or body is refused (422), a key
in use too (409). `created` is the short form for work of one transaction.
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
from lex.db.idempotency import Answer, Claim, Known, Taken
from lex.db.session import Session, transact
from lex.identity.ciphers import open_kept, seal_kept
from lex.web.kit.rates import TooMany, Try

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
    """The answer of one creating request: what `keep` gets, or that of an earlier one."""

    def __init__(self, claim: Claim | None) -> None:
        self._claim = claim
        self._answer: Answer | None = None
        self._try: Try | None = None
        self._is_replay = False

    @property
    def is_kept(self) -> bool:
        """Whether there is an answer."""
        return self._answer is not None

    def claim(self, session: Session) -> None:
        """Claim the key with the first statement of the work, before which nothing is done."""
        if self._claim is not None:
            idempotency.claim(session, self._claim)

    async def keep(self, session: Session, body: Any, /) -> None:
        """Answer 201 and `body` (anything msgspec encodes), and remember it with the work.

        It is kept encrypted: the answer to a new cart or order holds the token that opens it.
        """
        answer = Answer(201, codec.encode(body))
        if self._claim is not None:
            sealed = Answer(answer.status, seal_kept(self._claim.id, answer.body))
            await idempotency.keep(session, self._claim, sealed)
        self._answer = answer

    async def count(self, attempt: Try) -> None:
        """Count a try. Raises `TooMany`, unless the request turns out to be a repeated one: that is no try."""
        self._try = attempt
        await attempt.count()

    async def give_back_try(self) -> None:
        """What was counted was no try."""
        if self._try is not None:
            await self._try.give_back()

    def replay(self, known: Known) -> None:
        """Answer as the earlier request was answered."""
        self._answer = Answer(known.answer.status, open_kept(known.id, known.answer.body))
        self._is_replay = True

    def response(self, headers: dict[str, str] | None = None) -> Response[Any]:
        """The answer; a replay has the same status and bytes, and says so in a header."""
        if self._answer is None:
            raise RuntimeError("no answer was kept")
        told = {**(headers or {}), **({REPLAYED: "true"} if self._is_replay else {})}
        return Response(self._answer.body, status_code=self._answer.status, media_type=MediaType.JSON, headers=told)


@asynccontextmanager
async def idempotent(request: Request[Any, Any, Any], actor: Actor, key: str | None) -> AsyncIterator[Once]:
    """Once per `key`. Raises `Conflict` while another request is at work, `Invalid` when it came with another body.

    See the module's text for how a handler uses it.
    """
    if key is None:
        yield Once(None)
        return
    query = request.scope["query_string"].decode("latin-1")
    head = f"{request.method} {request.scope['path']}?{query}\n".encode()
    claim = idempotency.claim_of(actor, key, head + await request.body())
    once = Once(claim)
    try:
        yield once
    except (Taken, TooMany) as refused:  # whoever asks again is answered, however often
        known = await idempotency.look_up(claim)
        if known or isinstance(refused, Taken):
            await once.give_back_try()
        if known is None:
            raise (refused if isinstance(refused, TooMany) else idempotency.in_flight()) from None
        once.replay(known)
    except Exception:
        await _give_back(claim)
        raise
    if not once.is_kept:
        await _give_back(claim)


async def _give_back(claim: Claim) -> None:
    """An unreleased key opens again after its lease, so a failure here must not hide the one before it."""
    try:
        await idempotency.release(claim)
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
        answer.claim(session)
        await answer.keep(session, await work(session))

    async with idempotent(request, actor, key) as answer:
        await transact(actor, kept, is_light=is_light)
    return answer.response()
