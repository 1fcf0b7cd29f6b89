"""Name, phone, birthday and language."""

from datetime import date
from typing import Any

from litestar import MediaType, Request, Response, get, post

from lex.core.actor import Actor
from lex.core.errors import Invalid, Refusal
from lex.db.session import transact
from lex.flows.accounts.details import change_details
from lex.identity.details import Details, get_details, languages
from lex.web.kit.forms import read_form
from lex.web.kit.guards import own_form, signed_in
from lex.web.kit.inputs import CurrentActor
from lex.web.storefront.account.pages import show
from lex.web.storefront.visitor import see_other

_PAGE = "/account/details"
_FIELDS = ("first_name", "last_name", "phone", "birth_date", "locale")


@get(_PAGE, guards=[signed_in], include_in_schema=False, media_type=MediaType.HTML)
async def details(request: Request[Any, Any, Any], actor: CurrentActor) -> Response[Any]:
    """The form, filled in."""
    return await _show(request, actor)


@post(_PAGE, guards=[signed_in, own_form], include_in_schema=False)
async def change(request: Request[Any, Any, Any], actor: CurrentActor) -> Response[Any]:
    """Keep what was written."""
    form = await read_form(request)
    try:
        await change_details(actor, actor.person, _details_of(form))
    except Refusal as refusal:
        return await _show(request, actor, form, refusal)
    return see_other(f"{_PAGE}?done")


def _details_of(form: dict[str, str]) -> Details:
    born = form.get("birth_date") or None
    try:
        birth_date = date.fromisoformat(born) if born else None
    except ValueError:
        raise Invalid("birth_date", "Give the day as year, month and day, such as 1990-05-17.") from None
    texts = {name: form.get(name) or None for name in ("first_name", "last_name", "phone")}
    return Details(**texts, birth_date=birth_date, locale=form.get("locale", ""))


async def _show(
    request: Request[Any, Any, Any],
    actor: Actor,
    form: dict[str, str] | None = None,
    refusal: Refusal | None = None,
) -> Response[Any]:
    profile = await transact(actor, lambda session: get_details(session, actor.person))
    form = form or {name: str(getattr(profile, name) or "") for name in _FIELDS}
    spoken = languages()
    if profile.locale not in dict(spoken):
        spoken = ((profile.locale, profile.locale), *spoken)
    done = "done" in request.query_params and refusal is None
    return await show(request, "details", form, refusal, profile=profile, languages=spoken, done=done)


routes = [details, change]
