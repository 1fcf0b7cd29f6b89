"""What no handler can use: refused before it is called."""

import re
from collections.abc import Iterable
from typing import Any
from urllib.parse import parse_qsl, unquote_to_bytes

from litestar import Request

from lex.core.errors import FieldError
from lex.web.kit.parameters import misused_parameters
from lex.web.kit.refusals import InvalidFields, NotAcceptable

#: Files of any kind are handed over here, not documents; links of pages lead to them.
FILES = "/api/v1/downloads/"
_API = "/api/v1/"
_JSON = ("*/*", "application/*", "json")
_REFUSED = re.compile(rb";\s*q=0(?:\.0*)?\s*$")

Headers = Iterable[tuple[bytes, bytes]]


async def refuse_unusable(request: Request[Any, Any, Any]) -> None:
    """Before every handler. Raises `InvalidFields` for NUL in the address and for parameters that an address of the API
    does not take, or takes once, `NotAcceptable` for an API without JSON. Pages take any: others hang words of their
    own on links.
    """
    query: bytes = request.scope["query_string"]
    if b"%00" in query or b"\x00" in query:
        pairs = parse_qsl(query.decode("latin-1"), keep_blank_values=True)
        names = [name.replace("\x00", "\ufffd") for name, value in pairs if "\x00" in name + value]
        raise InvalidFields([FieldError(name, "Must not contain the NUL character.", "text") for name in names])
    if b"\x00" in unquote_to_bytes(request.scope.get("raw_path") or b""):
        raise InvalidFields([FieldError("path", "Must not contain the NUL character.", "text")])
    path = request.scope["path"]
    if query and path.startswith(_API) and request.method == "GET" and (misused := misused_parameters(request)):
        raise InvalidFields(misused)
    accept = request.headers.get("accept", "")
    is_document = path.startswith(_API) and not path.startswith(FILES)
    if accept and is_document and not any(kind in accept for kind in _JSON):
        raise NotAcceptable("This address answers application/json; send Accept: application/json.")


def without_refused_codings(headers: Headers) -> list[tuple[bytes, bytes]]:
    """The headers without codings of weight 0: who compresses looks for a coding's name alone."""
    return [
        (name, _taken(value) if name == b"accept-encoding" and b"q=0" in value else value) for name, value in headers
    ]


def _taken(codings: bytes) -> bytes:
    return b",".join(coding for coding in codings.split(b",") if not _REFUSED.search(coding))
