"""The OpenAPI 3.1 document: what handlers declare, and what every operation shares added in one place."""

from importlib.metadata import version
from typing import Any

from litestar import Litestar
from litestar._openapi.plugin import OpenAPIPlugin
from litestar.config.app import AppConfig
from litestar.openapi.config import OpenAPIConfig
from litestar.openapi.spec import Components, License, Reference, SecurityScheme, Server, Tag
from msgspec import inspect

from lex.core.settings import settings
from lex.web.kit.guards import scope_needed
from lex.web.kit.openapi_examples import BODIES
from lex.web.kit.problems import MEDIA_TYPE, title_of

TAGS = {
    "catalogue": "Products and categories as everybody sees them. Answers carry an ETag.",
    "cart": "A cart of goods, priced each time it is read. A guest's cart is opened by "
    "the token its creation answered, sent as `X-Cart-Token`.",
    "checkout": "From a cart to a paid order: place, pay, follow. A guest's order is opened by its `X-Order-Token`.",
    "account": "One's own account: sign up, sign in, change it. A session is a cookie; calls by it that change "
    "something come from a page of the shop, or carry JSON.",
    "tokens": "API keys: personal tokens, and keys of applications. Made and revoked in person, by session.",
    "orders": "The order desk. Needs a staff key.",
    "people": "People and staff: find them, appoint, close and open accounts. Needs a staff key.",
    "coupons": "Coupons, their unique codes and their uses. Needs a staff key.",
    "webhooks": "What payment providers call.",
    "system": "Health, readiness and metrics.",
}
_ABOUT = """\
Goods, bookable services and memberships in one order under one payment.

- Amounts are whole numbers in minor units (cents) beside an ISO 4217 `currency`.
- Instants are UTC in RFC 3339; ids are UUIDs.
- Refusals are RFC 9457 problems (`application/problem+json`) with a stable `code`, a `request_id` and every bad field \
under `errors`.
- Calls are counted, each key's apart: `RateLimit` and `RateLimit-Policy` tell how many are left. Too many are told 429.
- Lists are paged by `cursor`: send the `next_cursor` of the page before.
- What trades takes an `Idempotency-Key`, listed with the operation: repeating it with the same key and body is safe.
"""
_SECURITY: dict[str, SecurityScheme | Reference] = {
    "apiKey": SecurityScheme(
        type="http",
        scheme="bearer",
        description="A personal token (`lex_pat_…`) or an application's key (`lex_key_…`), sent as "
        "`Authorization: Bearer <key>` and in no other way. It acts for its owner, within its scopes: what an "
        "operation needs is listed with it.",
    ),
    "session": SecurityScheme(
        type="apiKey",
        name="lex_session",
        security_scheme_in="cookie",
        description="The cookie of a sign-in; `__Host-lex_session` under TLS.",
    ),
    "cartToken": SecurityScheme(
        type="apiKey", name="X-Cart-Token", security_scheme_in="header", description="The token of a guest's cart."
    ),
    "orderToken": SecurityScheme(
        type="apiKey", name="X-Order-Token", security_scheme_in="header", description="The token of a guest's order."
    ),
}

#: For `security=` of a handler; the scopes are put in from its guards.
STAFF: list[dict[str, list[str]]] = [{"apiKey": []}]
SESSION: list[dict[str, list[str]]] = [{"session": []}]
ACCOUNT: list[dict[str, list[str]]] = [{"session": []}, {"apiKey": []}]
CART: list[dict[str, list[str]]] = [{"cartToken": []}, {"session": []}, {"apiKey": []}]
ORDER: list[dict[str, list[str]]] = [{"orderToken": []}, {"session": []}, {"apiKey": []}]


def document_of(app: Litestar) -> dict[str, Any]:
    """The whole document of an application.

    The plugin is run by hand: as a part of the application it would add pages of its own, which load from foreign
    hosts.
    """
    plugin = OpenAPIPlugin(app)
    plugin.on_app_init(AppConfig(openapi_config=config()))
    for route in app.routes:
        for handler in getattr(route, "route_handlers", ()):
            for answer in (handler.responses or {}).values():
                answer.generate_examples = False  # made-up ones are random letters
        plugin.receive_route(route)
    document = _tidied(plugin.provide_openapi_schema())
    _close(document, _closed_types(app))
    _put_scopes(document, app)
    return completed(document)


def config() -> OpenAPIConfig:
    """The head of the document."""
    return OpenAPIConfig(
        title=f"{settings().shop_name}: Lex API",
        version=version("lex"),
        description=_ABOUT,
        license=License(name="Apache-2.0", identifier="Apache-2.0"),
        servers=[Server(url=settings().public_url or "/")],
        tags=[Tag(name=name, description=about) for name, about in TAGS.items()],
        components=Components(security_schemes=_SECURITY),
        use_handler_docstrings=True,
        create_examples=False,
    )


def completed(document: dict[str, Any]) -> dict[str, Any]:
    """The document with the refusals every operation may answer, so that no handler repeats them."""
    schemas = document["components"].setdefault("schemas", {})
    schemas["Problem"] = _PROBLEM
    schemas.pop("ProblemField", None)
    for path, operations in document["paths"].items():
        for operation in operations.values():
            if isinstance(operation, dict) and "responses" in operation:
                _complete(path, operation)
    return document


def _put_scopes(document: dict[str, Any], app: Litestar) -> None:
    """Which scope a key needs, as the route's guards say it: OpenAPI 3.1 lists such roles for any kind of security."""
    needed = {
        handler.operation_id: scope
        for route in app.routes
        for handler in getattr(route, "route_handlers", ())
        if (scope := scope_needed(handler.resolve_guards(), min(handler.http_methods))) is not None
    }
    for operations in document["paths"].values():
        for operation in operations.values():
            scope = needed.get(operation.get("operationId")) if isinstance(operation, dict) else None
            if scope:
                operation["security"] = [
                    {name: [scope] if name == "apiKey" else roles for name, roles in one.items()}
                    for one in operation.get("security", ())
                ]


def _tidied(value: Any) -> Any:
    """Bounds of whole numbers are whole numbers too."""
    if isinstance(value, dict):
        return {key: _tidied(inner) for key, inner in value.items()}
    if isinstance(value, list):
        return [_tidied(inner) for inner in value]
    return int(value) if isinstance(value, float) and value.is_integer() else value


def _closed_types(app: Litestar) -> set[str]:
    """Names of the body types that accept no other fields, the nested ones too."""
    found: set[str] = set()
    for route in app.routes:
        for handler in getattr(route, "route_handlers", ()):
            body = handler.parsed_fn_signature.parameters.get("data")
            if body is not None:
                _collect(inspect.type_info(body.raw), found)
    return found


def _collect(info: Any, found: set[str]) -> None:
    if isinstance(info, inspect.StructType) and info.cls.__name__ not in found:
        if info.forbid_unknown_fields:
            found.add(info.cls.__name__)
        for field in info.fields:
            _collect(field.type, found)
    for name in ("type", "item_type", "value_type"):
        if isinstance(inner := getattr(info, name, None), inspect.Type):
            _collect(inner, found)
    for inner in getattr(info, "types", ()):
        _collect(inner, found)


def _close(document: dict[str, Any], names: set[str]) -> None:
    for schema in document["components"].get("schemas", {}).values():
        if schema.get("title") in names:
            schema["additionalProperties"] = False


def _complete(path: str, operation: dict[str, Any]) -> None:
    responses = operation["responses"]
    body = operation.get("requestBody", {}).get("content", {}).get("application/json")
    if body and operation.get("operationId") in BODIES:
        body["examples"] = {"demo": {"value": BODIES[operation["operationId"]]}}
    statuses = {400, 500, 503}
    if path.startswith("/api/"):
        statuses |= {406, 429}
    if operation.get("security"):
        statuses |= {401, 403}
    if operation.get("requestBody"):
        statuses |= {413, 415, 422}
    if operation.get("parameters"):
        statuses.add(422)
    if any(parameter["in"] == "path" for parameter in operation.get("parameters", ())):
        statuses.add(404)
    for status in sorted(statuses):
        if status == 400 or str(status) not in responses:  # Litestar's own 400 describes a body that Lex never sends
            responses[str(status)] = _problem_response(status)
    operation["responses"] = dict(sorted(responses.items()))


def _problem_response(status: int) -> dict[str, Any]:
    headers = {}
    if status == 429:
        headers = _RATE_HEADERS
    if status == 503:
        headers = {"Retry-After": {"schema": {"type": "string"}, "description": "Seconds to wait."}}
    if status == 401:
        headers = {"WWW-Authenticate": {"schema": {"type": "string"}, "description": "How to present a key."}}
    return {
        "description": title_of(status),
        "headers": headers,
        "content": {MEDIA_TYPE: {"schema": {"$ref": "#/components/schemas/Problem"}}},
    }


_TEXT = {"type": "string"}
_RATE_HEADERS = {
    "Retry-After": {"schema": _TEXT, "description": "Seconds to wait."},
    "RateLimit": {"schema": _TEXT, "description": 'Calls left and the seconds until there are more: `"key";r=0;t=30`.'},
    "RateLimit-Policy": {"schema": _TEXT, "description": 'Calls in a window of seconds: `"key";q=600;w=60`.'},
}
_PROBLEM: dict[str, Any] = {
    "type": "object",
    "title": "Problem",
    "description": "What went wrong (RFC 9457). Some problems add members of their own.",
    "required": ["type", "title", "status", "detail", "code", "instance", "request_id", "errors"],
    "properties": {
        "type": {**_TEXT, "format": "uri-reference"},
        "title": _TEXT,
        "status": {"type": "integer", "minimum": 400, "maximum": 599},
        "detail": {**_TEXT, "description": "A sentence for people: what is wrong and what to do."},
        "code": {**_TEXT, "description": "Stable, for programs."},
        "instance": _TEXT,
        "request_id": _TEXT,
        "errors": {
            "type": "array",
            "items": {
                "type": "object",
                "required": ["field", "code", "message"],
                "properties": {"field": _TEXT, "code": _TEXT, "message": _TEXT},
            },
        },
    },
    "examples": [
        {
            "type": "/problems/invalid",
            "title": "Unprocessable Content",
            "status": 422,
            "detail": "lines.0.quantity: must be a whole number between 1 and 9999, not “two”.",
            "code": "invalid",
            "instance": "/api/v1/carts",
            "request_id": "0199c9a0-7b1e-7c3a-9f52-5a0c6f1d2e3b",
            "errors": [
                {
                    "field": "lines.0.quantity",
                    "code": "type",
                    "message": "Must be a whole number between 1 and 9999, not “two”.",
                }
            ],
        }
    ],
}
