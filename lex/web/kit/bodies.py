"""JSON bodies: strict, in UTF-8, every bad field named.

A handler declares `data: SomeStruct` (with `forbid_unknown_fields=True`) and gets a valid one. Text that looks like a
number is not a number in a body, other than in a query string.
"""

import json
import math
import re
from collections.abc import Iterable
from itertools import islice
from typing import Any

import msgspec
from litestar import Request as LitestarRequest

from lex.core.errors import FieldError
from lex.web.kit.faults import MOST, faults, unusable_text
from lex.web.kit.refusals import InvalidFields, Malformed, UnsupportedMediaType

#: The largest body that is read, in bytes.
MAX_BODY = 1_000_000


class Request(LitestarRequest[Any, Any, Any]):
    """A request whose JSON body is decoded as the type its handler declares."""

    async def json(self) -> Any:
        """The body as the handler's `data` type. Raises `Malformed`, `UnsupportedMediaType` or `Invalid`."""
        kind = self.content_type[0].lower()
        if kind != "application/json" and not (kind.startswith("application/") and kind.endswith("+json")):
            raise UnsupportedMediaType("Send the body as JSON, with Content-Type: application/json.")
        body = await self.body()
        declared = self.route_handler.parsed_fn_signature.parameters.get("data")
        return decode_body(body, Any if declared is None else declared.raw)


# By identity, which each holds on to: hashing what a handler declares costs more than decoding a body.
_decoders: dict[int, tuple[Any, msgspec.json.Decoder[Any]]] = {}


def _decoder(annotation: Any) -> msgspec.json.Decoder[Any]:
    known = _decoders.get(id(annotation))
    if known is None:
        known = _decoders[id(annotation)] = (annotation, msgspec.json.Decoder(annotation))
    return known[1]


def decode_body(body: bytes, annotation: Any) -> Any:
    """JSON as `annotation`. Raises `Malformed` when it is not JSON, `Invalid` listing every bad field otherwise."""
    try:
        return _decode(body, annotation)
    except RecursionError as error:
        raise Malformed("The body is nested too deeply.") from error


def _decode(body: bytes, annotation: Any) -> Any:
    try:
        value = _decoder(annotation).decode(body)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        plain = _parse(body)
        _refuse_text(plain)
        found = _named(faults(annotation, plain)) or [_told_by_msgspec(str(error))]
        raise InvalidFields(found) from error
    if b"\\u0000" in body:
        _refuse_text(_parse(body))
    return value


def _refuse_text(plain: Any) -> None:
    if found := _named(islice(unusable_text(plain), MOST)):
        raise InvalidFields(found)


def _named(found: Iterable[FieldError]) -> list[FieldError]:
    """A fault of the document as a whole stands under `body`."""
    return [FieldError(fault.field or "body", fault.message, fault.code) for fault in found]


def _told_by_msgspec(message: str) -> FieldError:
    """A rule only the type itself knows, such as a check after decoding: `Expected … - at `$.lines[0].sku``."""
    text, _, place = message.partition(" - at `$")
    field = re.sub(r"\[(\d+|\.\.\.)]", r".\1", place.rstrip("`")).strip(".")
    return FieldError(field or "body", text.rstrip(".") + ".", "invalid")


def _parse(body: bytes) -> Any:
    """JSON as plain values, told apart from what is not JSON. Raises `Malformed` with line and column."""
    if not body.strip():
        raise InvalidFields([FieldError("body", "Is missing; send a JSON document.", "missing")])
    try:
        return json.loads(body.decode(), parse_constant=_no_constant, parse_int=_integer)
    except UnicodeDecodeError as error:
        line, column = body.count(b"\n", 0, error.start) + 1, error.start - body.rfind(b"\n", 0, error.start)
        place = f"the byte in line {line}, column {column} belongs to no character"
        raise Malformed(f"The body is not UTF-8: {place}.") from error
    except json.JSONDecodeError as error:
        reason = error.msg.split(":")[0].lower()
        raise Malformed(f"The body is not JSON: {reason} in line {error.lineno}, column {error.colno}.") from error


def _no_constant(name: str) -> Any:
    raise Malformed(f"The body is not JSON: {name} is not a JSON number.")


def _integer(digits: str) -> int | float:
    """Whole numbers of any length; what no field takes becomes infinity instead of minutes of arithmetic."""
    return int(digits) if len(digits) <= 100 else math.inf
