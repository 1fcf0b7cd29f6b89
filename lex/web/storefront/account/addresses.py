"""The addresses somebody keeps: a list, and one form for a new one and for each."""

from typing import Any
from uuid import UUID

import msgspec
from litestar import MediaType, Request, Response, get, post

from lex.core import countries
from lex.core.errors import Invalid, NotFound, Refusal
from lex.core.settings import settings
from lex.db.session import Session, transact
from lex.identity import address_book
from lex.identity.address_book import AddressDraft, OwnAddress, Use
from lex.web.kit.forms import read_form
from lex.web.kit.guards import own_form, signed_in
from lex.web.kit.inputs import CurrentActor, FromPath
from lex.web.storefront.account.pages import show
from lex.web.storefront.visitor import see_other

_PAGE = "/account/addresses"
_DONE = frozenset({"added", "changed", "deleted"})
_SWITCHES = ("is_default_billing", "is_default_shipping")
_USES: dict[str, Use] = {"both": "both", "shipping": "shipping", "billing": "billing"}
Form = dict[str, str]


@get(_PAGE, guards=[signed_in], include_in_schema=False, media_type=MediaType.HTML)
async def addresses(request: Request[Any, Any, Any], actor: CurrentActor) -> Response[Any]:
    """All of them."""
    kept = await transact(actor, lambda session: address_book.list_addresses(session, actor.person))
    done = request.query_params.get("done", "")
    told = done if done in _DONE else ""
    return await show(request, "addresses", addresses=kept, most=address_book.MOST, done=told)


@get(f"{_PAGE}/new", guards=[signed_in], include_in_schema=False, media_type=MediaType.HTML)
async def new(request: Request[Any, Any, Any]) -> Response[Any]:
    """An empty form, for the shop's country."""
    return await _form(request, {"country": settings().country})


@post(f"{_PAGE}/new", guards=[signed_in, own_form], include_in_schema=False)
async def add(request: Request[Any, Any, Any], actor: CurrentActor) -> Response[Any]:
    """Keep another address."""
    form = await read_form(request)

    async def work(session: Session) -> UUID:
        return await address_book.add_address(session, actor.person, _draft_of(form))

    try:
        await transact(actor, work)
    except Refusal as refusal:
        return await _form(request, form, refusal)
    return see_other(f"{_PAGE}?done=added")


@get(f"{_PAGE}/{{address_id:uuid}}", guards=[signed_in], include_in_schema=False, media_type=MediaType.HTML)
async def one(request: Request[Any, Any, Any], address_id: FromPath[UUID], actor: CurrentActor) -> Response[Any]:
    """The form, filled in."""
    kept = await transact(actor, lambda session: address_book.get_address(session, actor.person, address_id))
    return await _form(request, _form_of(kept), address_id=address_id)


@post(f"{_PAGE}/{{address_id:uuid}}", guards=[signed_in, own_form], include_in_schema=False)
async def change(request: Request[Any, Any, Any], address_id: FromPath[UUID], actor: CurrentActor) -> Response[Any]:
    """Keep it as it is now."""
    form = await read_form(request)

    async def work(session: Session) -> None:
        await address_book.change_address(session, actor.person, address_id, _draft_of(form))

    try:
        await transact(actor, work)
    except NotFound:
        raise
    except Refusal as refusal:
        return await _form(request, form, refusal, address_id)
    return see_other(f"{_PAGE}?done=changed")


@post(f"{_PAGE}/{{address_id:uuid}}/delete", guards=[signed_in, own_form], include_in_schema=False)
async def remove(address_id: FromPath[UUID], actor: CurrentActor) -> Response[Any]:
    """Forget it; one that is gone already is no matter."""
    try:
        await transact(actor, lambda session: address_book.remove_address(session, actor.person, address_id))
    except NotFound:
        return see_other(_PAGE)
    return see_other(f"{_PAGE}?done=deleted")


@post(f"{_PAGE}/new/form", guards=[signed_in, own_form], include_in_schema=False)
async def fields(request: Request[Any, Any, Any]) -> Response[Any]:
    """The same form with the fields of another country, and all that was typed."""
    return await _form(request, await read_form(request))


@post(f"{_PAGE}/{{address_id:uuid}}/form", guards=[signed_in, own_form], include_in_schema=False)
async def fields_of_one(request: Request[Any, Any, Any], address_id: FromPath[UUID]) -> Response[Any]:
    """The same for one that is kept."""
    return await _form(request, await read_form(request), address_id=address_id)


@get(
    [f"{_PAGE}/new/form", f"{_PAGE}/{{address_id:uuid}}/form", f"{_PAGE}/{{address_id:uuid}}/delete"],
    guards=[signed_in],
    include_in_schema=False,
)
async def address_form() -> Response[Any]:
    """The address of a form that a browser kept."""
    return see_other(_PAGE)


async def _form(
    request: Request[Any, Any, Any], form: Form, refusal: Refusal | None = None, address_id: UUID | None = None
) -> Response[Any]:
    wanted, options = form.get("country", ""), countries.options()
    form = {**form, "country": wanted if wanted in dict(options) else settings().country}
    here = f"{_PAGE}/{address_id or 'new'}"
    return await show(request, "address", form, refusal, countries=options, address_id=address_id, here=here)


def _draft_of(form: Form) -> AddressDraft:
    """The address of a form; `check` names what is wrong with it. Raises `Invalid` for a use that is none."""
    if (use := _USES.get(form.get("type", "both"))) is None:
        raise Invalid("type", "Say what the address is for: both, shipping or billing.")
    return AddressDraft(
        recipient_name=form.get("recipient_name", ""),
        company=form.get("company") or None,
        line1=form.get("line1", ""),
        line2=form.get("line2") or None,
        postal_code=form.get("postal_code") or None,
        city=form.get("city", ""),
        region=form.get("region") or None,
        country=form.get("country", ""),
        phone=form.get("phone") or None,
        type=use,
        is_default_billing=bool(form.get("is_default_billing")),
        is_default_shipping=bool(form.get("is_default_shipping")),
    )


def _form_of(address: OwnAddress) -> Form:
    told = msgspec.structs.asdict(address)
    return {name: str(told[name] or "") for name in AddressDraft.__struct_fields__} | {
        name: "1" for name in _SWITCHES if told[name]
    }


routes = [addresses, new, add, one, change, remove, fields, fields_of_one, address_form]
