"""The sandbox provider's own pages: its card form's endpoint and its bank. They exist only while it takes payments.

They stand for hosts of another company: no cookie or key of the shop is read here, and card numbers end here.
"""

import re
from pathlib import Path
from typing import Annotated, Any
from urllib.parse import urlencode, urlsplit

import msgspec
from litestar import MediaType, Response, get, post
from litestar.params import QueryParameter

from lex.adapters.payments import sandbox, sandbox_books, sandbox_page
from lex.adapters.payments.sandbox_books import Entry
from lex.adapters.payments.sandbox_cards import CARDS, tokenise
from lex.core import wording
from lex.core.errors import Invalid, NotFound
from lex.core.settings import settings
from lex.core.texts import is_web_address
from lex.web.kit.bodies import Request
from lex.web.kit.forms import form_of
from lex.web.kit.guards import public
from lex.web.kit.inputs import FromPath, JSONBody
from lex.web.kit.templates import page

# A style sheet of its own: nothing of the shop's is read on another company's page.
_STYLE = (Path(__file__).parent / "templates" / "sandbox" / "style.css").read_text("utf-8")
_ORIGIN = re.compile(r"https?://[A-Za-z0-9.\-\[\]:]+")

Asked = Annotated[str, QueryParameter(max_length=2000)]
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


@get("/sandbox/style.css", guards=[public], include_in_schema=False)
async def style() -> Response[str]:
    """How the provider's pages look."""
    return Response(_STYLE, media_type=MediaType.CSS, headers={"Cache-Control": "public, no-cache"})


@get("/sandbox/pay", guards=[public], include_in_schema=False)
async def ask_for_card(amount: Asked, currency: Asked, back: Asked, signature: Asked) -> Response[str]:
    """The page a shop sends buyers to whose browsers run no scripts."""
    return _card_page(_total(amount, currency, back, signature), back, {}, {})


@post("/sandbox/pay", guards=[public], status_code=200, include_in_schema=False)
async def take_card(request: Request, amount: Asked, currency: Asked, back: Asked, signature: Asked) -> Response[Any]:
    """A card becomes a token, which goes back to the shop; what is wrong with it is said beside its field."""
    total = _total(amount, currency, back, signature)
    form = {name: str(value) for name, value in (await form_of(request)).items()}
    try:
        month, year = _expiry(form.get("expiry", ""))
        token, _ = tokenise(form.get("number", ""), month, year, form.get("cvc", ""))
    except Invalid as refusal:
        return _card_page(total, back, form, {fault.field.partition("_")[0]: fault.message for fault in refusal.errors})
    mark = "&" if "?" in back else "?"
    return Response(None, status_code=303, headers={"Location": f"{back}{mark}{urlencode({'token': token})}"})


def _total(amount: str, currency: str, back: str, signature: str) -> str:
    """The amount in words. Raises `NotFound` for an address the shop did not make."""
    if not sandbox_page.is_ours(amount, currency, back, signature) or not is_web_address(back):
        raise NotFound("The shop asked for no such payment; go back to it and try again.", code="payment_not_found")
    return wording.amount(int(amount), currency)


def _expiry(text: str) -> tuple[int, int]:
    """Month and year of `12 / 30` or `1230`: the number pad of a telephone has no slash. Raises `Invalid`."""
    match = re.fullmatch(r"(\d{1,2})\s*[/.-]?\s*(\d{4}|\d{2})", text.strip())
    if match is None:
        raise Invalid("exp_month", "Write month and year as on the card, such as 12/30.")
    return int(match[1]), int(match[2]) + 2000 * (len(match[2]) == 2)


def _card_page(total: str, back: str, form: dict[str, str], faults: dict[str, str]) -> Response[str]:
    return page(
        "sandbox/card.html",
        status=422 if faults else 200,
        headers={"Content-Security-Policy": _policy(back), "Cache-Control": "no-store"},
        total=total,
        back=back,
        form=form,
        faults=faults,
        cards=CARDS,
    )


@get("/sandbox/3ds/{payment_id:str}", guards=[public], include_in_schema=False)
async def show_challenge(payment_id: FromPath[str]) -> Response[str]:
    """The bank asks the buyer."""
    entry = await _payment(payment_id)
    return page(
        "sandbox/challenge.html",
        headers={"Content-Security-Policy": _policy(_way_back(entry)), "Cache-Control": "no-store"},
        open=entry.status == "requires_action",
        total=wording.amount(entry.amount, entry.currency),
        brand=str(entry.card["brand"]).capitalize(),
        last4=entry.card["last4"],
    )


@post("/sandbox/3ds/{payment_id:str}", guards=[public], include_in_schema=False)
async def answer_challenge(request: Request, payment_id: FromPath[str]) -> Response[None]:
    """Approve, refuse or leave; then back to the shop."""
    answer = (await form_of(request)).get("answer")
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


def _policy(way_back: str) -> str:
    """No script at all; the form may lead to the shop, wherever that is served."""
    back = urlsplit(way_back)
    origin = f"{back.scheme}://{back.netloc}"
    allowed = f" {origin}" if _ORIGIN.fullmatch(origin) else ""
    return f"default-src 'none'; style-src 'self'; form-action 'self'{allowed}; base-uri 'none'; frame-ancestors 'none'"


def _way_back(entry: Entry) -> str:
    url = entry.return_url or ""
    return url if is_web_address(url) else settings().address


def routes() -> list[Any]:
    """The sandbox's routes; none when another provider takes the payments."""
    pages = [style, make_token, ask_for_card, take_card, show_challenge, answer_challenge]
    return pages if settings().payment_provider == "sandbox" else []
