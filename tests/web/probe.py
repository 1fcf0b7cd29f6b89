"""Routes of the tests alone: what the kit does is seen without any domain."""

import asyncio
from typing import Annotated, Any, Literal
from uuid import UUID

import msgspec
from litestar import Request, Response, get, post
from litestar.params import FromQuery

from lex.core.errors import Conflict, Gone, Unavailable
from lex.db import sql
from lex.db.session import transaction
from lex.identity.policy import Permission
from lex.web.kit.caching import json_document
from lex.web.kit.guards import public, requires
from lex.web.kit.idempotency import IdempotencyKey, idempotent
from lex.web.kit.inputs import CurrentActor, FromPath, JSONBody
from lex.web.kit.paging import Cursor, Limit, decode_cursor

DOCUMENT = b'{"name":"' + b"x" * 600 + b'"}'


class Line(msgspec.Struct, forbid_unknown_fields=True):
    """A nested body."""

    quantity: Annotated[int, msgspec.Meta(ge=1, le=9999)]
    sku: Annotated[str, msgspec.Meta(min_length=1, max_length=20)]


class Body(msgspec.Struct, forbid_unknown_fields=True):
    """A body with a field of each kind."""

    lines: Annotated[list[Line], msgspec.Meta(max_length=5)]
    kind: Literal["goods", "service"] = "goods"
    customer_id: UUID | None = None
    note: str | None = None
    country: Annotated[str, msgspec.Meta(pattern="^[A-Z]{2}$", extra={"must": "Must be a country such as DE."})] = "DE"
    is_gift: bool | msgspec.UnsetType = msgspec.UNSET
    #: What the handler does: refuse, fail, wait.
    act: str = ""


class Counter:
    """How often work was done."""

    done = 0
    held: asyncio.Event | None = None
    reached = asyncio.Event()


@post("/api/v1/probe", guards=[public])
async def create(
    request: Request[Any, Any, Any], data: JSONBody[Body], actor: CurrentActor, idempotency_key: IdempotencyKey = None
) -> Response[Any]:
    """Creates nothing but an answer."""
    async with idempotent(request, actor, idempotency_key) as answer, transaction(actor) as session:
        answer.claim(session)
        await sql.fetch_value(session, "SELECT 1")
        Counter.done += 1
        if data.act == "wait" and Counter.held is not None:
            Counter.reached.set()
            await Counter.held.wait()
        if data.act == "fail":
            raise RuntimeError("a bug")
        if data.act == "refuse":
            raise Conflict("The last one is gone.", code="sold_out", extra={"left": 0})
        await answer.keep(session, {"number": Counter.done, "note": data.note})
    return answer.response()


@get("/api/v1/probe", guards=[public])
async def search(
    need: FromQuery[int],
    limit: Limit = 20,
    cursor: Cursor = None,
    tags: FromQuery[list[int] | None] = None,
    since: FromQuery[str] = "",
) -> dict[str, Any]:
    """A list."""
    after = decode_cursor(cursor, tuple[int, str]) if cursor else None
    return {"need": need, "limit": limit, "after": after, "tags": tags, "since": since}


@get("/api/v1/probe/document", guards=[public])
async def document(request: Request[Any, Any, Any]) -> Response[Any]:
    """A finished document."""
    return json_document(request, DOCUMENT, max_age=60)


@get("/api/v1/probe/{what:str}", guards=[public])
async def failing(what: FromPath[str]) -> None:
    """Raises what the address says."""
    raise {
        "bug": RuntimeError("secret detail"),
        "gone": Gone("It has expired."),
        "busy": Unavailable("Too many at once.", code="busy"),
    }[what]


@get("/api/v1/probe/staff", guards=[requires(Permission.ORDERS_CANCEL)])
async def staff(actor: CurrentActor) -> dict[str, Any]:
    """Who is it."""
    return {"role": actor.role, "key": actor.key, "user_id": actor.user_id, "request_id": actor.request_id}


@get("/api/v1/probe/who", guards=[public])
async def who(actor: CurrentActor) -> dict[str, Any]:
    """Anybody."""
    return {"role": actor.role, "key": actor.key, "tokens": [token.hex() for token in actor.tokens]}


routes = [create, search, document, failing, staff, who]
