"""Where payment providers call: verify, keep, answer. What the event means is found out by a job."""

from typing import Any

import msgspec
from litestar import post
from litestar.openapi.spec import OpenAPIMediaType, Operation, RequestBody, Schema
from litestar.openapi.spec.enums import OpenAPIType

from lex.core.actor import system
from lex.flows.receive_webhook import receive_webhook
from lex.web.kit.bodies import Request
from lex.web.kit.edge import request_id_of
from lex.web.kit.guards import public
from lex.web.kit.inputs import FromPath
from lex.web.kit.problems import problems


class Received(msgspec.Struct, frozen=True):
    """How many events were new; 0 for one that came before."""

    received: int


class _RawBody(Operation):
    """The body is read raw, so nothing declares it; any JSON document may come."""

    def __post_init__(self) -> None:
        event = Schema(type=OpenAPIType.OBJECT, examples=[{"id": "evt_1", "type": "payment.captured"}])
        self.request_body = RequestBody(content={"application/json": OpenAPIMediaType(schema=event)}, required=True)


@post(
    "/webhooks/{provider:str}",
    guards=[public],
    status_code=200,
    tags=["webhooks"],
    summary="Take a payment provider's webhook",
    operation_id="receiveWebhook",
    operation_class=_RawBody,
    responses=problems(400, 404),
)
async def receive(request: Request, provider: FromPath[str]) -> Received:
    """Signed by the provider over the raw body, at most five minutes ago. The same event again changes nothing."""
    body = await request.body()
    headers = {key.lower(): value for key, value in request.headers.items()}
    who = system(request_id_of(request.scope))
    return Received(await receive_webhook(who, provider, body, headers))


routes: list[Any] = [receive]
