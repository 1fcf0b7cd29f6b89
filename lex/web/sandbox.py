"""The sandbox provider's own pages: its card form's endpoint and its bank. They exist only while it takes payments.

They stand for hosts of another company: no cookie or key of the shop is read here, and card numbers end here.
"""

import base64
import hashlib
import re
from typing import Annotated, Any
from urllib.parse import urlsplit

import msgspec
from litestar import Response, get, post

from lex.adapters.payments import sandbox, sandbox_books
from lex.adapters.payments.sandbox_books import Entry
from lex.adapters.payments.sandbox_cards import tokenise
from lex.core import money
from lex.core.errors import Invalid, NotFound
from lex.core.settings import settings
from lex.core.texts import is_web_address
from lex.web.kit.bodies import Request
from lex.web.kit.guards import public
from lex.web.kit.inputs import FromPath, JSONBody
from lex.web.kit.templates import page

_STYLE = (
    "body{margin:0;padding:24px;font:17px/1.5 system-ui,sans-serif;background:#faf9f7;color:#2a2622}"
    "main{max-width:420px;margin:48px auto}h1{font-size:21px;line-height:1.25}.muted{color:#6f6a62}"
    "button{display:block;width:100%;margin:12px 0;padding:12px;font:inherit;border:1px solid #8b857c;"
    "border-radius:6px;background:#fff;color:inherit}.main{background:#1f5b46;border-color:#1f5b46;color:#fff}"
)
_STYLE_HASH = base64.b64encode(hashlib.sha256(_STYLE.encode()).digest()).decode()
_ORIGIN = re.compile(r"https?://[A-Za-z0-9.\-\[\]:]+")

Digits = Annotated[str, msgspec.Meta(min_length=1, max_length=40)]


class CardForm(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What hosted card fields send."""

    number: Digits
    exp_month: int
    exp_year: int
    cvc: Digits


class Token(msgspec.Struct, frozen=True):
    """What the shop gets instead of a card."""

    token: str
    brand: str
    last4: str


@post("/sandbox/tokens", guards=[public], status_code=201, include_in_schema=False)
async def make_token(data: JSONBody[CardForm]) -> Token:
    """A test card becomes a token; any other number is refused."""
    token, card = tokenise(data.number, data.exp_month, data.exp_year, data.cvc)
    return Token(token, card.brand, card.last4)


@get("/sandbox/3ds/{payment_id:str}", guards=[public], include_in_schema=False)
async def show_challenge(payment_id: FromPath[str]) -> Response[str]:
    """The bank asks the buyer."""
    entry = await _payment(payment_id)
    return page(
        "sandbox/challenge.html",
        headers={"Content-Security-Policy": _policy(entry), "Cache-Control": "no-store"},
        style=_STYLE,
        open=entry.status == "requires_action",
        total=money.format_amount(entry.amount, entry.currency),
        brand=str(entry.card["brand"]).capitalize(),
        last4=entry.card["last4"],
    )


@post("/sandbox/3ds/{payment_id:str}", guards=[public], include_in_schema=False)
async def answer_challenge(request: Request, payment_id: FromPath[str]) -> Response[None]:
    """Approve, refuse or leave; then back to the shop."""
    answer = (await request.form()).get("answer")
    if answer not in ("approve", "refuse", "leave"):
        raise Invalid("answer", "Answer approve, refuse or leave.")
    entry = await _payment(payment_id)
    if answer != "leave":
        await sandbox.answer_challenge(payment_id, approved=answer == "approve")
    return Response(None, status_code=303, headers={"Location": _way_back(entry)})


async def _payment(payment_id: str) -> Entry:
    entry = await sandbox_books.find(payment_id)
    if entry is None:
        raise NotFound("This payment is not known.", code="payment_not_found")
    return entry


def _policy(entry: Entry) -> str:
    """No script at all; the form may lead to the shop, wherever that is served."""
    back = urlsplit(_way_back(entry))
    origin = f"{back.scheme}://{back.netloc}"
    allowed = f" {origin}" if _ORIGIN.fullmatch(origin) else ""
    return (
        f"default-src 'none'; style-src 'sha256-{_STYLE_HASH}'; form-action 'self'{allowed}; "
        "base-uri 'none'; frame-ancestors 'none'"
    )


def _way_back(entry: Entry) -> str:
    url = entry.return_url or ""
    return url if is_web_address(url) else settings().address


def routes() -> list[Any]:
    """The sandbox's routes; none when another provider takes the payments."""
    return [make_token, show_challenge, answer_challenge] if settings().payment_provider == "sandbox" else []
