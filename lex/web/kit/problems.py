"""Every refusal and every bug as one kind of answer: an RFC 9457 problem, or a page with the same facts.

`refusal_of` is the one place that turns an exception into a status. A handler raises; it never builds a problem.
"""

import asyncio
import re
from collections.abc import Awaitable, Callable
from contextlib import suppress
from http import HTTPStatus
from typing import Any
from urllib.parse import urlencode

import msgspec
import structlog
from litestar import Request, Response
from litestar.exceptions import HTTPException, MethodNotAllowedException, ValidationException
from litestar.openapi.datastructures import ResponseSpec
from litestar.types import Receive, Scope, Send

from lex.core import codec
from lex.core.errors import Refusal
from lex.web.kit.acting import look_for_acting
from lex.web.kit.edge import request_id_of
from lex.web.kit.negotiation import FILES
from lex.web.kit.parameters import parameter_faults
from lex.web.kit.refusals import InvalidFields
from lex.web.kit.templates import page

log = structlog.get_logger("lex.web")

MEDIA_TYPE = "application/problem+json"
RETRY_SECONDS = 2
_PATIENCE = 1.0  # seconds a page waits for what stands around it

#: HTTP's own names changed after Python 3.11.
_TITLES = {413: "Content Too Large", 422: "Unprocessable Content"}
_SENTENCES = {
    400: "The request cannot be read.",
    404: "There is nothing at this address.",
    413: "The body is larger than 1 MB; send less at once.",
    500: "Something went wrong on our side. Nothing you sent is at fault; quote the request id when you report it.",
}
#: Addresses whose ends are not words of the catalogue.
_NO_WORDS = (
    *("/account", "/api/", "/staff", "/orders", "/cart", "/checkout", "/media/", "/static/", "/sandbox", "/sitemaps/"),
)
_WORD = re.compile(r"[^\W_]+")
_CODES = {400: "malformed", 413: "too_large", 500: "internal"}


class ProblemField(msgspec.Struct, frozen=True):
    """One bad field: its path (`lines.0.quantity`), a stable code and what is wrong with it."""

    field: str
    code: str
    message: str


class Problem(msgspec.Struct, frozen=True):
    """What went wrong (RFC 9457). `code` is stable for programs, `detail` is for people; some problems add members."""

    type: str
    title: str
    status: int
    detail: str
    code: str
    instance: str
    request_id: str
    errors: list[ProblemField] = []


class _HTTPRefusal(Refusal):
    """What Litestar itself refuses."""

    def __init__(self, status: int, headers: dict[str, str] | None = None) -> None:
        phrase = HTTPStatus(status).phrase
        code = _CODES.get(status, phrase.lower().replace(" ", "_"))
        super().__init__(_SENTENCES.get(status, f"{phrase}."), code=code)
        self.status = status  # type: ignore[misc]
        self.headers = headers or {}


Around = Callable[[], Awaitable[Any]]


class _Page(Response[str]):
    """The page of a problem, rendered when it is sent: what stands around it has to be asked for.

    Where a database in trouble may be the problem, it is not asked; what it does not answer is left out.
    """

    def __init__(self, request: Request[Any, Any, Any], around: Around, facts: dict[str, Any]) -> None:
        self.request, self.around, self.facts = request, around, facts

    def to_asgi_response(self, *_: Any, **__: Any) -> Any:
        return self

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        facts = self.facts
        if facts["status"] < 500:
            with suppress(Exception):
                async with asyncio.timeout(_PATIENCE):
                    await look_for_acting(self.request)
                    facts = {**facts, "frame": await self.around()}
        answer = page("problem.html", request=self.request, **facts)
        await answer.to_asgi_response(app=None, request=self.request)(scope, receive, send)


def answer_problem(request: Request[Any, Any, Any], error: Exception, *, around: Around) -> Response[Any]:
    """The exception handler of the application; `around` finds what stands around every page (`frame`)."""
    refusal = refusal_of(request, error)
    if refusal.status >= 500 and not isinstance(error, Refusal):
        log.error("unexpected error", exc_info=error, route=request.scope.get("path_template", ""))
    body = _body(refusal, request)
    headers = _headers(refusal)
    if _wants_page(request):
        if refusal.status == 401:
            return Response(None, status_code=303, headers={"Location": sign_in_address(request)})
        words = _words_of(request.scope["path"]) if refusal.status == 404 else ""
        facts = {"status": refusal.status, "headers": headers, "problem": body, "words": words, "q": words}
        return _Page(request, around, facts)
    return Response(codec.encode(body), status_code=refusal.status, media_type=MEDIA_TYPE, headers=headers)


def sign_in_address(request: Request[Any, Any, Any]) -> str:
    """The sign-in page, which leads back to the page that was asked for; a form is not sent again."""
    path, query = request.scope["path"], request.scope["query_string"].decode("latin-1")
    wanted = f"{path}?{query}" if query else path
    return f"/account/sign-in?{urlencode({'next': wanted if request.method == 'GET' else '/account'})}"


def refusal_of(request: Request[Any, Any, Any], error: Exception) -> Refusal:
    """The refusal an exception stands for; 500 for everything nobody expected."""
    if isinstance(error, Refusal):
        return error
    if isinstance(error, ValidationException):
        return InvalidFields(parameter_faults(request))
    if isinstance(error, MethodNotAllowedException):
        return _method_refusal(error)
    if isinstance(error, HTTPException):
        if "disconnected" in error.detail:  # nobody reads the answer, and nothing is broken here
            return _HTTPRefusal(400)
        return _HTTPRefusal(error.status_code, error.headers)
    return _HTTPRefusal(500)


def _method_refusal(error: MethodNotAllowedException) -> Refusal:
    methods = {name.strip() for name in (error.headers or {}).get("allow", "").split(",") if name.strip()}
    if "GET" in methods:
        methods.add("HEAD")
    refusal = _HTTPRefusal(405, {"Allow": ", ".join(sorted(methods))})
    refusal.message = f"This address takes {', '.join(sorted(methods))}."
    return refusal


def _headers(refusal: Refusal) -> dict[str, str]:
    headers = dict(getattr(refusal, "headers", {}))
    if refusal.status == 401:
        headers["WWW-Authenticate"] = 'Bearer realm="lex"'
    if refusal.status == 503:
        headers["Retry-After"] = str(RETRY_SECONDS)
    return headers


def _body(refusal: Refusal, request: Request[Any, Any, Any]) -> dict[str, Any]:
    problem = Problem(
        type=f"/problems/{refusal.code}",
        title=title_of(refusal.status),
        status=refusal.status,
        detail=refusal.message,
        code=refusal.code,
        instance=request.scope["path"],
        request_id=request_id_of(request.scope),
        errors=[ProblemField(error.field, error.code, error.message) for error in refusal.errors],
    )
    return {**refusal.extra, **msgspec.structs.asdict(problem)}


def _wants_page(request: Request[Any, Any, Any]) -> bool:
    """A browser asks for text/html by name; programs, and everybody under /api/ but for files, get it as JSON."""
    path = request.scope["path"]
    is_seen = path.startswith(FILES) or not path.startswith("/api/")
    return is_seen and "text/html" in request.headers.get("accept", "")


def _words_of(path: str) -> str:
    """What somebody looked for at an address that leads nowhere: the words of its end, unless it was no shop window."""
    if path.startswith(_NO_WORDS):
        return ""
    return " ".join(_WORD.findall(path.rstrip("/").rpartition("/")[2].rpartition(".")[0] or path.rpartition("/")[2]))[
        :80
    ]


def title_of(status: int) -> str:
    """HTTP's name of a status."""
    return _TITLES.get(status) or HTTPStatus(status).phrase


def problems(*statuses: int) -> dict[int, ResponseSpec]:
    """For a handler's `responses=`: the refusals of its own, such as `problems(404, 409)`.

    What every operation may answer (400, 401, 403, 406, 413, 415, 422, 500, 503) is added by `kit/openapi`.
    """
    return {
        status: ResponseSpec(
            data_container=Problem,
            description=title_of(status),
            media_type=MEDIA_TYPE,
            generate_examples=False,
        )
        for status in statuses
    }
