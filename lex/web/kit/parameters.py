"""Every bad or missing query parameter, header and path part of a request, in the words of the body's faults."""

from collections.abc import Iterator
from functools import cache
from typing import Any

from litestar import Request
from litestar.constants import RESERVED_KWARGS
from litestar.enums import ParamType
from litestar.handlers.base import BaseRouteHandler
from litestar.params import ParameterKwarg
from litestar.typing import FieldDefinition
from msgspec import inspect

from lex.core.errors import FieldError
from lex.web.kit.faults import describe, faults


def parameter_faults(request: Request[Any, Any, Any]) -> list[FieldError]:
    """What is wrong with a request's parameters, after Litestar refused them; names the body when that is missing."""
    handler = request.route_handler
    model: Any = handler.signature_model
    dependencies = handler.resolve_dependencies()
    found: list[FieldError] = []
    for name, field in handler.parsed_fn_signature.parameters.items():
        if name == "data":
            if field.is_required and _is_empty(request):
                found.append(FieldError("body", "Is missing; send a JSON document.", "missing"))
        elif name not in RESERVED_KWARGS and name not in dependencies:
            found += _of_one(request, name, field, model.__annotations__.get(name, field.raw))
    return found or [FieldError("body", "Is not what this address takes.", "invalid")]


def misused_parameters(request: Request[Any, Any, Any]) -> list[FieldError]:
    """Query parameters that an address of the API does not take, and single ones that are given twice: one that is
    mistyped or overruled would show too much, unheard.
    """
    given, offered = request.query_params, _offered(request.route_handler)
    names = dict.fromkeys(given)
    way_out = f"this address takes {', '.join(offered)}." if offered else "this address takes none."
    unknown = [
        FieldError(name[:100], f"Is no parameter here; {way_out}", "unknown") for name in names if name not in offered
    ]
    if len(names) == len(given):
        return unknown
    once = [name for name in names if not offered.get(name, True)]
    repeated = [name for name in once if len(given.getall(name)) > 1]
    return unknown + [FieldError(name, "Is given more than once; give it once.", "repeated") for name in repeated]


@cache
def _offered(handler: BaseRouteHandler) -> dict[str, bool]:
    """The names of a handler's query parameters, and whether each is a list."""
    others = handler.resolve_dependencies().keys() | RESERVED_KWARGS
    return {
        kwarg.name or name: field.is_non_string_sequence
        or any(inner.is_non_string_sequence for inner in field.inner_types)
        for name, field in handler.parsed_fn_signature.parameters.items()
        if name not in others
        and isinstance(kwarg := field.kwarg_definition, ParameterKwarg)
        and kwarg.param_type == ParamType.QUERY
    }


def _is_empty(request: Request[Any, Any, Any]) -> bool:
    headers = request.headers
    length = headers.get("content-length", "" if "transfer-encoding" in headers else "0")
    return not headers.get("content-type") or length == "0"


def _of_one(
    request: Request[Any, Any, Any], name: str, field: FieldDefinition, annotation: Any
) -> Iterator[FieldError]:
    declared = field.kwarg_definition
    alias = declared.name or name if isinstance(declared, ParameterKwarg) else name
    source: Any = request.query_params
    if name in request.path_params:
        source = request.path_params
    elif isinstance(declared, ParameterKwarg) and declared.param_type == ParamType.HEADER:
        source = request.headers
    elif isinstance(declared, ParameterKwarg) and declared.param_type == ParamType.COOKIE:
        source = request.cookies
    if alias in source:
        value = source.getall(alias) if field.is_non_string_sequence and hasattr(source, "getall") else source[alias]
        yield from faults(annotation, value, alias, lax=True)
    elif field.is_required and not field.is_optional:
        yield FieldError(alias, f"Is missing; it must be {describe(inspect.type_info(annotation))}.", "missing")
